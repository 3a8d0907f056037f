package limiter

import (
	"math"
	"time"
)

// The constants of the price, in points of loss. How they were found, and on what
// traces, is in docs/decisions/006-a-price-for-a-call.md.
const (
	admitFloor   = 0.08
	admitCeiling = 70.0
	admitBend    = 0.087
	holdFloor    = 0.037 // up to plentyQuota; of more calls each is worth less
	holdShare    = 0.3   // of what a call is worth, to be lost before it is made
	holdBend     = 0.26

	plentyQuota = 100.0

	growFactor   = 5.0 // how much more is waited for while a burst goes on
	criticalHold = 2.0 // how much more a critical batch waits for its like

	ceilingSlack = 0.1 // of a pool's ceiling may be used ahead of an even pace before that makes a call dearer

	hedgeHours = 8.0 // after so many hours the forecast has half of the trust
	quietPace  = 1.2 // new batches, in even paces of the quota, below which it may make calls cheap
	busyPace   = 3.0 // and from which on it may not
)

// price is what a call costs, in points of loss.
type price struct {
	admit float64       // what it must save to be made at all
	hold  float64       // what must have been lost by waiting for it
	grow  float64       // the same, where more of its burst is expected
	most  time.Duration // what is waited at most where that is less; 0: as long as it takes
	moves bool          // it may be another when time has gone on
}

// dearest is the price where no call is left.
func dearest(moves bool) price {
	return price{admit: math.Inf(1), hold: math.Inf(1), grow: math.Inf(1), moves: moves}
}

// admits says whether a batch of that worth is worth a call. Worth is kept as
// float32, so the price is compared as one.
func (p price) admits(worth float32) bool { return worth >= float32(p.admit) }

// scarce rises from the floor to the ceiling as the pace falls from 1 to 0.
func scarce(floor, ceiling, bend, pace float64) float64 {
	return floor * math.Pow(ceiling/floor, math.Pow(1-pace, bend))
}

// priceOf is the price of a call for a purse as of an instant. Nobody knows what
// is still to come, so it joins two answers. One knows nothing of the demand: the
// price rises the further the calls are used ahead of an even pace. The other
// expects what the last hours have seen: the price at which the calls suffice for
// that. The longer it has watched, the more the second is trusted; but while much
// is going on it may not make calls cheap.
func (s *Scheduler) priceOf(u *purse, at time.Time) price {
	calls := s.shareOf(u, at)
	if calls.left() <= 0 {
		return dearest(calls.free > 0)
	}
	pace, floor := calls.pace(0), s.holdFloor()
	p := price{
		admit: scarce(admitFloor, admitCeiling, admitBend, pace),
		hold:  scarce(floor, holdShare*admitCeiling, holdBend, pace),
	}
	p.grow, p.moves = growFactor*p.hold, pace < 1
	if u.critical {
		p.admit = 0 // while there is a call, it is not too dear
		p.hold, p.grow = criticalHold*p.hold, criticalHold*p.grow
		if pace >= 1 {
			p.most = s.settle
		}
		return p
	}
	expected := s.demand.price(s.instant(at), calls)
	trust := s.demand.trust(s.instant(at), s.budget.quota)
	p.admit = trust.join(p.admit, max(admitFloor, expected))
	// To wait costs little where calls turn out to be plenty, so that is believed later.
	trust.down = trust.up + (1-trust.up)*trust.down
	p.hold = trust.join(p.hold, max(floor, holdShare*expected))
	// What is worth a call will take one: a burst that takes many is waited out.
	waited := scarce(floor, holdShare*admitCeiling, holdBend, calls.pace(float64(s.worthy())))
	p.grow = max(growFactor*p.hold, waited)
	p.moves = p.moves || expected > 0
	if p = s.withinCeiling(u, at, p, trust); p.admit <= admitFloor {
		p.admit = 0 // nothing else wants the call
	}
	return p
}

// holdFloor is what is to be lost by waiting while calls are plenty. With many times the
// calls there is hardly anything to save by waiting.
func (s *Scheduler) holdFloor() float64 {
	few := min(1, plentyQuota/float64(s.budget.quota))
	return holdFloor * few * few
}

// withinCeiling makes a price dearer where a pool's own ceiling is near.
func (s *Scheduler) withinCeiling(u *purse, at time.Time, p price, trust trust) price {
	own, ok := s.ceilingOf(u, at, p.admit <= admitFloor)
	if !ok {
		return p
	}
	if own.left() <= 0 {
		return dearest(p.moves) // what may borrow waits for plenty, which comes with time
	}
	own.free += ceilingSlack * own.capacity
	pace, floor := own.pace(0), s.holdFloor()
	p.admit = max(p.admit, trust.join(scarce(admitFloor, admitCeiling, admitBend, pace), admitFloor))
	p.hold = max(p.hold, trust.join(scarce(floor, holdShare*admitCeiling, holdBend, pace), floor))
	p.grow, p.moves = max(p.grow, p.hold), true
	return p
}

// trust is how much of a price is not the forecast's.
type trust struct {
	up   float64 // where the forecast is the dearer
	down float64 // where it is the cheaper
}

// join is the mean of the two answers by ratio, as prices are compared.
func (t trust) join(blind, expected float64) float64 {
	if blind == expected {
		return blind // rounding must not make the floor dearer
	}
	w := t.up
	if expected < blind {
		w = t.down
	}
	return math.Exp(w*math.Log(blind) + (1-w)*math.Log(expected))
}
