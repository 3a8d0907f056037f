package limiter

import (
	"cmp"
	"iter"
	"slices"

	"pushbridge/internal/audience"
)

// candidates bounds how many units are tried for one intent. More would find a
// few merges that these miss and make adding slow when many overlap.
const candidates = 32

// group is the units of one message, found by what they ask for. Most messages
// have but one unit: only with the second is a group made, or when many different
// audiences share the one.
type group struct {
	hasher

	units    []*unit // by slot, in the order in which they were entered; nil: gone
	first    int     // before this slot all are gone
	count    int     // of those that are not
	everyone *unit   // the unit for everyone

	exact   table[ref] // who asks for this very audience
	cohorts []*cohort  // by index; nil: free
	free    []int32    // of those

	index
}

// ref is a reference of a group to one of its units or cohorts; 0 is none.
type ref uint32

func toUnit(slot int32) ref    { return ref(slot+1) << 1 }
func toCohort(index int32) ref { return ref(index+1)<<1 | 1 }

func (r ref) isCohort() bool { return r&1 == 1 }
func (r ref) at() int        { return int(r>>1) - 1 }

// asked returns the unit in which somebody asks for this very audience, and the
// cohort of those who do, where the unit has any.
func (g *group) asked(a audience.Audience) (*unit, *cohort) {
	r := g.exact.find(g.hashAudience(a), func(r ref) bool {
		if r.isCohort() {
			return g.cohorts[r.at()].audience == a
		}
		return g.units[r.at()].audience == a
	})
	switch {
	case r == 0:
		return nil, nil
	case r.isCohort():
		c := g.cohorts[r.at()]
		return c.unit, c
	}
	return g.units[r.at()], nil
}

// ask makes a new cohort findable. Where it is the first of its unit, it stands for
// the unit from now on.
func (g *group) ask(c *cohort, isFirst bool) {
	if n := len(g.free); n > 0 {
		c.index, g.free = g.free[n-1], g.free[:n-1]
		g.cohorts[c.index] = c
	} else {
		c.index = int32(len(g.cohorts))
		g.cohorts = append(g.cohorts, c)
	}
	if h, r := g.hashAudience(c.audience), toCohort(c.index); isFirst {
		g.exact.replace(h, toUnit(c.unit.slot), r)
	} else {
		g.exact.add(h, r)
	}
}

func (g *group) unask(c *cohort) {
	g.exact.remove(g.hashAudience(c.audience), toCohort(c.index))
	g.cohorts[c.index] = nil
	g.free = append(g.free, c.index)
}

// enter makes a unit findable, exit hides it.
func (g *group) enter(u *unit) {
	u.slot = int32(len(g.units))
	g.units = append(g.units, u)
	g.count++
	if len(u.cohorts()) == 0 {
		g.exact.add(g.hashAudience(u.audience), toUnit(u.slot))
	}
	for _, c := range u.cohorts() {
		g.ask(c, false)
	}
	if u.audience.Kind() == audience.Everyone {
		g.everyone = u
	}
	g.insert(uint32(u.slot), u.audience)
}

func (g *group) exit(u *unit) {
	if len(u.cohorts()) == 0 {
		g.exact.remove(g.hashAudience(u.audience), toUnit(u.slot))
	}
	for _, c := range u.cohorts() {
		g.unask(c)
	}
	if u == g.everyone {
		g.everyone = nil
	}
	g.drop(uint32(u.slot))
	g.units[u.slot], u.slot = nil, away
	for g.first < len(g.units) && g.units[g.first] == nil {
		g.first++
	}
	// As many are gone as renumber has audiences to enter, which pays for it.
	if g.count--; len(g.units)-g.count > g.exact.count+candidates {
		g.renumber()
	}
}

// renumber gives all units new slots, and so makes all lists free of those that are gone.
func (g *group) renumber() {
	rest := slices.Collect(g.all())
	*g = group{hasher: g.hasher}
	for _, u := range rest {
		g.enter(u)
	}
}

// all yields the units in the order in which they were entered.
func (g *group) all() iter.Seq[*unit] {
	return func(yield func(*unit) bool) {
		for _, u := range g.units[g.first:] {
			if u != nil && !yield(u) {
				return
			}
		}
	}
}

// some is the first units, as many as are looked at.
func (g *group) some() []*unit {
	some := make([]*unit, 0, min(g.count, candidates))
	for u := range g.all() {
		if some = append(some, u); len(some) == candidates {
			break
		}
	}
	return some
}

// rename gives a unit of the group the audience to, which is that of before with
// more, or another one. What is of an any kind and names more stays where it stands.
// The unit has cohorts, for nobody may ask for the new audience itself.
func (g *group) rename(u *unit, to, more audience.Audience) {
	if more.IsZero() || narrow(to) != 1 || to.Kind() != u.audience.Kind() || to.Kind() != more.Kind() {
		g.exit(u)
		u.audience = to
		g.enter(u)
		return
	}
	g.insertMore(uint32(u.slot), u.audience, to, more)
	u.audience = to
}

// isSmall says whether no request that says u's message can be too large.
func (s *Scheduler) isSmall(u *unit) bool {
	return s.maxBytes == 0 || u.message.MaxRequestSize() <= s.maxBytes
}

// holds says whether a request that says u's message to a is small enough.
func (s *Scheduler) holds(u *unit, a audience.Audience) bool {
	return s.isSmall(u) || u.message.RequestSize(a) <= s.maxBytes
}

// growth returns by how much u would grow to reach a too, and false where that
// is no legal call. What is too large alone stays alone.
func (s *Scheduler) growth(u *unit, a audience.Audience) (int, bool) {
	n, ok := u.audience.Growth(a)
	if !ok || u.audience == a || s.isSmall(u) {
		return n, ok
	}
	union, _ := u.audience.Union(a)
	return n, s.holds(u, union)
}

// find returns the unit that an item with audience a should join, of those behind
// a door: one that contains a, else the one that grows least, else none; and its
// cohort, where that is known.
func (s *Scheduler) find(door *unit, a audience.Audience) (*unit, *cohort) {
	g := door.group()
	if g == nil {
		growth, ok := s.growth(door, a)
		if !ok || growth > 0 && !door.class().keeps(door.class().page(a), door) {
			return nil, nil
		}
		return door, nil
	}
	if u, c := g.asked(a); u != nil {
		return u, c
	}
	if g.everyone != nil {
		return g.everyone, nil
	}
	class := door.class()
	page := class.page(a)
	if u := s.leastGrown(g, a, page, s.isSmall(door) && g.tells(a)); u != nil {
		return u, nil
	}
	// None has any of it. The fullest that it fits into leaves most room to others.
	for u := range g.withRoom(a) {
		if _, ok := s.growth(u, a); ok && class.keeps(page, u) {
			return u, nil
		}
	}
	return nil, nil
}

// leastGrown is the unit that grows least of those that name an atom of a and keep to
// the page. told says that masks alone tell by how much, without a look at the units.
func (s *Scheduler) leastGrown(g *group, a audience.Audience, page int, told bool) *unit {
	var l look
	g.lookFor(&l, a)
	var best *unit
	least, tried := 0, 0
	for _, list := range l.lists[:l.n] {
		for _, slot := range list {
			if tried++; tried > candidates {
				break
			}
			if l.unlike(g.masks[slot], g.rooms[slot] == isNarrow) {
				continue
			}
			u := g.units[slot]
			var growth int
			if told && g.rooms[slot] != isNarrow {
				growth = l.growth(g.masks[slot])
			} else {
				var ok bool
				if growth, ok = s.growth(u, a); !ok {
					continue
				}
			}
			if growth > 0 && page != 0 && !u.class().keeps(page, u) {
				continue
			}
			if best == nil || growth < least || growth == least && slot < uint32(best.slot) {
				best, least = u, growth
			}
		}
	}
	if told && best != nil {
		if n, ok := s.growth(best, a); !ok || n != least { // two atoms have one hash
			g.blurred = true
			return s.leastGrown(g, a, page, false)
		}
	}
	return best
}

// contained returns units that u contains, so that u can take them over: all, or
// some of them if there are more than a few.
func (s *Scheduler) contained(u *unit) []*unit {
	g := u.group()
	if g == nil || g.count == 1 || !s.holds(u, u.audience) {
		return nil
	}
	if u == g.everyone {
		return slices.DeleteFunc(slices.Collect(g.all()), func(v *unit) bool { return v == u })
	}
	var l look
	g.lookFor(&l, u.audience)
	var found []*unit
	vain := 0
	for _, list := range l.lists[:l.n] {
		for _, slot := range list {
			v := g.units[slot]
			if v == u || slices.Contains(found, v) {
				continue
			}
			if !l.beyond(g.masks[slot], g.rooms[slot] == isNarrow) && u.audience.Contains(v.audience) {
				found = append(found, v)
			} else {
				vain++
			}
			if len(found) == candidates || vain == candidates {
				return found
			}
		}
	}
	return found
}

// file makes u findable by its message, unfile hides it; between them u.audience
// may change.
func (s *Scheduler) file(u *unit) {
	if u.alone() {
		return
	}
	door := s.doors.find(u.topic())
	if door == nil {
		s.doors.set(u)
		return
	}
	if door.group() == nil {
		s.startGroup(door)
	}
	g := door.group()
	u.join(g)
	g.enter(u)
}

// startGroup makes a group of a unit that is in none.
func (s *Scheduler) startGroup(u *unit) {
	g := &group{hasher: s.doors.hasher}
	u.join(g)
	g.enter(u)
}

func (s *Scheduler) unfile(u *unit) {
	if u.alone() {
		return
	}
	g := u.group()
	if g == nil {
		s.doors.close(u, nil)
		return
	}
	g.exit(u)
	var other *unit
	for other = range g.all() {
		break
	}
	s.doors.close(u, other)
}

func byID(p, q *pending) int { return cmp.Compare(p.id, q.id) }
