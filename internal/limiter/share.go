package limiter

import (
	"time"

	"pushbridge/internal/intent"
)

const (
	autoReserve  = 0.13 // of the quota is the reserve, where the rules say auto
	reserveFloor = 0.25 // of the reserve is kept however soon calls come back
	maxReturns   = 128  // are looked at; of more, evenly spread ones
)

// share is the calls that a purse has and will have.
type share struct {
	capacity float64 // of a window
	reserve  float64 // of them, for critical calls only
	free     float64 // now, the reserve included
	returns  []calls
}

// calls says that so many come back before an instant, days from now.
type calls struct{ before, days float64 }

// shareOf is what a purse has at an instant: less, where it is not critical, by
// the reserve and by what the floors of other pools have left.
func (s *Scheduler) shareOf(u *purse, at time.Time) share {
	b := s.budget
	h := share{capacity: float64(b.quota), free: float64(b.free(at)), returns: b.calls.comeBack(b.window, at)}
	if u.critical {
		return h
	}
	h.reserve = s.reserve()
	h.free = float64(b.besideFloors(at, u.pool))
	for _, p := range b.pools {
		if p.Name != u.pool {
			h.capacity -= float64(p.AtLeast)
		}
	}
	h.capacity = max(h.capacity, h.reserve+1)
	return h
}

// ceilingOf is what the ceiling of its pool leaves a purse, and false where there
// is none, or calls are in plenty and it may borrow.
func (s *Scheduler) ceilingOf(u *purse, at time.Time, plenty bool) (share, bool) {
	b := s.budget
	for _, p := range b.pools {
		if p.Name != u.pool || p.AtMost == 0 || p.Borrow && plenty {
			continue
		}
		r := b.byPool[p.Name]
		return share{capacity: float64(p.AtMost), free: float64(p.AtMost - r.used(b.window, at)), returns: r.comeBack(b.window, at)}, true
	}
	return share{}, false
}

// reserve is how many calls of a window are kept for critical ones.
func (s *Scheduler) reserve() float64 {
	if s.budget.reserve != intent.AutoReserve {
		return float64(s.budget.reserve)
	}
	return autoReserve * float64(s.budget.quota)
}

// comeBack lists when the calls that count at an instant cease to.
func (r *record) comeBack(w window, at time.Time) []calls {
	if r == nil {
		return nil
	}
	ends := r.in(w)
	ends = ends[endedBefore(ends, w.opened(at)):]
	step := 1 + len(ends)/maxReturns
	returns := make([]calls, 0, len(ends)/step+1)
	for n := 0; n < len(ends); n += step {
		returns = append(returns, calls{float64(n), w.gone(ends[n]).Sub(at).Hours() / 24})
	}
	return returns
}

// kept is how much of the reserve is kept where calls come back after so many
// days: the sooner they do, the fewer alerts come before.
func (h share) kept(days float64) float64 {
	return h.reserve * (reserveFloor + (1-reserveFloor)*min(1, days))
}

// next is when calls come back next, in days.
func (h share) next() float64 {
	if len(h.returns) == 0 {
		return 1
	}
	return h.returns[0].days
}

// left is how many calls may be made now.
func (h share) left() float64 { return h.free - h.kept(h.next()) }

// pace is how far the calls that are left, some of them taken, and those that come
// back suffice for an even use of the capacity, until each of the returns: 1 where
// they do.
func (h share) pace(taken float64) float64 {
	if len(h.returns) == 0 {
		return max(0, min(1, (h.free-taken-h.kept(1))/(h.capacity-h.reserve)))
	}
	pace := 1.0
	for _, c := range h.returns {
		pace = min(pace, (h.free-taken+c.before-h.kept(c.days))/((h.capacity-h.reserve)*c.days))
	}
	return max(0, pace)
}

// suffices says whether so many calls a day can be had until each of the returns.
func (h share) suffices(daily float64) bool {
	if daily > h.capacity-h.reserve {
		return false
	}
	for _, c := range h.returns {
		if daily*c.days > h.free+c.before-h.kept(c.days) {
			return false
		}
	}
	return true
}
