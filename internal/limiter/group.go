package limiter

import (
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
	atoms   map[atom][]*pending            // batches whose audience names the atom
	roomy   []*pending                     // batches of any tag or any pair with room for another, oldest first
	all     *pending                       // the batch for everyone
	batches int
}

// atom is a tag (no value) or an attribute pair.
type atom struct{ name, value string }

func newGroup(key groupKey) *group {
	return &group{key: key, exact: make(map[audience.Audience]*pending), atoms: make(map[atom][]*pending)}
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
		for _, p := range g.atoms[at] {
			if tried++; tried > candidates {
				break
			}
			if consider(p) {
				return best, bestUnion
			}
		}
	}
	if best != nil {
		return best, bestUnion
	}
	for n, p := range g.roomy {
		if n >= candidates || (consider(p) && best != nil) {
			break
		}
	}
	return best, bestUnion
}

// within returns the batches that a, new in p, contains, so that p can take them
// over.
func (g *group) within(a audience.Audience, p *pending) []*pending {
	var found []*pending
	if a.Kind() == audience.Everyone {
		for _, list := range g.atoms {
			found = append(found, list...)
		}
		slices.SortFunc(found, byID) // the map's order must not decide
		return slices.Compact(found)
	}
	for _, at := range atomsOf(a) {
		for _, q := range g.atoms[at] {
			if q != p && len(found) < candidates && a.Contains(q.audience) && !slices.Contains(found, q) {
				found = append(found, q)
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
	for _, at := range atomsOf(p.audience) {
		g.atoms[at] = insert(g.atoms[at], p)
	}
	if hasRoom(p.audience) {
		g.roomy = insert(g.roomy, p)
	}
}

func (g *group) unindex(p *pending) {
	g.batches--
	if g.all == p {
		g.all = nil
		return
	}
	for _, at := range atomsOf(p.audience) {
		if g.atoms[at] = without(g.atoms[at], p); len(g.atoms[at]) == 0 {
			delete(g.atoms, at)
		}
	}
	if hasRoom(p.audience) {
		g.roomy = without(g.roomy, p)
	}
}

func byID(p, q *pending) int {
	switch {
	case p.id < q.id:
		return -1
	case p.id > q.id:
		return 1
	}
	return 0
}

func insert(list []*pending, p *pending) []*pending {
	i, _ := slices.BinarySearchFunc(list, p, byID)
	return slices.Insert(list, i, p)
}

func without(list []*pending, p *pending) []*pending {
	if i, ok := slices.BinarySearchFunc(list, p, byID); ok {
		return slices.Delete(list, i, i+1)
	}
	return list
}

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
