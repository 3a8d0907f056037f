package consume

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/devkafka"
	"pushbridge/internal/offset"
)

// benchEvent is a structured event of 500 bytes.
func benchEvent() []byte {
	const head = `{"specversion":"1.0","id":"0123456789abcdef","source":"/shop/members","type":"member.promo","subject":"user-12345","time":"2026-11-22T10:00:00Z","datacontenttype":"application/json","data":{"tags":["vip","beta"],"city":"berlin","text":"`
	return []byte(head + strings.Repeat("x", 500-len(head)-3) + `"}}`)
}

func BenchmarkDecode(b *testing.B) {
	const count = 8 // binary mode: attributes in so many headers
	d := decoder{maxBytes: DefaultMaxEventBytes}
	for name, r := range map[string]Record{
		"structured": {Value: benchEvent(), Headers: headers("content-type", structuredType)},
		"binary": {Value: benchEvent()[:250], Headers: binaryHeaders("ce_subject", "u", "ce_time", "2026-11-22T10:00:00Z",
			"ce_partitionkey", "k", "content-type", "application/json")[:count]},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				record := r
				d.decode(&record)
				if record.Err != nil {
					b.Fatal(record.Err)
				}
			}
		})
	}
}

// BenchmarkFetch reads a topic of two partitions from an embedded broker in this
// process, so the broker's work is in the figures; raw does not decode.
func BenchmarkFetch(b *testing.B) {
	const perPartition = 50_000
	broker, err := devkafka.Start(devkafka.Config{Topics: map[string]int32{"events": 2}})
	if err != nil {
		b.Fatal(err)
	}
	defer broker.Close()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := newClient(broker.Addrs(), transport, 5*time.Second)
	fill(b, client, perPartition)

	for name, decode := range map[string]func(*Record){
		"raw":        func(*Record) {},
		"structured": decoder{maxBytes: DefaultMaxEventBytes}.decode,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			total := 0
			for b.Loop() {
				m, err := newMetrics(prometheus.NewRegistry(), []string{"events"})
				if err != nil {
					b.Fatal(err)
				}
				g := &Group{cfg: Config{Logger: slog.New(slog.DiscardHandler)}, client: client, decode: decode, metrics: m}
				total += drain(b, g, 2*perPartition)
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// drain fetches both partitions until n records are there.
func drain(b *testing.B, g *Group, n int) int {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	out, ended := make(chan Batch), make(chan struct{})
	for id := range int32(2) {
		f := newFetcher(g, Assignment{Partition: offset.Partition{Topic: "events", ID: id}}, 2, out)
		go func() {
			f.run(ctx)()
			ended <- struct{}{}
		}()
	}
	got := 0
	for got < n {
		batch := <-out
		for i := range batch.Records {
			if err := batch.Records[i].Err; err != nil {
				b.Fatal(err)
			}
		}
		got += len(batch.Records)
	}
	cancel()
	<-ended
	<-ended
	return got
}

func fill(b *testing.B, client *kafka.Client, perPartition int) {
	b.Helper()
	const chunk = 1000
	value := benchEvent()
	for partition := range 2 {
		for range perPartition / chunk {
			records := make([]kafka.Record, chunk)
			for i := range records {
				records[i] = kafka.Record{Key: kafka.NewBytes(fmt.Appendf(nil, "user-%d", i)), Value: kafka.NewBytes(value),
					Headers: []kafka.Header{{Key: "content-type", Value: []byte(structuredType)}}}
			}
			res, err := client.Produce(b.Context(), &kafka.ProduceRequest{Topic: "events", Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...)})
			if err == nil {
				err = res.Error
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
