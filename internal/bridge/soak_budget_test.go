package bridge

import (
	"slices"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// checkBudget looks at the API's log: the interval from each answer to the next
// request, and all windows of 24 hours.
func (s *soak) checkBudget(o *outside) {
	for _, app := range []uint32{testApp, alertsApp} {
		var counted []pushsim.Call
		var last pushsim.Call
		for _, c := range o.calls {
			if c.App != app {
				continue
			}
			if last.Number > 0 {
				apart := c.Received.Sub(last.Answered)
				if apart <= time.Second {
					s.fail("budget", "", "call %d came %v after the answer to call %d", c.Number, apart, last.Number)
				}
				s.minInterval(c.Received.Sub(last.Received))
			}
			// An answer of 90047 proves nothing: the API counts calls to which it was
			// made to say 90024. The windows are counted below.
			if c.Fault == "" && c.Code == 90024 {
				s.fail("budget", "", "the API answered %d to call %d", c.Code, c.Number)
			}
			last = c
			if c.Code != 90024 { // which costs nothing
				counted = append(counted, c)
			}
		}
		s.checkWindows(app, counted)
	}
}

// checkWindows counts the calls in all windows of 24 hours, both ends in them.
func (s *soak) checkWindows(app uint32, calls []pushsim.Call) {
	slices.SortFunc(calls, func(a, b pushsim.Call) int { return a.Judged.Compare(b.Judged) })
	first := 0
	for i := range calls {
		for calls[i].Judged.Sub(calls[first].Judged) > 24*time.Hour {
			first++
		}
		n := i - first + 1
		s.most, s.fullest = max(s.most, n), max(s.fullest, float64(n)/float64(s.quota))
		if n > s.quota {
			s.fail("budget", "", "%d calls of app %d in the 24 hours before call %d, quota %d", n, app, calls[i].Number, s.quota)
		}
	}
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
