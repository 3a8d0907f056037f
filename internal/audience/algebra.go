package audience

import "slices"

// The algebra rests on one fact. A condition is a monotone disjunction of
// terms, a term being a set of atoms (tags, or pairs) that a user must have;
// everyone is the one empty term. The user who has just a legal term's atoms
// exists, so a is within b exactly if each term of a contains a term of b, and
// the terms that contain no other are the same for all ways to write a set.

// Contains says whether a reaches every user that b reaches. The zero Audience
// contains nothing but itself and is contained in all.
func (a Audience) Contains(b Audience) bool {
	switch {
	case b.IsZero() || a.kind == Everyone:
		return true
	case a.IsZero() || b.kind == Everyone || a.ofTags() != b.ofTags():
		return false
	}
	x, y := a.atomsList(), b.atomsList()
	within := func(inner, outer []string) bool {
		return !slices.ContainsFunc(inner, func(atom string) bool { return !slices.Contains(outer, atom) })
	}
	switch {
	case b.disjunctive() && a.disjunctive():
		return within(y, x)
	case b.disjunctive():
		// Each of b's one-atom terms would have to hold all of a's two or more.
		return false
	case a.disjunctive():
		return slices.ContainsFunc(y, func(atom string) bool { return slices.Contains(x, atom) })
	default:
		return within(x, y)
	}
}

// Union returns the audience that reaches exactly whom a and b reach, and false
// where no legal condition says that. It misses none: two sets of terms of
// which neither contains the other join to a legal condition only if all terms
// have one atom, at most 10 in number, and no attribute needs two values.
func (a Audience) Union(b Audience) (Audience, bool) {
	switch {
	case a.Contains(b):
		return a, !a.IsZero()
	case b.Contains(a):
		return b, true
	case a.kind != b.kind || !a.disjunctive():
		return Audience{}, false
	}
	if a.kind == AnyTag {
		u, err := ofTags(AnyTag, append(a.Tags(), b.Tags()...))
		return u, err == nil
	}
	pairs := make(map[string]string, MaxPairs)
	for _, p := range append(a.Pairs(), b.Pairs()...) {
		if v, ok := pairs[p.Name]; ok && v != p.Value {
			return Audience{}, false
		}
		pairs[p.Name] = p.Value
	}
	u, err := ofPairs(AnyAttr, pairs)
	return u, err == nil
}

// Overlaps says whether some user could be in both: always, unless each way to
// be in both needs two values of one attribute.
func (a Audience) Overlaps(b Audience) bool {
	if a.IsZero() || b.IsZero() {
		return false
	}
	for _, s := range a.terms() {
		for _, t := range b.terms() {
			if !conflict(s, t) {
				return true
			}
		}
	}
	return false
}

// terms returns the pairs of each term; terms without pairs conflict with none.
func (a Audience) terms() [][]Pair {
	switch a.kind {
	case AnyAttr:
		var all [][]Pair
		for _, p := range a.Pairs() {
			all = append(all, []Pair{p})
		}
		return all
	case AllAttrs:
		return [][]Pair{a.Pairs()}
	case Everyone, AnyTag, AllTags:
	}
	return [][]Pair{nil}
}

func conflict(s, t []Pair) bool {
	return slices.ContainsFunc(s, func(p Pair) bool {
		return slices.ContainsFunc(t, func(q Pair) bool { return p.Name == q.Name && p.Value != q.Value })
	})
}

func (a Audience) ofTags() bool      { return a.kind == AnyTag || a.kind == AllTags }
func (a Audience) disjunctive() bool { return a.kind == AnyTag || a.kind == AnyAttr }

// atomsList returns each atom as one text that no other atom equals.
func (a Audience) atomsList() []string {
	flat := split(a.atoms)
	if a.ofTags() {
		return flat
	}
	atoms := flat[:0]
	for i := 0; i < len(flat); i += 2 {
		atoms = append(atoms, join(flat[i:i+2]))
	}
	return atoms
}
