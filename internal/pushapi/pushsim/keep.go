package pushsim

import (
	"slices"
	"time"
)

// sweepEvery is how often what is old is looked for: it is not worth a look at
// every call.
const sweepEvery = time.Hour

// busiest finds the most instants that any 24 hours hold, with both their ends in
// them. It keeps those of the last 24 hours only.
type busiest struct {
	last []time.Time // oldest first
	most int
}

// add takes the next instant; they ascend.
func (b *busiest) add(at time.Time) {
	gone := 0
	for gone < len(b.last) && at.Sub(b.last[gone]) > day {
		gone++
	}
	b.last = append(b.last[gone:], at)
	b.most = max(b.most, len(b.last))
}

// lostCalls counts calls that the log has lost.
type lostCalls struct {
	total      int
	codes      map[int]int
	unanswered int
}

func (l *lostCalls) add(c *Call) {
	l.total++
	switch {
	case c.Answered.IsZero(): // on its way
	case c.Lost:
		l.unanswered++
	default:
		l.codes[c.Code]++
	}
}

// lostTasks counts an app's tasks, and what is lost of them.
type lostTasks struct {
	busiest
	total   int           // ever accepted
	closest time.Duration // between two of them; 0: there were not two

	deliveries, revoked int // of those that are lost
}

// add takes the next task's acceptance.
func (l *lostTasks) add(at time.Time) {
	if n := len(l.last); n > 0 {
		if gap := at.Sub(l.last[n-1]); l.closest == 0 || gap < l.closest {
			l.closest = gap
		}
	}
	l.total++
	l.busiest.add(at)
}

// forget lets go what is older than Config.Keep, and numbers that may be used
// again, so that weeks of calls fit in memory. What is under way stays. The
// caller holds s.mu.
func (s *Server) forget(now time.Time) {
	if now.Sub(s.swept) < sweepEvery {
		return
	}
	s.swept = now
	for key, use := range s.randoms {
		if now.Sub(use.at) > uniqueFor {
			delete(s.randoms, key)
		}
	}
	if s.cfg.Keep == 0 {
		return
	}
	old := 0
	for ; old < len(s.calls); old++ {
		if c := s.calls[old]; c.Answered.IsZero() || now.Sub(c.Answered) <= s.cfg.Keep {
			break
		}
		s.lost.add(s.calls[old])
	}
	s.calls = slices.Delete(s.calls, 0, old)
	for _, a := range s.apps {
		a.forget(now, s.cfg.Keep)
	}
}

// forget lets go the tasks whose last delivery is older than keep.
func (a *app) forget(now time.Time, keep time.Duration) {
	old := 0
	for ; old < len(a.tasks); old++ {
		t := a.tasks[old]
		end := t.accepted
		if !t.onlineOnly {
			end = t.ends()
		}
		if now.Sub(end) <= keep {
			break
		}
		a.accepts.deliveries += t.made(now)
		if !t.revoked.IsZero() {
			a.accepts.revoked++
		}
		delete(a.byID, t.id)
		if a.lastOf[t.random] == t {
			delete(a.lastOf, t.random)
		}
	}
	if old == 0 {
		return
	}
	last := a.tasks[old-1]
	a.tasks = slices.Delete(a.tasks, 0, old)
	a.queue = slices.DeleteFunc(a.queue, func(t *task) bool { return !t.accepted.After(last.accepted) })
}
