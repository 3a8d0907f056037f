package devkafka_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"pushbridge/internal/devkafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(b *devkafka.Broker) (*kafka.Client, func()) {
	transport := &kafka.Transport{Dial: b.Dial}
	return &kafka.Client{Addr: kafka.TCP(b.Addrs()...), Transport: transport, Timeout: 5 * time.Second}, transport.CloseIdleConnections
}

func produce(t *testing.T, b *devkafka.Broker, topic, value string) int64 {
	t.Helper()
	c, done := client(b)
	defer done()
	res, err := c.Produce(t.Context(), &kafka.ProduceRequest{
		Topic:        topic,
		RequiredAcks: kafka.RequireAll,
		Records:      kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte(value))}),
	})
	if err != nil || res.Error != nil {
		t.Fatalf("produce: %v, %v", err, res)
	}
	return res.BaseOffset
}

func TestStartKeepsDataOnDisk(t *testing.T) {
	t.Attr("guards", "the demo's memory survives a restart")
	t.Parallel()
	cfg := devkafka.Config{DataDir: t.TempDir(), Topics: map[string]int32{"events": 1}}

	for want := range int64(3) {
		b, err := devkafka.Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := produce(t, b, "events", "x"); got != want {
			t.Errorf("start %d: offset %d, want %d", want, got, want)
		}
		b.Close()
	}
}

func TestStartVirtual(t *testing.T) {
	t.Attr("guards", "the embedded broker runs on fake time")
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, err := devkafka.StartVirtual(devkafka.Config{Brokers: 3, Topics: map[string]int32{"events": 3}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if got := len(b.Addrs()); got != 3 {
			t.Errorf("%d addresses, want 3", got)
		}
		if got := produce(t, b, "events", "x"); got != 0 {
			t.Errorf("offset %d, want 0", got)
		}
		if err := b.CreateTopic("compacted", 2, map[string]string{"cleanup.policy": "compact"}); err != nil {
			t.Fatal(err)
		}
		c, done := client(b)
		defer done()
		meta, err := c.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{"compacted"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(meta.Topics[0].Partitions); got != 2 {
			t.Errorf("%d partitions, want 2", got)
		}
	})
}

func TestTopicsKeepTheBrokersTime(t *testing.T) {
	t.Attr("guards", "the embedded broker stamps what it appends where a topic asks for it")
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, err := devkafka.StartVirtual(devkafka.Config{Topics: map[string]int32{"theirs": 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if err := b.CreateTopic("ours", 1, map[string]string{"message.timestamp.type": "LogAppendTime"}); err != nil {
			t.Fatal(err)
		}
		c, done := client(b)
		defer done()
		start := time.Now()
		for topic, want := range map[string]time.Time{"theirs": {}, "ours": start} {
			res, err := c.Produce(t.Context(), &kafka.ProduceRequest{
				Topic: topic, RequiredAcks: kafka.RequireAll, Compression: kafka.Zstd,
				Records: kafka.NewRecordReader(kafka.Record{Time: start.Add(-time.Hour), Value: kafka.NewBytes([]byte("x"))}),
			})
			if err != nil || res.Error != nil {
				t.Fatalf("%s: %v, %v", topic, err, res)
			}
			if got := res.LogAppendTime; got.IsZero() != want.IsZero() || !want.IsZero() && got.UnixMilli() != want.UnixMilli() {
				t.Errorf("%s: appended at %v, want %v", topic, got, want)
			}
			back, err := c.Fetch(t.Context(), &kafka.FetchRequest{Topic: topic, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 2 * time.Second})
			if err != nil || back.Error != nil {
				t.Fatalf("%s: %v, %v", topic, err, back)
			}
			if _, err := back.Records.ReadRecord(); err != nil {
				t.Errorf("%s: %v", topic, err)
			}
		}
	})
}

func TestStartRefuses(t *testing.T) {
	t.Attr("guards", "a wrong configuration of the embedded broker is an error")
	t.Parallel()
	if b, err := devkafka.Start(devkafka.Config{Brokers: 2, Ports: []int{0}}); err == nil {
		b.Close()
		t.Error("2 brokers on 1 port: no error")
	}
}
