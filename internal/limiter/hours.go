package limiter

import (
	"math"
	"slices"

	"pushbridge/internal/intent"
)

// hours are when the calls of a class may be made: while its calendar is open,
// and not before a digest's clock time. While they are shut, what comes is held,
// and its delay counts from the opening: it is not late.
type hours struct {
	shut    bool
	opens   instant         // while shut: when they open; while open: when they did last
	changes instant         // when they open or shut next
	held    queue[*pending] // what waits for the opening
	slot    int32           // index of the class among those with hours
}

// Instants that are beyond all others.
const (
	never instant = math.MaxInt64
	ever  instant = math.MinInt64
)

// giveHours gives a class its hours, unless it is always open.
func (s *Scheduler) giveHours(c *class) {
	g := c.terms.gate
	if g == nil || (g.Active == nil && g.NotBefore.IsZero()) {
		return
	}
	c.hours = &hours{opens: ever, held: queue[*pending]{slot: slotOf, less: func(a, b *pending) bool { return a.id < b.id }}}
	c.hours.set(c.hours.look(s, g))
	s.turning.add(c)
}

// turned is what hours are from an instant on.
type turned struct {
	shut           bool
	opens, changes instant
}

func (h *hours) set(t turned) { h.shut, h.opens, h.changes = t.shut, t.opens, t.changes }

// look finds out whether hours are open now, and until when.
func (h *hours) look(s *Scheduler, g *intent.Gate) turned {
	opens := latest(s.now, g.NotBefore)
	if g.Active != nil {
		opens = g.Active.Next(opens)
	}
	switch {
	case opens.IsZero(): // no day is left in the calendar
		return turned{shut: true, opens: never, changes: never}
	case opens.After(s.now):
		return turned{shut: true, opens: s.instant(opens), changes: s.instant(opens)}
	}
	t := turned{opens: h.opens, changes: never}
	if g.Active != nil {
		if closes := g.Active.Close(s.now); !closes.IsZero() {
			t.changes = s.instant(closes)
		}
	}
	return t
}

// turn opens and shuts what opens and shuts by now.
func (s *Scheduler) turn() {
	for {
		c, ok := s.turning.top()
		if !ok || c.hours.changes > s.at {
			return
		}
		s.turnTo(c, c.hours.look(s, c.terms.gate))
		s.turning.fix(c)
	}
}

// setBack opens and shuts what is open and shut at an instant before the last one, and
// puts all batches anew: they have lost less than they had.
func (s *Scheduler) setBack() {
	for _, c := range slices.Clone(s.turning.items) {
		s.turnTo(c, c.hours.look(s, c.terms.gate))
		s.turning.fix(c)
	}
	var all []*pending
	s.everyBatch(func(p *pending) {
		if p.frozen() == nil {
			all = append(all, p)
		}
	})
	slices.SortFunc(all, byID)
	for _, p := range all {
		s.refile(p)
	}
}

// turnTo moves all that a class has pending to where it belongs from now on. What
// is held for another opening than before is late by another instant.
func (s *Scheduler) turnTo(c *class, to turned) {
	all := s.of(c)
	slices.SortFunc(all, byID)
	moved := to.opens != c.hours.opens
	eachHeld := func(do func(*item)) {
		for _, p := range all {
			p.each(func(i *item) {
				if i.held && moved {
					do(i)
				}
			})
		}
	}
	for _, p := range all {
		if p.frozen() == nil {
			s.lift(p)
		}
	}
	opened := c.hours.shut && !to.shut
	eachHeld(s.changing.remove)
	c.hours.set(to)
	eachHeld(func(i *item) {
		i.late = false
		i.unit.batch.hurry(s, i) // it may be an earlier opening, where the clock was set back
		s.changing.add(i)
	})
	for _, p := range all {
		if p.recount(); p.frozen() != nil {
			continue
		}
		if opened { // it has waited long enough
			p.due = min(p.due, to.opens)
		}
		s.put(p)
	}
}

// of lists the pending batches of a class.
func (s *Scheduler) of(c *class) (all []*pending) {
	if c.hours.shut { // then all are held, but for the one that is to be sent again
		all = slices.Clone(c.hours.held.items)
		if p, ok := s.ready.top(); ok && p.frozen() != nil && p.units.class() == c {
			all = append(all, p)
		}
		return all
	}
	s.everyBatch(func(p *pending) {
		if p.units.class() == c {
			all = append(all, p)
		}
	})
	return all
}

// since is from when the delay of what came at an instant counts.
func (c *class) since(at instant, held bool) instant {
	if !held || c.hours == nil || c.hours.opens == never {
		return at
	}
	return max(at, c.hours.opens)
}

// isShut says whether the class makes no call now.
func (c *class) isShut() bool { return c.hours != nil && c.hours.shut }

func byChange(a, b *class) bool { return a.hours.changes < b.hours.changes }
