package limiter

import (
	"cmp"
	"slices"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// groupKey is what intents must have in common to share a call: the message with
// all that the API is told beside the audience, and what becomes of the call in
// doubt, since a resend reaches all of a batch.
type groupKey struct {
	message intent.Message
	onDoubt intent.OnDoubt
	alone   uint64 // of an intent that shares with none: its order; 0 otherwise
}

// candidates bounds how many batches are tried for one intent. More would find
// a few merges that these miss and make adding slow when many overlap.
const candidates = 32

// group is the pending batches of one message, found by what they ask for. Most
// messages have but one batch: only with the second are the indexes made.
type group struct {
	key     groupKey
	lone    *pending                       // the only batch, while there are no indexes
	exact   map[audience.Audience]*pending // where an item with this very audience waits
	atoms   map[atom][]entry               // batches whose audience names the atom
	roomy   map[room][]*pending            // batches that could name another tag or pair
	all     *pending                       // the batch for everyone
	batches int

	// maxBytes is that of Config, or 0 where no condition could make this
	// message's request larger: then nothing is measured.
	maxBytes int
}

// entry is a batch in the list of its nth atom. A batch knows its index in each
// list, so that leaving one costs the same however long it is.
type entry struct {
	p   *pending
	nth int
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

func newGroup(key groupKey, maxBytes int) *group {
	if key.message.MaxRequestSize() <= maxBytes {
		maxBytes = 0
	}
	return &group{key: key, maxBytes: maxBytes}
}

// holds says whether a request to a is small enough.
func (g *group) holds(a audience.Audience) bool {
	return g.maxBytes == 0 || g.key.message.RequestSize(a) <= g.maxBytes
}

// growth returns by how much p would grow to reach a too, and false where that
// is no legal call. What is too large alone stays alone.
func (g *group) growth(p *pending, a audience.Audience) (int, bool) {
	n, ok := p.audience.Growth(a)
	if !ok || g.maxBytes == 0 || p.audience == a {
		return n, ok
	}
	union, _ := p.audience.Union(a)
	return n, g.holds(union)
}

func atomsOf(a audience.Audience) []atom {
	var atoms []atom
	for _, tag := range a.Tags() {
		atoms = append(atoms, atom{name: tag})
	}
	for _, pair := range a.Pairs() {
		// Values are never empty, so a pair is no tag.
		atoms = append(atoms, atom{pair.Name, pair.Value})
	}
	return atoms
}

// find returns the batch that an item with audience a should join: one that
// contains a, else the one that grows least, else none.
func (g *group) find(a audience.Audience) *pending {
	if g.lone != nil {
		if _, ok := g.growth(g.lone, a); !ok {
			return nil
		}
		return g.lone
	}
	if p, ok := g.exact[a]; ok {
		return p
	}
	if g.all != nil {
		return g.all
	}
	var best *pending
	least, tried := 0, 0
	for _, at := range atomsOf(a) {
		for _, e := range g.atoms[at] {
			if tried++; tried > candidates {
				break
			}
			growth, ok := g.growth(e.p, a)
			if ok && (best == nil || growth < least || (growth == least && e.p.id < best.id)) {
				best, least = e.p, growth
			}
		}
	}
	if best != nil {
		return best
	}
	// None has any of it. The fullest that it fits into leaves most room to others.
	for n := audience.MaxTags - a.Len(); n > 0; n-- {
		for _, p := range g.roomy[room{a.Kind(), n}] {
			if _, ok := g.growth(p, a); ok {
				return p
			}
			if tried++; tried > candidates {
				return nil
			}
		}
	}
	return nil
}

// within returns batches that p contains, so that p can take them over: all, or
// some of them if there are more than a few.
func (g *group) within(p *pending) []*pending {
	if p == g.lone || !g.holds(p.audience) {
		return nil
	}
	var found []*pending
	if p.audience.Kind() == audience.Everyone {
		for _, list := range g.atoms {
			for _, e := range list {
				found = append(found, e.p)
			}
		}
		slices.SortFunc(found, byID) // the map's order must not decide
		return slices.Compact(found)
	}
	vain := 0
	for _, at := range atomsOf(p.audience) {
		for _, e := range g.atoms[at] {
			if e.p == p || slices.Contains(found, e.p) {
				continue
			}
			if p.audience.Contains(e.p.audience) {
				found = append(found, e.p)
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

// index notes what p asks for, unindex forgets it, but for exact; between them
// p.audience may change.
func (g *group) index(p *pending) {
	g.batches++
	switch {
	case g.batches == 1 && g.exact == nil:
		g.lone = p
		return
	case g.lone != nil:
		g.exact, g.atoms, g.roomy = make(map[audience.Audience]*pending), make(map[atom][]entry), make(map[room][]*pending)
		g.enter(g.lone)
		g.lone = nil
	}
	g.enter(p)
}

func (g *group) enter(p *pending) {
	for a := range p.distinct {
		g.exact[a] = p
	}
	if p.audience.Kind() == audience.Everyone {
		g.all = p
		return
	}
	p.slots = p.slots[:0]
	for n, at := range atomsOf(p.audience) {
		p.slots = append(p.slots, len(g.atoms[at]))
		g.atoms[at] = append(g.atoms[at], entry{p, n})
	}
	if r, ok := roomOf(p.audience); ok {
		p.roomy = len(g.roomy[r])
		g.roomy[r] = append(g.roomy[r], p)
	}
}

func (g *group) unindex(p *pending) {
	g.batches--
	switch p {
	case g.lone:
		g.lone = nil
		return
	case g.all:
		g.all = nil
		return
	}
	for n, at := range atomsOf(p.audience) {
		list, slot := g.atoms[at], p.slots[n]
		last := list[len(list)-1]
		list[slot] = last
		last.p.slots[last.nth] = slot
		list[len(list)-1] = entry{}
		if g.atoms[at] = list[:len(list)-1]; len(list) == 1 {
			delete(g.atoms, at)
		}
	}
	if r, ok := roomOf(p.audience); ok {
		list := g.roomy[r]
		last := list[len(list)-1]
		list[p.roomy] = last
		last.roomy = p.roomy
		list[len(list)-1] = nil
		if g.roomy[r] = list[:len(list)-1]; len(list) == 1 {
			delete(g.roomy, r)
		}
	}
}

func byID(p, q *pending) int { return cmp.Compare(p.id, q.id) }
