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

// heard is a journal that remembers what it was told.
type heard struct {
	Journal
	attempt journal.Attempt
}

func (h *heard) Begin(_ context.Context, a journal.Attempt) error { h.attempt = a; return nil }

func TestClockThatIsAhead(t *testing.T) {
	t.Attr("guards", "the soak's clocks are wrong by what they say")
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	h, c := &heard{}, &clock{}
	c.ahead.Store(int64(time.Hour))
	if err := c.journal(h).Begin(t.Context(), journal.Attempt{At: now}); err != nil {
		t.Fatal(err)
	}
	if got := h.attempt.At.Sub(now); got != time.Hour || !h.attempt.Deadline.IsZero() {
		t.Errorf("a clock an hour ahead wrote %v ahead, and the deadline %v", got, h.attempt.Deadline)
	}
	var asked time.Time
	state, err := c.recall(func(_ context.Context, from journal.ReadFrom) (*journal.State, error) {
		asked = from.Now
		return &journal.State{Calls: []journal.Call{{End: now.Add(time.Hour)}}}, nil
	})(t.Context(), journal.ReadFrom{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if !asked.Equal(now.Add(time.Hour)) || !state.Calls[0].End.Equal(now) {
		t.Errorf("read at %v, a call's end at %v; want %v and %v", asked, state.Calls[0].End, now.Add(time.Hour), now)
	}
}
