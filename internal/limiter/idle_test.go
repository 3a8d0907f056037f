package limiter

import (
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// In an idle system a critical event waits for others of its alert for two seconds
// at most, however long it may wait: then its call starts, after the interval.
func TestCriticalEventsGoSoonInAnIdleSystem(t *testing.T) {
	t.Attr("guards", "latency of critical events")
	t.Parallel()
	const settle, interval = 2 * time.Second, time.Second
	for _, maxDelay := range []time.Duration{time.Second, time.Minute, time.Hour, 12 * time.Hour} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v busy=%t", maxDelay, busy), func(t *testing.T) {
				t.Parallel()
				s := newScheduler()
				now := start
				if busy { // another call has just ended
					s.budget.Touch(now)
				}
				in := newIntent(t, 1, audience.All(), message(t, "storm"))
				in.Policy.Priority, in.Policy.MaxDelay, in.Policy.Expires = intent.Critical, maxDelay, start.Add(24*time.Hour)
				s.Add(now, in)
				for {
					d := s.Next(now)
					if d.Batch != nil {
						break
					}
					now = d.WakeAt
				}
				if waited := now.Sub(start); waited > settle+interval+1 {
					t.Errorf("its call starts after %v, want %v and an interval at most", waited, settle)
				}
			})
		}
	}
}

// With demand far above the quota the calls are spent over the whole day, and every
// one of them on what is worth more than the average.
func TestCallsLastTheDay(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	s := newScheduler()
	now, n := start, 0
	var hours [24]int
	for next := start; now.Before(start.Add(24 * time.Hour)); {
		if !now.Before(next) { // 500 messages a day, which no merge saves
			n++
			in := newIntent(t, n, audience.All(), message(t, fmt.Sprint(n)))
			in.Origin.Received, in.Policy.Expires = now, now.Add(4*time.Hour)
			in.Policy.Priority = intent.Priorities[1+n%3]
			s.Add(now, in)
			next = next.Add(24 * time.Hour / 500)
		}
		d := s.Next(now)
		if d.Batch != nil {
			hours[now.Sub(start)/time.Hour]++
			now = now.Add(100 * time.Millisecond)
			s.Done(now, d.Batch, Verdict{Result: Pushed, End: now, Counted: true, Reached: true})
			continue
		}
		if now = earliest(d.WakeAt, next); !now.After(start) {
			now = next
		}
	}
	t.Log("calls by hour", hours)
	quiet := 0
	for _, calls := range hours[:23] {
		if calls == 0 {
			quiet++
		}
		if calls > 20 {
			t.Errorf("%d calls in one hour of %v", calls, hours)
		}
	}
	if quiet > 2 {
		t.Errorf("%d hours have no call: %v", quiet, hours)
	}
}

// The forecast counts calls that were made: what is given back and asked for again, by
// failures or for another lane's sake, is one wish and not forty.
func TestForecastCountsCallsThatWereMade(t *testing.T) {
	t.Attr("guards", "the price")
	t.Parallel()
	s := newScheduler()
	in := newIntent(t, 1, audience.All(), message(t, "hello"))
	in.Policy.Priority = intent.High
	s.Add(start, in)
	now := start.Add(time.Minute)
	for range 40 {
		d := s.Next(now)
		if d.Batch == nil {
			t.Fatal("it does not go")
		}
		s.Done(now, d.Batch, Verdict{Result: Again, End: now})
		now = now.Add(2 * time.Second)
	}
	if n := s.demand.lately(s.at); n != 1 {
		t.Errorf("%v batches were opened, want 1", n)
	}
	made := int32(0)
	for _, h := range s.demand.hours {
		for _, count := range h.values {
			made += count
		}
	}
	if made != 0 {
		t.Errorf("%d calls were made, want none", made)
	}
}
