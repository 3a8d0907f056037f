package bridge

import (
	"slices"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// checkBudget looks at the API's log: the interval from each answer to the next
// request, and all windows of 24 hours.
func (s *soak) checkBudget(o *outside) {
	gap := ""
	switch {
	case s.counts["fault: clock"] > 0:
		gap = "clock ahead"
	case o.endless():
		gap = "doubt forgotten"
	}
	for _, app := range []uint32{testApp, alertsApp} {
		var at []time.Time
		var last pushsim.Call
		for _, c := range o.calls {
			if c.App != app {
				continue
			}
			if last.Number > 0 {
				apart := c.Received.Sub(last.Answered)
				if apart <= time.Second {
					s.fail("budget", gap, "call %d came %v after the answer to call %d", c.Number, apart, last.Number)
				}
				s.minInterval(c.Received.Sub(last.Received))
			}
			last = c
			if c.Fault == "" && (c.Code == 90024 || c.Code == 90047) {
				s.fail("budget", gap, "the API answered %d to call %d", c.Code, c.Number)
			}
			if c.Code != 90024 { // which costs nothing
				at = append(at, c.Judged)
			}
		}
		slices.SortFunc(at, time.Time.Compare)
		most, first := 0, 0
		for i := range at {
			for at[i].Sub(at[first]) > 24*time.Hour {
				first++
			}
			most = max(most, i-first+1)
		}
		if most > s.quota {
			s.fail("budget", gap, "%d calls of app %d in 24 hours, quota %d", most, app, s.quota)
		}
		s.fullest = max(s.fullest, float64(most)/float64(s.quota))
		s.most = max(s.most, most)
	}
}

// endless says whether the API had more calls of some push than the journal has
// outcomes.
func (o *outside) endless() bool {
	calls, outcomes := map[uint32]int{}, map[uint32]int{}
	for _, c := range o.calls {
		calls[c.MsgRandom]++
	}
	for random, attempts := range o.byRandom {
		for _, i := range attempts {
			outcomes[random] += o.attempts[i].outcomes
		}
	}
	for random, n := range calls {
		if n > outcomes[random] {
			return true
		}
	}
	return false
}

func (s *soak) minInterval(d time.Duration) {
	if s.closest == 0 || d < s.closest {
		s.closest = d
	}
}

// checkWriter finds calls of one instance while another's was under way.
func (s *soak) checkWriter(o *outside) {
	for n := 1; n < len(o.calls); n++ {
		first, next := o.calls[n-1], o.calls[n]
		end := first.Received.Add(10 * time.Second) // when its caller gave up
		if first.Answered.Before(end) {
			end = first.Answered
		}
		if first.Identifier != next.Identifier && !next.Received.After(end) {
			s.fail("one-writer", "", "call %d by %s came at %v, while call %d by %s was under way until %v", next.Number, next.Identifier, next.Received, first.Number, first.Identifier, end)
		}
	}
}
