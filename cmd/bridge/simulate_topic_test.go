package main

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
	"pushbridge/internal/simulate"
)

// Partitions are merged by time, and each keeps its order whatever its timestamps
// say. What lies before --from or from --to on is left out.
func TestTopicArrivals(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	broker, err := devkafka.Start(devkafka.Config{Topics: map[string]int32{"in": 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(broker.Addrs()...), Transport: transport}
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, r := range []struct {
		partition int
		at        time.Duration
		id        string
	}{
		{0, 0, "a"}, {0, 4 * time.Minute, "b"}, {0, 2 * time.Minute, "c"}, {0, 9 * time.Minute, "d"}, // c's producer had another clock
		{1, time.Minute, "e"}, {1, 3 * time.Minute, "f"}, {1, 5 * time.Minute, "g"}, {1, 9 * time.Minute, "h"},
	} {
		res, err := client.Produce(t.Context(), &kafka.ProduceRequest{
			Topic: "in", Partition: r.partition, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{
				Time: start.Add(r.at), Value: kafka.NewBytes(fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"/s","type":"x"}`, r.id)),
				Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
			}),
		})
		if err != nil || res.Error != nil {
			t.Fatal(err, res.Error)
		}
	}
	for name, tt := range map[string]struct {
		from, to time.Duration // 0: none
		want     string
	}{
		"all":     {0, 0, "1 in/0@0 a 0s, 2 in/1@0 e 1m0s, 3 in/1@1 f 3m0s, 4 in/0@1 b 4m0s, 5 in/0@2 c 4m0s, 6 in/1@2 g 5m0s, 7 in/0@3 d 9m0s, 8 in/1@3 h 9m0s"},
		"between": {time.Minute, 9 * time.Minute, "1 in/1@0 e 1m0s, 2 in/1@1 f 3m0s, 3 in/0@1 b 4m0s, 4 in/0@2 c 4m0s, 5 in/1@2 g 5m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			topic := topicRecords{scan: consume.NewScanner(consume.ScanConfig{Brokers: broker.Addrs(), Transport: transport})}
			if tt.from > 0 {
				topic.from, topic.to = start.Add(tt.from), start.Add(tt.to)
			}
			if err := topic.find(t.Context(), []string{"in"}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for a, err := range topic.arrivals(t.Context()) {
				if err != nil || a.Err != nil {
					t.Fatal(err, a.Err)
				}
				got = append(got, fmt.Sprintf("%d %s %s %v", a.Line, topic.place(a.Line), a.Event.ID(), a.At.Sub(start)))
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("arrivals %v\nwant %s", got, tt.want)
			}
		})
	}
}

// Each of several simulations gets the whole stream, or the error that ends it, and
// one that gives up keeps no other waiting.
func TestFanOut(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	const n = 3*fanChunk + 7
	gone, cut := errors.New("gave up"), errors.New("disk gone")
	stream := func(end error) iter.Seq2[simulate.Arrival, error] {
		return func(yield func(simulate.Arrival, error) bool) {
			for i := range n {
				if !yield(simulate.Arrival{Line: int64(i + 1)}, nil) {
					return
				}
			}
			if end != nil {
				yield(simulate.Arrival{}, end)
			}
		}
	}
	for name, tt := range map[string]struct {
		runs    int
		leaves  int // which run gives up; -1: none
		end     error
		wantErr error
	}{
		"one": {1, -1, nil, nil}, "three": {3, -1, nil, nil}, "one of three leaves": {3, 1, nil, gone}, "the stream breaks": {3, -1, cut, cut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make([]int64, tt.runs)
			err := fanOut(stream(tt.end), tt.runs, func(i int, events iter.Seq2[simulate.Arrival, error]) error {
				for a, err := range events {
					if err != nil {
						return err
					}
					if seen[i]++; a.Line != seen[i] {
						return fmt.Errorf("run %d: line %d, want %d", i, a.Line, seen[i])
					}
					if i == tt.leaves && a.Line == 5 {
						return gone
					}
				}
				return nil
			})
			if !errors.Is(err, tt.wantErr) || err != nil && err.Error() != tt.wantErr.Error() {
				t.Errorf("fanOut: %v, want %v", err, tt.wantErr)
			}
			for i, got := range seen {
				if i != tt.leaves && got != n {
					t.Errorf("run %d had %d of %d", i, got, n)
				}
			}
			if tt.leaves >= 0 && !slices.Contains(seen, 5) {
				t.Errorf("nobody left: %v", seen)
			}
		})
	}
}
