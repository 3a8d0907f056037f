package limiter

import (
	"fmt"
	"math"
	"strings"
	"time"

	"pushbridge/internal/intent"
)

// ahead is how far a price is looked for that a batch is worth, and in what steps.
const (
	ahead     = 24 * time.Hour
	aheadStep = 15 * time.Minute
)

// waitsFor says in words what p waits for, and until when at the latest, if
// nothing else comes and calls are made for nothing else; the zero time: that is
// not known.
func (s *Scheduler) waitsFor(p *pending) (string, time.Time) {
	switch p.state {
	case asleep:
		u := s.purses[p.purse]
		until := s.cheapBy(u, p.rank)
		if math.IsInf(u.price.admit, 1) {
			if calls := s.shareOf(u, s.pricedAt); calls.free > 0 && calls.left() <= 0 {
				return "a call: what is free is kept for critical ones and other pools", until
			}
			return "a call: none is free" + ofPool(u.pool), until
		}
		return fmt.Sprintf("a call to be worth it: it saves %.3g points, one costs %.3g", p.value(s.at.seconds()), u.price.admit), until
	case waiting:
		u := s.purses[p.purse]
		return fmt.Sprintf("others to join: it has lost %.3g points by waiting, a call costs %.3g", p.accrued(s.at.seconds()), u.price.hold),
			s.sooner(p, p.paid(u.price.hold, u.price.most))
	case lulling:
		u := s.purses[p.purse]
		until := s.sooner(p, p.paid(u.price.grow, u.price.most))
		return "the rest of its burst", earliest(until, s.after(p.lullOver()))
	case ready:
		return "the budget's next call", s.legal(s.now)
	case held:
		return s.heldFor(p.units.class()), s.opening(p.units.class())
	case behind:
		b := s.bars[p]
		g := p.units.class().terms.gate
		switch {
		case b.until == endless:
			return fmt.Sprintf("the push of an alert to %v that holds %s back", b.by, g.Pool), time.Time{}
		case !b.by.IsZero():
			return fmt.Sprintf("the time after an alert to %v that holds %s back", b.by, g.Pool), s.after(b.until)
		}
		return fmt.Sprintf("its users' frequency: %d in %v", g.Frequency.Calls, g.Frequency.Per), s.after(b.until)
	case nowhere:
	}
	panic("limiter: a batch that stands nowhere is asked what it waits for")
}

// sooner is the first of an instant and of when the deadline of p is near.
func (s *Scheduler) sooner(p *pending, at instant) time.Time {
	return latest(s.now, s.when(min(at, p.due.plus(-s.purses[p.purse].guard))))
}

func (s *Scheduler) opening(c *class) time.Time {
	if c.hours.opens == never {
		return time.Time{}
	}
	return s.date(c.hours.opens)
}

func (s *Scheduler) heldFor(c *class) string {
	g := c.terms.gate
	var what []string
	if !g.NotBefore.IsZero() && g.NotBefore.After(s.now) {
		what = append(what, "its digest's time")
	}
	if g.Active != nil {
		what = append(what, "the opening of "+g.Active.Name())
	}
	return strings.Join(what, " and ")
}

// cheapBy is when a call will cost no more than worth, if none is made until then.
func (s *Scheduler) cheapBy(u *purse, worth float32) time.Time {
	from := s.budget.nextFor(s.now, draw{Pool: u.pool, Critical: u.critical})
	if from.IsZero() {
		return from
	}
	for at := from; !at.After(s.now.Add(ahead + aheadStep)); at = at.Add(aheadStep) {
		if s.priceOf(u, at).admits(worth) {
			return at
		}
	}
	return time.Time{}
}

func ofPool(pool string) string {
	if pool == "" {
		return ""
	}
	return " of " + pool
}

// reason is why p goes now.
func (s *Scheduler) reason(p *pending) Why {
	switch c := p.units.class(); {
	case p.frozen() != nil:
		return WhyResend
	case p.state != ready:
		return WhyFull
	case p.priority() == intent.Critical:
		return WhyCritical
	case c.hours != nil && !c.terms.gate.NotBefore.IsZero():
		return WhyDigest
	case c.hours != nil && p.due == c.hours.opens:
		return WhyOpened
	case s.dueNear(p, s.purses[p.purse].guard):
		return WhyDeadline
	}
	return WhyPrice
}
