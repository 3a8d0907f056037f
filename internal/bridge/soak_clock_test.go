package bridge

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"pushbridge/internal/journal"
)

// clock is how far ahead an instance's wall clock is, in nanoseconds. A bubble
// has one clock, and steps of one cannot touch a running process, which measures
// on the monotonic one; so what a wrong clock does is done where instants are
// stored and read back: on the way to the journal and from it.
//
// A nil clock is right.
type clock struct{ ahead atomic.Int64 }

func (c *clock) offset() time.Duration { return time.Duration(c.ahead.Load()) }

// journal returns the journal as a process with this clock writes it.
func (c *clock) journal(log Journal) Journal {
	if c == nil {
		return log
	}
	return clockedJournal{log, c}
}

// recall returns the reading of the journal by a process with this clock.
func (c *clock) recall(read func(context.Context, journal.ReadFrom) (*journal.State, error)) func(context.Context, journal.ReadFrom) (*journal.State, error) {
	if c == nil {
		return read
	}
	return func(ctx context.Context, from journal.ReadFrom) (*journal.State, error) {
		ahead := c.offset()
		from.Now = from.Now.Add(ahead)
		state, err := read(ctx, from)
		if err != nil {
			return nil, err
		}
		for i := range state.Calls {
			state.Calls[i].Start = shift(state.Calls[i].Start, -ahead)
			state.Calls[i].End = shift(state.Calls[i].End, -ahead)
		}
		for i, a := range state.InDoubt {
			state.InDoubt[i] = shiftAttempt(a, -ahead)
		}
		for i, p := range state.Partial {
			o := p.Outcome
			o.Started, o.Ended = shift(o.Started, -ahead), shift(o.Ended, -ahead)
			state.Partial[i] = journal.Completed{Attempt: shiftAttempt(p.Attempt, -ahead), Outcome: o}
		}
		return state, nil
	}
}

type clockedJournal struct {
	Journal
	c *clock
}

func (j clockedJournal) Begin(ctx context.Context, a journal.Attempt) error {
	return j.Journal.Begin(ctx, shiftAttempt(a, j.c.offset()))
}

func (j clockedJournal) End(ctx context.Context, o journal.Outcome, ds []journal.Disposition) error {
	o.Started, o.Ended = shift(o.Started, j.c.offset()), shift(o.Ended, j.c.offset())
	return j.Journal.End(ctx, o, j.shifted(ds))
}

func (j clockedJournal) Record(ctx context.Context, ds []journal.Disposition) error {
	return j.Journal.Record(ctx, j.shifted(ds))
}

func (j clockedJournal) shifted(ds []journal.Disposition) []journal.Disposition {
	ds = slices.Clone(ds)
	for i := range ds {
		ds[i].At = shift(ds[i].At, j.c.offset())
	}
	return ds
}

func shiftAttempt(a journal.Attempt, by time.Duration) journal.Attempt {
	a.At, a.Deadline = shift(a.At, by), shift(a.Deadline, by)
	return a
}

// shift moves an instant, not one that is not there.
func shift(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(by)
}
