package consume

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"
)

// Waits between attempts that fail.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// backoff is the next wait; it doubles up to maxBackoff.
type backoff time.Duration

func newBackoff() *backoff {
	b := backoff(minBackoff)
	return &b
}

func (b *backoff) next() time.Duration {
	d := time.Duration(*b)
	*b = backoff(min(2*d, maxBackoff))
	return d
}

func (b *backoff) reset() { *b = backoff(minBackoff) }

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// trouble logs an activity's failures once per change, not once per attempt: an
// outage of an hour is two lines, one when it begins and one when it is over.
type trouble struct {
	log  *slog.Logger
	kind int // of the last failure; 0: none
}

func newTrouble(log *slog.Logger, doing string) *trouble {
	return &trouble{log: log.With("doing", doing)}
}

// report notes a failure and logs it where it is of another kind than the last.
func (t *trouble) report(err error) {
	kind := kindOf(err)
	if t.kind == kind {
		return
	}
	t.kind = kind
	t.log.Warn("kafka fails, trying on", "error", err)
}

// over notes a success.
func (t *trouble) over() {
	if t.kind != 0 {
		t.log.Info("kafka works again")
	}
	t.kind = 0
}

// networkKind stands for all errors that are not the broker's answer; their texts
// hold port numbers that change with every attempt. No broker's code is as low.
const networkKind = -1000

func kindOf(err error) int {
	if code, ok := errors.AsType[kafka.Error](err); ok {
		return int(code)
	}
	return networkKind
}
