package limiter

import (
	"cmp"
	"math/bits"
	"slices"

	"pushbridge/internal/audience"
)

// candidates bounds how many units are tried for one intent. More would find a
// few merges that these miss and make adding slow when many overlap.
const candidates = 32

// group is the units of one message, found by what they ask for. Most messages
// have but one unit: only with the second is a group made.
type group struct {
	units []*unit
	exact map[audience.Audience]*cohort // who ask for this very audience
	atoms map[atom]*naming              // units whose audience names the atom
	roomy map[room][]*unit              // units that could name another tag or pair
	all   *unit                         // the unit for everyone
}

// naming lists the units whose audience names one atom.
type naming struct {
	atom  atom
	units []entry
}

// entry is a unit under the nth atom that it was entered under. A unit knows its
// index in each list, so that leaving one costs the same however long it is.
type entry struct {
	u      *unit
	mask   uint64
	nth    int16
	narrow bool // of an all kind
}

// unlike says whether the audience whose atoms have these bits surely neither
// unites with that of e nor is in it.
func (e entry) unlike(mask uint64, isNarrow bool) bool {
	switch {
	case isNarrow && e.narrow: // one must name all that the other does
		return mask&^e.mask != 0 && e.mask&^mask != 0
	case isNarrow || e.narrow: // one that is about any of the other's atoms contains it
		return false
	}
	return bits.OnesCount64(mask|e.mask) > audience.MaxTags // so many atoms the union has at least
}

// beyond says whether e cannot be in the audience of these bits.
func (e entry) beyond(mask uint64, isNarrow bool) bool {
	switch {
	case isNarrow && e.narrow:
		return mask&^e.mask != 0
	case isNarrow:
		return true
	case e.narrow:
		return false
	}
	return e.mask&^mask != 0
}

// spot is where a unit stands in one list.
type spot struct {
	in *naming
	at int32
}

// room is an any kind and a number of tags or pairs below the most allowed.
type room struct {
	kind audience.Kind
	size int
}

func roomOf(a audience.Audience) (r room, ok bool) {
	r = room{a.Kind(), a.Len()}
	return r, (r.kind == audience.AnyTag || r.kind == audience.AnyAttr) && r.size < audience.MaxTags
}

// atom is a tag (no value) or an attribute pair.
type atom struct{ name, value string }

// atomRoom has room for the atoms of any audience, which then need no memory of their own.
type atomRoom [max(audience.MaxTags, audience.MaxPairs)]atom

func (r *atomRoom) of(a audience.Audience) []atom {
	n := 0
	for name, value := range a.Atoms() {
		r[n] = atom{name, value} // a value is never empty, so a pair is no tag
		n++
	}
	return r[:n]
}

// maskOf has a bit for each atom; several may have the same. It tells most
// audiences apart that do not unite without looking at their texts.
func maskOf(atoms []atom) uint64 {
	var mask uint64
	for _, at := range atoms {
		h := uint32(2166136261)
		for _, text := range [...]string{at.name, at.value} {
			for n := range len(text) {
				h = (h ^ uint32(text[n])) * 16777619
			}
		}
		mask |= 1 << (h >> 26)
	}
	return mask
}

// holds says whether a request that says u's message to a is small enough.
func (s *Scheduler) holds(u *unit, a audience.Audience) bool {
	return s.maxBytes == 0 || u.message.MaxRequestSize() <= s.maxBytes || u.message.RequestSize(a) <= s.maxBytes
}

// growth returns by how much u would grow to reach a too, and false where that
// is no legal call. What is too large alone stays alone.
func (s *Scheduler) growth(u *unit, a audience.Audience) (int, bool) {
	n, ok := u.audience.Growth(a)
	if !ok || s.maxBytes == 0 || u.audience == a || u.message.MaxRequestSize() <= s.maxBytes {
		return n, ok
	}
	union, _ := u.audience.Union(a)
	return n, s.holds(u, union)
}

// find returns the unit that an item with audience a should join, of those behind
// a door: one that contains a, else the one that grows least, else none.
func (s *Scheduler) find(door *unit, a audience.Audience) *unit {
	g := door.group()
	if g == nil {
		growth, ok := s.growth(door, a)
		if !ok || growth > 0 && !door.class().keeps(door.class().page(a), door) {
			return nil
		}
		return door
	}
	if c, ok := g.exact[a]; ok {
		return c.unit
	}
	if g.all != nil {
		return g.all
	}
	class := door.class()
	page := class.page(a)
	var space atomRoom
	atoms := space.of(a)
	mask, isNarrow := maskOf(atoms), narrow(a) == narrowest
	var best *unit
	least, tried := 0, 0
	for _, at := range atoms {
		for _, e := range g.under(at) {
			if tried++; tried > candidates {
				break
			}
			if e.unlike(mask, isNarrow) {
				continue
			}
			growth, ok := s.growth(e.u, a)
			if ok && growth > 0 && !class.keeps(page, e.u) {
				continue
			}
			if ok && (best == nil || growth < least || (growth == least && e.u.batch.id < best.batch.id)) {
				best, least = e.u, growth
			}
		}
	}
	if best != nil {
		return best
	}
	// None has any of it. The fullest that it fits into leaves most room to others.
	for n := audience.MaxTags - a.Len(); n > 0; n-- {
		for _, u := range g.roomy[room{a.Kind(), n}] {
			if _, ok := s.growth(u, a); ok && class.keeps(page, u) {
				return u
			}
			if tried++; tried > candidates {
				return nil
			}
		}
	}
	return nil
}

// contained returns units that u contains, so that u can take them over: all, or
// some of them if there are more than a few.
func (s *Scheduler) contained(u *unit) []*unit {
	g := u.group()
	if g == nil || len(g.units) == 1 || !s.holds(u, u.audience) {
		return nil
	}
	if u.audience.Kind() == audience.Everyone {
		return slices.DeleteFunc(slices.Clone(g.units), func(v *unit) bool { return v == u })
	}
	var found []*unit
	vain := 0
	mask, isNarrow := u.mask(), narrow(u.audience) == narrowest
	for _, spot := range u.also.spots {
		for _, e := range spot.in.units {
			if e.u == u || slices.Contains(found, e.u) {
				continue
			}
			if !e.beyond(mask, isNarrow) && u.audience.Contains(e.u.audience) {
				found = append(found, e.u)
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
		if g := u.group(); g != nil {
			g.enter(u)
		}
		return
	}
	g := door.group()
	if g == nil {
		g = &group{exact: make(map[audience.Audience]*cohort), atoms: make(map[atom]*naming), roomy: make(map[room][]*unit)}
		door.more().group = g
		g.enter(door)
	}
	u.more().group = g
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
	if len(g.units) > 0 {
		other = g.units[0]
	}
	s.doors.close(u, other)
}

func (g *group) enter(u *unit) {
	more := u.also
	more.slot = int32(len(g.units))
	g.units = append(g.units, u)
	u.dress()
	for _, c := range more.cohorts.list {
		g.exact[c.audience] = c
	}
	g.name(u)
}

func (g *group) exit(u *unit) {
	more := u.also
	last := g.units[len(g.units)-1]
	g.units[more.slot], last.also.slot = last, more.slot
	g.units[len(g.units)-1] = nil
	g.units = g.units[:len(g.units)-1]
	for _, c := range more.cohorts.list {
		if g.exact[c.audience] == c {
			delete(g.exact, c.audience)
		}
	}
	g.unname(u)
}

// under returns the units that name an atom.
func (g *group) under(at atom) []entry {
	if n := g.atoms[at]; n != nil {
		return n.units
	}
	return nil
}

// name enters a unit under all that its audience names, and where those look that
// have room; unname takes it out.
func (g *group) name(u *unit) {
	if u.audience.Kind() == audience.Everyone {
		g.all = u
		return
	}
	var space atomRoom
	atoms := space.of(u.audience)
	u.also.spots = slices.Grow(u.also.spots[:0], len(atoms))
	mask := maskOf(atoms)
	for _, at := range atoms {
		g.spot(u, at, mask)
	}
	g.room(u)
}

func (g *group) spot(u *unit, at atom, mask uint64) {
	list := g.atoms[at]
	if list == nil {
		list = &naming{atom: at}
		g.atoms[at] = list
	}
	u.also.spots = append(u.also.spots, spot{list, int32(len(list.units))})
	list.units = append(list.units, entry{u, mask, int16(len(u.also.spots) - 1), narrow(u.audience) == narrowest})
}

func (g *group) room(u *unit) {
	if r, ok := roomOf(u.audience); ok {
		u.also.roomy = int32(len(g.roomy[r]))
		g.roomy[r] = append(g.roomy[r], u)
	}
}

func (g *group) unname(u *unit) {
	if u == g.all {
		g.all = nil
		return
	}
	for _, spot := range u.also.spots {
		list := spot.in
		last := len(list.units) - 1
		moved := list.units[last]
		list.units[spot.at] = moved
		moved.u.also.spots[moved.nth].at = spot.at
		list.units[last] = entry{}
		if list.units = list.units[:last]; last == 0 {
			delete(g.atoms, list.atom)
		}
	}
	g.unroom(u)
}

func (g *group) unroom(u *unit) {
	r, ok := roomOf(u.audience)
	if !ok {
		return
	}
	list := g.roomy[r]
	last := list[len(list)-1]
	list[u.also.roomy], last.also.roomy = last, u.also.roomy
	list[len(list)-1] = nil
	if g.roomy[r] = list[:len(list)-1]; len(list) == 1 {
		delete(g.roomy, r)
	}
}

// mask is that of a unit which is named.
func (u *unit) mask() uint64 {
	spot := u.also.spots[0]
	return spot.in.units[spot.at].mask
}

// rename gives a unit of the group the audience to, which is that of before with
// more, or another one. What is of an any kind and names more stays where it stands.
func (g *group) rename(u *unit, to, more audience.Audience) {
	if more.IsZero() || narrow(to) != 1 || to.Kind() != u.audience.Kind() || to.Kind() != more.Kind() {
		g.unname(u)
		u.audience = to
		g.name(u)
		return
	}
	g.unroom(u)
	u.audience = to
	var space atomRoom
	atoms := space.of(more)
	known := u.also.spots
	mask := u.mask() | maskOf(atoms)
	for _, at := range atoms {
		if !slices.ContainsFunc(known, func(s spot) bool { return s.in.atom == at }) {
			g.spot(u, at, mask)
		}
	}
	for _, spot := range u.also.spots {
		spot.in.units[spot.at].mask = mask
	}
	g.room(u)
}

func byID(p, q *pending) int { return cmp.Compare(p.id, q.id) }
