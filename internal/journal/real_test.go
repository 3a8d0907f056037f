package journal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/kafkatest"
	"pushbridge/internal/offset"
)

// The whole life of a journal on a real broker, whose answers the embedded one
// only imitates: topic settings, offsets by time, compressed batches.
func TestOnRealKafka(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	address := kafkatest.Address(t, kafkatest.Plain)
	transport := &kafka.Transport{MetadataTTL: time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := Config{
		Addr: kafka.TCP(address), Transport: transport,
		Topic: fmt.Sprintf("journal-test-%d", time.Now().UnixNano()), Patience: 30 * time.Second,
	}
	if _, err := Ensure(t.Context(), cfg, false); err == nil {
		t.Fatal("a topic that there is not is fine")
	}
	if _, err := Ensure(t.Context(), cfg, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client := &kafka.Client{Addr: cfg.Addr, Transport: transport, Timeout: 10 * time.Second}
		// The test's context is over when its cleanup runs.
		if _, err := client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{cfg.Topic}}); err != nil {
			t.Error(err)
		}
	})

	l := newLog(t, cfg)
	start := time.Now()
	clocks, err := l.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ahead := clocks.Now.Round(0).Sub(clocks.Broker); ahead < -time.Millisecond || ahead > time.Minute {
		t.Errorf("the broker's clock shows %v at %v: it ought to be this machine's", clocks.Broker, clocks.Now)
	}
	var many []int64
	for o := range int64(20_000) {
		many = append(many, 7*o)
	}
	a, open := attemptOf(t, "a1", start, many...), attemptOf(t, "b2", start, 3)
	end := Outcome{ID: "a1", Number: 1, Class: ClassOK, Started: start, Ended: start.Add(time.Second), Counted: true}
	if err := errors.Join(
		l.Record(t.Context(), disposed(Unmatched, "", 1, 2)),
		l.Begin(t.Context(), a),
		l.End(t.Context(), end, disposed(Pushed, "vip", many...)),
		l.Begin(t.Context(), open),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(t.Context(), cfg, false); err != nil {
		t.Errorf("the topic that it made itself: %v", err)
	}

	if clocks, err = l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A clock that is two days ahead finds the calls all the same.
	ahead := clocks
	ahead.Now = ahead.Now.Add(48 * time.Hour)
	s := read(t, cfg, ReadFrom{Clocks: ahead})
	for _, c := range s.Calls {
		if age := ahead.Now.Sub(c.End); age > time.Since(start) {
			t.Errorf("a call of this test ended %v ago", age)
		}
	}
	if s.Records != 6 || len(s.Calls) != 2 || len(s.InDoubt) != 1 || len(s.Partial) != 0 || s.Disposed[promo].Len() != 20_002 {
		t.Errorf("%d records, %d calls, %d in doubt, %d partial, %d events; want 6, 2, 1, 0, 20002",
			s.Records, len(s.Calls), len(s.InDoubt), len(s.Partial), s.Disposed[promo].Len())
	}
	if !s.Ended(offset.Position{Partition: promo, Offset: 7 * 19_999}) {
		t.Error("the last event was forgotten")
	}
	if s := read(t, cfg, ReadFrom{Clocks: Clocks{Now: start.Add(30 * time.Hour)}}); s.Records != 0 || s.Next != 6 {
		t.Errorf("a day later %d records, next %d; want 0 and 6", s.Records, s.Next)
	}
}
