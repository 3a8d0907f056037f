package limiter

import (
	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// place puts an item into the pending unit where it costs least, or into a new
// one. A unit that grew takes over those that it now contains.
func (s *Scheduler) place(i *item, m intent.Message, a audience.Audience) {
	class := i.profile.class
	var door, u *unit
	var c *cohort
	if i.profile.policy.Mode != intent.Alone {
		if door = s.doors.find(topic{m, class}); door != nil {
			u, c = s.find(door, a)
			m = door.message // equal; so one copy of its text is kept for all
		}
	}
	if u == nil {
		if door != nil && class.terms.digest && class.pages == nil && a.Kind() == audience.AnyTag && door.audience.Kind() == audience.AnyTag {
			s.crowded = append(s.crowded, class)
		}
		u = &unit{message: m, audience: a, slot: away}
		u.link(i, a, nil)
		s.open(u)
		s.file(u)
		s.absorb(u)
		return
	}
	grew := c == nil && !u.audience.Contains(a)
	if grew {
		union, ok := u.audience.Union(a)
		if !ok {
			panic("limiter: a unit was found that cannot grow")
		}
		u.dress()
		s.resize(u, union, a)
	}
	s.join(u, i, a, c)
	if grew {
		s.absorb(u)
	}
}

// open makes a batch of a unit that is in none.
func (s *Scheduler) open(u *unit) *pending {
	s.serial++
	p := &pending{id: s.serial, units: u, due: u.items.due()}
	u.batch = p
	u.unchain()
	// What has inherited its age is not told by its own times alone.
	if u.n > 1 || (u.items.fate != nil && u.items.fate.inherits) {
		p.tally = &tally{}
		u.each(func(i *item) { p.count(s, i) })
	}
	s.enqueue(p)
	s.show(p)
	return p
}

// join adds an item whose audience u contains, to those who ask for the same where
// they are known.
func (s *Scheduler) join(u *unit, i *item, a audience.Audience, c *cohort) {
	p := u.batch
	due := p.due
	p.total(s)
	u.link(i, a, c)
	if c == nil && u.group() == nil && len(u.cohorts()) > few {
		s.startGroup(u)
	}
	p.count(s, i)
	if p.due == due {
		s.regrade(p)
	} else {
		s.refile(p)
	}
	if u.digest() && p.messages() > most(p, p) {
		s.apart(u) // the newcomer allows fewer
	}
}

// resize gives a filed unit the audience to, which is that of before with more, or
// another one where more is zero. The batch it is in with others is
// theirs: it gets one of its own.
func (s *Scheduler) resize(u *unit, to, more audience.Audience) {
	s.apart(u)
	s.hide(u.batch)
	if u.isListed() {
		u.group().rename(u, to, more)
	} else {
		u.audience = to // its door is that of its message
	}
	s.show(u.batch)
}

// apart gives a unit a batch of its own.
func (s *Scheduler) apart(u *unit) {
	p := u.batch
	if p.units == u && u.next() == nil {
		return
	}
	s.hide(p)
	s.part(u)
	s.show(p)
	s.open(u)
}

// part takes a unit out of its batch, which is on no shelf. A batch without units
// is no more.
func (s *Scheduler) part(u *unit) {
	p := u.batch
	if p.units == u && u.next() == nil {
		s.dequeue(p)
		return
	}
	if p.units == u {
		p.units = u.next()
	} else {
		before := p.units
		for before.next() != u {
			before = before.next()
		}
		before.also.rest.next = u.next()
	}
	u.each(p.discount)
	u.unchain()
	s.settleSums(p)
	s.refile(p)
}

// drop takes a unit out of everything that leads to it. Its items are still its.
func (s *Scheduler) drop(u *unit) {
	p := u.batch
	if p.frozen() == nil {
		s.unfile(u)
		s.hide(p)
	}
	last := p.units == u && u.next() == nil
	s.part(u)
	if !last && p.frozen() == nil {
		s.show(p)
	}
}

// absorb moves into u the items of all units that u contains.
func (s *Scheduler) absorb(u *unit) {
	for {
		contained := s.contained(u)
		if len(contained) == 0 {
			return
		}
		for _, v := range contained {
			s.swallow(u, v)
		}
	}
}

// swallow moves the items of v into u, which reaches them all.
func (s *Scheduler) swallow(u, v *unit) {
	s.drop(v)
	v.each(func(i *item) {
		a := i.audience()
		v.unlink(i)
		s.join(u, i, a, nil)
	})
}

// takeOut removes a pending item. Its unit shrinks to what the others ask for;
// where that is no legal call (what contained narrower ones is gone), they are
// placed anew. A batch in doubt is sent as it was or not at all.
func (s *Scheduler) takeOut(i *item) {
	u := i.unit
	p := u.batch
	s.changing.remove(i)
	if u.n == 1 {
		s.drop(u)
		u.unlink(i)
		return
	}
	gone := i.audience()
	p.discount(i)
	asked := u.unlink(i)
	s.settleSums(p)
	s.regrade(p)
	if asked || p.frozen() != nil || !u.couldShrink(gone) {
		return
	}
	union, ok := u.union()
	if !ok || !s.holds(u, union) {
		s.scatter(u)
		return
	}
	s.resize(u, union, audience.Audience{})
}

// settleSums makes the sums of what has but one item left exactly that item's.
func (s *Scheduler) settleSums(p *pending) {
	if t := p.tally; t.items == 1 {
		t.line = p.solo().loss()
	}
}

// scatter places all items of a unit anew.
func (s *Scheduler) scatter(u *unit) {
	s.drop(u)
	u.each(func(i *item) {
		a := i.audience()
		u.unlink(i)
		s.place(i, u.message, a)
	})
}
