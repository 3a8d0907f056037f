package limiter

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The twin keeps every end and counts.
func TestBudgetAgreesWithAllItsCalls(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	const interval, window = 10, 100
	rapid.Check(t, func(t *rapid.T) {
		quota := rapid.IntRange(1, 5).Draw(t, "quota")
		b := NewBudget(interval, window, quota)
		var counted, all []time.Time
		// Ends in any order, as recovery hands them over.
		for range rapid.IntRange(0, 12).Draw(t, "calls") {
			end := start.Add(time.Duration(rapid.IntRange(0, 150).Draw(t, "end")))
			all = append(all, end)
			if rapid.Bool().Draw(t, "counted") {
				counted = append(counted, end)
				b.Spend(end)
			} else {
				b.Touch(end)
			}
		}
		legal := func(at time.Time) bool {
			for _, end := range all {
				if at.Sub(end) <= interval {
					return false
				}
			}
			return b.Free(at) > 0
		}
		for offset := range 300 {
			now := start.Add(time.Duration(offset))
			used := 0
			for _, end := range counted {
				if now.Sub(end) <= window {
					used++
				}
			}
			// Of more calls than the quota the oldest are forgotten: the window is full with the others.
			if got := b.Used(now); got != min(used, quota) || b.Free(now) != quota-got {
				t.Fatalf("at %d: %d used, %d free, want %d of %d", offset, got, b.Free(now), used, quota)
			}
			next := b.Next(now)
			if next.Before(now) || !legal(next) {
				t.Fatalf("at %d: next is %v, which is not legal", offset, next.Sub(start))
			}
			for at := now; at.Before(next); at = at.Add(1) {
				if legal(at) {
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
	b := NewBudget(time.Second, 24*time.Hour, quota)
	var starts, ends []time.Time
	for now := start; len(starts) < 2*quota; {
		now = b.Next(now)
		starts = append(starts, now)
		now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
		ends = append(ends, now)
		b.Spend(now)
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
