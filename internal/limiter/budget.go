package limiter

import (
	"time"

	"pushbridge/internal/intent"
)

// Budget keeps the API's two limits: a call starts more than interval after the
// response to the one before it, and no window holds more than quota calls.
// Both are measured from a call's end to a later call's start, the reading that
// stays true whatever the network did in between. Calls are made one at a time.
//
// Only SpendFrom, Touch and SetTerms change a Budget. What is asked about
// another instant is answered from the calls known now, as if no other were made.
type Budget struct {
	interval time.Duration
	window   window
	quota    int
	pools    []intent.Pool
	written  int                // of pools: those of the terms; the replays' may follow
	reserve  int                // calls that only critical may use, or intent.AutoReserve
	changes  int                // how often what it answers was changed
	calls    record             // all that count
	byPool   map[string]*record // those of them that drew on a pool
	last     time.Time          // end of the latest call, counted or not
}

// newBudget returns a Budget with nothing spent whose windows have a length
// wherever they begin. It panics unless all three are positive: the numbers come
// from checked configuration.
func newBudget(interval, length time.Duration, quota int) *Budget {
	if interval <= 0 || length <= 0 || quota <= 0 {
		panic("limiter: a budget needs a positive interval, window and quota")
	}
	return &Budget{interval: interval, window: window{length: length}, quota: quota, byPool: map[string]*record{}}
}

// NewBudgetOf returns a Budget under terms with nothing spent. It panics unless the
// terms pass their Check.
func NewBudgetOf(t intent.Terms) *Budget {
	b := newBudget(1, 24*time.Hour, 1)
	b.SetTerms(t)
	return b
}

// SetTerms puts the Budget under other terms; what was spent stays spent. With a
// larger quota calls are free at once, with a smaller one none is until enough
// have left the window. It panics unless the terms pass their Check.
func (b *Budget) SetTerms(t intent.Terms) {
	if err := t.Check(); err != nil {
		panic("limiter: unchecked terms: " + err.Error())
	}
	b.interval, b.quota, b.window.day = t.Interval, t.Calls, t.Day
	b.pools, b.written, b.reserve = t.AllPools(), len(t.Pools), t.Reserve
	b.changes++
}

// Next returns the first instant from now on at which a call may start.
func (b *Budget) Next(now time.Time) time.Time {
	at := b.afterInterval(now)
	if b.free(at) > 0 {
		return at
	}
	ends := b.calls.in(b.window)
	return latest(at, b.window.gone(ends[len(ends)-b.quota]))
}

// afterInterval is the first instant from now on that the interval allows.
func (b *Budget) afterInterval(now time.Time) time.Time {
	if b.last.IsZero() {
		return now
	}
	return latest(now, b.last.Add(b.interval+1)) // "more than": one nanosecond
}

// SpendFrom records a call that drew on a pool (empty: on what is common), counts against
// the quota, and whose response was received, or can no longer come, at end. Ends may be
// given in any order, so that calls remembered from an earlier life can be added.
func (b *Budget) SpendFrom(pool string, end time.Time) {
	b.Touch(end)
	b.changes++
	date := end.Round(0)
	b.calls.add(end, date)
	if pool != "" {
		if b.byPool[pool] == nil {
			b.byPool[pool] = new(record)
		}
		b.byPool[pool].add(end, date)
	}
	cut := b.window.forget(b.calls.newest())
	b.calls.forget(cut)
	for name, r := range b.byPool {
		if r.forget(cut); len(r.ends) == 0 {
			delete(b.byPool, name)
		}
	}
}

// Touch records a response that does not count against the quota but after
// which the interval must pass all the same (90024).
func (b *Budget) Touch(end time.Time) { b.last = latest(b.last, end) }

// Quota returns the number of calls that a window may hold.
func (b *Budget) Quota() int { return b.quota }

// Used returns how many calls count at now: more than the quota, where it was
// larger once.
func (b *Budget) Used(now time.Time) int { return b.calls.used(b.window, now) }

// free returns how many calls the quota leaves at now. Asked about a later
// instant, it counts the calls that are free now and those that come back until
// then.
func (b *Budget) free(now time.Time) int { return max(0, b.quota-b.Used(now)) }

// nextReturn is when the next calls after now leave the window; zero: there is
// none in it.
func (b *Budget) nextReturn(now time.Time) time.Time { return b.calls.nextReturn(b.window, now) }

// lastReturn is when calls last left the window; zero: none is known to have.
func (b *Budget) lastReturn(now time.Time) time.Time { return b.calls.lastReturn(b.window, now) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	switch {
	case a.IsZero():
		return b
	case b.IsZero() || a.Before(b):
		return a
	}
	return b
}
