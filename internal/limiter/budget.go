package limiter

import (
	"slices"
	"time"
)

// Budget keeps the API's two limits: a call starts more than interval after the
// response to the one before it, and no window holds more than quota calls.
// Both are measured from a call's end to a later call's start, the reading that
// stays true whatever the network did in between.
type Budget struct {
	interval time.Duration
	window   time.Duration
	quota    int
	ends     []time.Time // ends of the latest counted calls, oldest first, at most quota
	last     time.Time   // end of the latest call, counted or not
}

// NewBudget returns a Budget with nothing spent. It panics unless all three are
// positive: the numbers come from checked configuration.
func NewBudget(interval, window time.Duration, quota int) *Budget {
	if interval <= 0 || window <= 0 || quota <= 0 {
		panic("limiter: a budget needs a positive interval, window and quota")
	}
	return &Budget{interval: interval, window: window, quota: quota}
}

// Next returns the first instant from now on at which a call may start. It
// changes nothing.
func (b *Budget) Next(now time.Time) time.Time {
	at := now
	if !b.last.IsZero() {
		at = latest(at, b.last.Add(b.interval+1)) // "more than": one nanosecond
	}
	if len(b.ends) >= b.quota {
		at = latest(at, b.ends[len(b.ends)-b.quota].Add(b.window+1))
	}
	return at
}

// Spend records a call that counts against the quota and whose response was
// received, or can no longer come, at end. Ends may be given in any order, so
// that calls remembered from an earlier life can be added.
func (b *Budget) Spend(end time.Time) {
	b.Touch(end)
	i, _ := slices.BinarySearchFunc(b.ends, end, time.Time.Compare)
	b.ends = slices.Insert(b.ends, i, end)
	if extra := len(b.ends) - b.quota; extra > 0 {
		b.ends = slices.Delete(b.ends, 0, extra)
	}
}

// Touch records a response that does not count against the quota but after
// which the interval must pass all the same (90024).
func (b *Budget) Touch(end time.Time) { b.last = latest(b.last, end) }

// Quota returns the number of calls that a window may hold.
func (b *Budget) Quota() int { return b.quota }

// Used returns how many calls the window that ends at now holds. It changes
// nothing.
func (b *Budget) Used(now time.Time) int {
	return len(b.ends) - b.returned(now)
}

// Free returns how many calls the quota leaves at now. It changes nothing.
func (b *Budget) Free(now time.Time) int { return b.quota - b.Used(now) }

// returned is how many of the ends are no longer in the window that ends at now.
func (b *Budget) returned(now time.Time) int {
	n, _ := slices.BinarySearchFunc(b.ends, now.Add(-b.window), time.Time.Compare)
	return n
}

// nextReturn is when the oldest call in the window leaves it; zero: there is none.
func (b *Budget) nextReturn(now time.Time) time.Time {
	if n := b.returned(now); n < len(b.ends) {
		return b.ends[n].Add(b.window + 1)
	}
	return time.Time{}
}

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
