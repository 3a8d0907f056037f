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

// group is the pending batches of one message, found by what they ask for.
type group struct {
	key     groupKey
	exact   map[audience.Audience]*pending // where an item with this very audience waits
	atoms   map[atom][]entry               // batches whose audience names the atom
	roomy   []*pending                     // batches of any tag or any pair with room for another
	all     *pending                       // the batch for everyone
	batches int
}

// entry is a batch in the list of its nth atom. A batch knows its index in each
// list, so that leaving one costs the same however long it is.
type entry struct {
	p   *pending
	nth int
}

// atom is a tag (no value) or an attribute pair.
type atom struct{ name, value string }

func newGroup(key groupKey) *group {
	return &group{key: key, exact: make(map[audience.Audience]*pending), atoms: make(map[atom][]entry)}
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

// find returns the batch that an item with audience a should join and the
// audience that the batch then has: one that contains a, else the one that
// grows least, else none.
func (g *group) find(a audience.Audience) (*pending, audience.Audience) {
	if p, ok := g.exact[a]; ok {
		return p, p.audience
	}
	if g.all != nil {
		return g.all, g.all.audience
	}
	var best *pending
	var bestUnion audience.Audience
	growth := 0
	consider := func(p *pending) (contained bool) {
		union, ok := p.audience.Union(a)
		if !ok {
			return false
		}
		if union == p.audience {
			best, bestUnion = p, union
			return true
		}
		grown := size(union) - size(p.audience)
		if best == nil || grown < growth || (grown == growth && p.id < best.id) {
			best, bestUnion, growth = p, union, grown
		}
		return false
	}
	tried := 0
	for _, at := range atomsOf(a) {
		for _, e := range g.atoms[at] {
			if tried++; tried > candidates {
				break
			}
			if consider(e.p) {
				return best, bestUnion
			}
		}
	}
	if best != nil {
		return best, bestUnion
	}
	for n, p := range g.roomy {
		if n >= candidates || consider(p) {
			break
		}
	}
	return best, bestUnion
}

// within returns batches that p contains, so that p can take them over: all, or
// some of them if there are more than a few.
func (g *group) within(p *pending) []*pending {
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

// index notes what p asks for, unindex forgets it; between them p.audience may
// change.
func (g *group) index(p *pending) {
	g.batches++
	if p.audience.Kind() == audience.Everyone {
		g.all = p
		return
	}
	p.slots = p.slots[:0]
	for n, at := range atomsOf(p.audience) {
		p.slots = append(p.slots, len(g.atoms[at]))
		g.atoms[at] = append(g.atoms[at], entry{p, n})
	}
	if hasRoom(p.audience) {
		p.roomy = len(g.roomy)
		g.roomy = append(g.roomy, p)
	}
}

func (g *group) unindex(p *pending) {
	g.batches--
	if g.all == p {
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
	if hasRoom(p.audience) {
		last := g.roomy[len(g.roomy)-1]
		g.roomy[p.roomy] = last
		last.roomy = p.roomy
		g.roomy[len(g.roomy)-1] = nil
		g.roomy = g.roomy[:len(g.roomy)-1]
	}
}

func byID(p, q *pending) int { return cmp.Compare(p.id, q.id) }

func size(a audience.Audience) int { return len(a.Tags()) + len(a.Pairs()) }

func hasRoom(a audience.Audience) bool {
	switch a.Kind() {
	case audience.AnyTag:
		return len(a.Tags()) < audience.MaxTags
	case audience.AnyAttr:
		return len(a.Pairs()) < audience.MaxPairs
	case audience.Everyone, audience.AllTags, audience.AllAttrs:
	}
	return false
}
