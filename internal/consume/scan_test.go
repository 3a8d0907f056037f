package consume_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/consume"
	"pushbridge/internal/devkafka"
)

// A scan brings what lies between two offsets, or from an instant on, and what was
// deleted in between stops it as little as a session.
func TestScanner(t *testing.T) {
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
	for n := range 20 {
		value := fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":"x"}`, n)
		res, err := client.Produce(t.Context(), &kafka.ProduceRequest{
			Topic: "in", Partition: 1, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{
				Time: start.Add(time.Duration(n) * time.Minute), Value: kafka.NewBytes([]byte(value)),
				Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
			}),
		})
		if err != nil || res.Error != nil {
			t.Fatal(err, res.Error)
		}
	}
	s := consume.NewScanner(consume.ScanConfig{Brokers: broker.Addrs(), Transport: transport, Patience: 10 * time.Second})
	parts, err := s.Whole(t.Context(), "in")
	if err != nil || len(parts) != 2 || parts[0].Next != 0 || parts[1].First != 0 || parts[1].Next != 20 {
		t.Fatalf("parts %+v, %v", parts, err)
	}
	read := func(p consume.Part) string {
		t.Helper()
		var got []string
		for r, err := range s.Read(t.Context(), p) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Event.ID())
		}
		if len(got) == 0 {
			return "nothing"
		}
		return fmt.Sprintf("%d from %s to %s", len(got), got[0], got[len(got)-1])
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	want("an empty partition", read(parts[0]), "nothing")
	want("all", read(parts[1]), "20 from 0 to 19")
	want("between", read(consume.Part{Partition: parts[1].Partition, First: 3, Next: 5}), "2 from 3 to 4")
	for after, of := range map[time.Duration]string{7 * time.Minute: "13 from 7 to 19", time.Hour: "nothing", -time.Hour: "20 from 0 to 19"} {
		part, err := s.From(t.Context(), parts[1], start.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		want("from "+after.String(), read(part), of)
	}
	if err := broker.Cluster().DeleteRecords("in", 1, 12); err != nil {
		t.Fatal(err)
	}
	want("partly deleted", read(consume.Part{Partition: parts[1].Partition, First: 3, Next: 14}), "2 from 12 to 13")
	want("deleted", read(consume.Part{Partition: parts[1].Partition, First: 3, Next: 10}), "nothing")
	want("beyond the end", read(consume.Part{Partition: parts[1].Partition, First: 30, Next: 40}), "nothing")
	if _, err := s.Whole(t.Context(), "none"); !errors.Is(err, consume.ErrNoTopic) {
		t.Errorf("no topic: %v", err)
	}
}
