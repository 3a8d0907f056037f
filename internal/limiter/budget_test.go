package limiter

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/intent"
)

// twin keeps every call and counts, for each instant anew. Of days it knows only
// what a clock shows, second by second.
type twin struct {
	terms        intent.Terms
	length       time.Duration
	counted, all []time.Time
	pools        []string // of counted
}

// counts says whether a call that ended at end counts at now.
func (w *twin) counts(end, now time.Time) bool {
	if w.terms.Day == nil {
		return now.Sub(end) <= w.length
	}
	// Some day may, by the API's clock, be both the end's and now's.
	date := func(t time.Time) string { return t.In(w.terms.Day).Format(time.DateOnly) }
	return date(end.Add(clockError)) >= date(now.Add(-clockError))
}

func (w *twin) used(now time.Time, pool string) (n int) {
	for i, end := range w.counted {
		if w.counts(end, now) && (pool == "" || w.pools[i] == pool) {
			n++
		}
	}
	return n
}

func (w *twin) legal(at time.Time) bool {
	for _, end := range w.all {
		if at.Sub(end) <= w.terms.Interval {
			return false
		}
	}
	return w.used(at, "") < w.terms.Calls
}

// Small windows in nanoseconds, every instant looked at.
func TestBudgetAgreesWithAllItsCalls(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	const interval, length = 10, 100
	rapid.Check(t, func(t *rapid.T) {
		quota := rapid.IntRange(1, 5).Draw(t, "quota")
		b := newBudget(interval, length, quota)
		w := &twin{terms: intent.Terms{Calls: quota, Interval: interval}, length: length}
		// Ends in any order, as recovery hands them over.
		for range rapid.IntRange(0, 12).Draw(t, "calls") {
			end := start.Add(time.Duration(rapid.IntRange(0, 150).Draw(t, "end")))
			w.all = append(w.all, end)
			if rapid.Bool().Draw(t, "counted") {
				w.counted = append(w.counted, end)
				b.SpendFrom("", end)
			} else {
				b.Touch(end)
			}
		}
		if rapid.Bool().Draw(t, "other terms") {
			w.terms.Calls = rapid.IntRange(1, 8).Draw(t, "other quota")
			b.SetTerms(w.terms)
		}
		for offset := range 300 {
			now := start.Add(time.Duration(offset))
			used := w.used(now, "")
			if got := b.Used(now); got != used || b.free(now) != max(0, w.terms.Calls-used) || b.Quota() != w.terms.Calls {
				t.Fatalf("at %d: %d used, %d free, want %d of %d", offset, got, b.free(now), used, w.terms.Calls)
			}
			next := b.Next(now)
			if next.Before(now) || !w.legal(next) {
				t.Fatalf("at %d: next is %v, which is not legal", offset, next.Sub(start))
			}
			for at := now; at.Before(next); at = at.Add(1) {
				if w.legal(at) {
					t.Fatalf("at %d: next is %v, but %v is legal", offset, next.Sub(start), at.Sub(start))
				}
			}
			back := b.nextReturn(now)
			if back.IsZero() != (b.Used(now) == 0) || (!back.IsZero() && (b.Used(back) >= b.Used(now) || b.Used(back.Add(-1)) != b.Used(now))) {
				t.Fatalf("at %d: the next call comes back at %v", offset, back.Sub(start))
			}
		}
	})
}

// Two days of calls as fast as they may go, whatever the API's latency.
func TestTwoDaysOfCallsKeepTheBudget(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	const quota = 100
	r := rand.New(rand.NewPCG(1, 2))
	b := newBudget(time.Second, 24*time.Hour, quota)
	var starts, ends []time.Time
	for now := start; len(starts) < 2*quota; {
		now = b.Next(now)
		starts = append(starts, now)
		now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
		ends = append(ends, now)
		b.SpendFrom("", now)
	}
	for i := 1; i < len(starts); i++ {
		if gap := starts[i].Sub(ends[i-1]); gap <= time.Second {
			t.Errorf("call %d started %v after the response to call %d", i, gap, i-1)
		}
		if i >= quota && starts[i].Sub(ends[i-quota]) <= 24*time.Hour {
			t.Errorf("calls %d to %d lie within 24 hours", i-quota, i)
		}
	}
	if took := starts[2*quota-1].Sub(start); took > 24*time.Hour+15*time.Minute {
		t.Errorf("two days' calls took %v: a call waited for nothing", took)
	}
}
