package results

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/kafkatest"
)

// What is told on a real broker comes back as it was told.
func TestOnRealKafka(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	address := kafkatest.Address(t, kafkatest.Plain)
	transport := &kafka.Transport{MetadataTTL: time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	id := time.Now().UnixNano()
	cfg := Config{
		Addr: kafka.TCP(address), Transport: transport, Patience: 30 * time.Second,
		Topic: fmt.Sprintf("results-test-%d", id), DLQTopic: fmt.Sprintf("dlq-test-%d", id), Format: Format{SDKAppID: 7},
	}
	client := &kafka.Client{Addr: cfg.Addr, Transport: transport, Timeout: 30 * time.Second}
	topics := []string{cfg.Topic, cfg.DLQTopic}
	for _, topic := range topics {
		if _, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
			Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		// The test's context is over when its cleanup runs.
		if _, err := client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: topics}); err != nil {
			t.Error(err)
		}
	})

	w := newWriter(t, cfg)
	const n = chunk + 7
	if err := w.Tell(t.Context(), manyEnds(n)); err != nil {
		t.Fatal(err)
	}
	letters := []DeadLetter{
		{Value: make([]byte, batchBytes), Time: time.Now(), Reason: Undecodable, Text: "too large to keep"},
		{Value: make([]byte, batchBytes-1000), Time: time.Now(), Reason: Undecodable, Text: "as large as may be"},
		{Time: time.Now(), Reason: Undecodable, Text: "a tombstone"},
		{Key: make([]byte, batchBytes), Value: []byte("v"), Time: time.Now(), Reason: Undecodable, Text: "a key too large to keep"},
		{Time: time.Now().Add(2 * time.Hour), At: time.Now(), Reason: Undecodable, Text: "a time that the broker does not take"},
	}
	if err := w.Bury(t.Context(), letters); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, cfg, cfg.Topic); len(got) != n {
		t.Errorf("%d events, want %d", len(got), n)
	} else if ev := decode(t, got[n-1]); ev.ID() != fmt.Sprintf("member.promo/2@%d::unmatched", n-1) {
		t.Errorf("last event is %s", ev.ID())
	}
	got := readAll(t, cfg, cfg.DLQTopic)
	if len(got) != len(letters) {
		t.Fatalf("%d dead letters, want %d", len(got), len(letters))
	}
	for i, want := range []int{0, batchBytes - 1000, 0, 0, 0} {
		if len(got[i].Value) != want {
			t.Errorf("dead letter %d has %d bytes, want %d", i, len(got[i].Value), want)
		}
	}
}
