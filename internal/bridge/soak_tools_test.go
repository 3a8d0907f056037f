package bridge

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/twmb/franz-go/pkg/kfake"

	"pushbridge/internal/journal"
)

// echo serves what the network's port 8080 is sent, and returns what ends it.
func echo(t *testing.T, network *kfake.VirtualNetwork) func() {
	t.Helper()
	ln, err := network.Listen("tcp", apiAddr)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	return func() { ln.Close() }
}

// says writes a word and returns what comes back within a minute.
func says(c net.Conn) (string, error) {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte("word")); err != nil {
		return "", err
	}
	buf := make([]byte, 4)
	n, err := io.ReadFull(c, buf)
	return string(buf[:n]), err
}

func TestWireThatIsCutOrFrozen(t *testing.T) {
	t.Attr("guards", "the soak's network does what it says")
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := new(kfake.VirtualNetwork)
		defer echo(t, network)()
		w := newWire(network)
		dial := func() net.Conn {
			t.Helper()
			c, err := w.dialAPI(context.Background(), "tcp", apiAddr)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := dial()
		if got, err := says(c); got != "word" || err != nil {
			t.Fatalf("whole: %q, %v", got, err)
		}

		w.set(toAPI, silenced)
		start := time.Now()
		if got, err := says(c); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("frozen: %q, %v after %v; want a timeout after a minute", got, err, time.Since(start))
		}
		w.set(toAPI, whole)
		if got, err := says(c); err == nil {
			t.Errorf("a connection that has lost something says %q", got)
		}

		c = dial()
		w.set(toKafka, cut)
		if got, err := says(c); got != "word" || err != nil {
			t.Errorf("the other way is cut: %q, %v", got, err)
		}
		w.hangUp("elsewhere:9092")
		if got, err := says(c); got != "word" || err != nil {
			t.Errorf("another has hung up: %q, %v", got, err)
		}
		w.hangUp(apiAddr)
		if got, err := says(c); err == nil {
			t.Errorf("who has hung up says %q", got)
		}
		c = dial()
		w.kill()
		w.set(toAPI, whole)
		if got, err := says(c); err == nil {
			t.Errorf("a dead process says %q", got)
		}
		if c, err := w.dialAPI(context.Background(), "tcp", apiAddr); err == nil {
			t.Errorf("a dead process dials %v", c.RemoteAddr())
		}
	})
}

// heard is a way to Kafka that remembers the last record it was given to write.
type heard struct{ value []byte }

func (h *heard) RoundTrip(_ context.Context, _ net.Addr, r kafka.Request) (kafka.Response, error) {
	record, err := r.(*produce.Request).Topics[0].Partitions[0].RecordSet.Records.ReadRecord()
	if err == nil {
		h.value, err = protocol.ReadAll(record.Value)
	}
	return nil, errors.Join(err, io.EOF) // nobody is there
}

func TestClockThatIsAhead(t *testing.T) {
	t.Attr("guards", "the soak's clocks are wrong by what they say")
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	h, c := &heard{}, &clock{}
	c.ahead.Store(int64(time.Hour))
	for given, want := range map[string]string{
		`{"v":4,"attempt":{"at":"2026-01-01T12:00:00Z","broker_at":"2026-01-01T12:00:00Z","messages":[{"b":"<","a":1}]}}`: `{"attempt":{"at":"2026-01-01T13:00:00Z","broker_at":"2026-01-01T12:00:00Z","messages":[{"b":"<","a":1}]},"v":4}`,
		`{"v":4,"outcome":{"ended":"2026-01-01T12:00:00.5Z"},"dispositions":[{"at":"2026-01-01T12:00:00Z"}]}`:             `{"dispositions":[{"at":"2026-01-01T13:00:00Z"}],"outcome":{"ended":"2026-01-01T13:00:00.5Z"},"v":4}`,
	} {
		client := kafka.Client{Addr: kafka.TCP("nowhere:9092"), Transport: c.transport(h)}
		_, err := client.Produce(t.Context(), &kafka.ProduceRequest{
			Topic: journalTopic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte(given))}),
		})
		if !errors.Is(err, io.EOF) || string(h.value) != want {
			t.Errorf("%s became %s (%v)\nwant %s", given, h.value, err, want)
		}
	}
	var asked time.Time
	state, err := c.recall(func(_ context.Context, from journal.ReadFrom) (*journal.State, error) {
		asked = from.Now
		return &journal.State{Calls: []journal.Call{{End: now.Add(time.Hour)}}}, nil
	})(t.Context(), journal.ReadFrom{Clocks: journal.Clocks{Now: now}})
	if err != nil {
		t.Fatal(err)
	}
	if !asked.Equal(now.Add(time.Hour)) || !state.Calls[0].End.Equal(now) {
		t.Errorf("read at %v, a call's end at %v; want %v and %v", asked, state.Calls[0].End, now.Add(time.Hour), now)
	}
}
