package audience

import (
	"cmp"
	"strings"
)

// The algebra rests on one fact. A condition is a monotone disjunction of
// terms, a term being a set of atoms (tags, or pairs) that a user must have;
// everyone is the one empty term. The user who has just a legal term's atoms
// exists, so a is within b exactly if each term of a contains a term of b, and
// the terms that contain no other are the same for all ways to write a set.

// Contains says whether a reaches every user that b reaches. The zero Audience
// contains nothing but itself and is contained in all.
func (a Audience) Contains(b Audience) bool { return a.over(b, a.match(b)) }

// over is Contains, given how the atoms match.
func (a Audience) over(b Audience, m matched) bool {
	switch {
	case b.IsZero() || a.kind == Everyone:
		return true
	case a.IsZero() || b.kind == Everyone || a.ofTags() != b.ofTags():
		return false
	case b.disjunctive() && a.disjunctive():
		return m.common == m.b
	case b.disjunctive():
		// Each of b's one-atom terms would have to hold all of a's two or more.
		return false
	case a.disjunctive():
		return m.common > 0
	default:
		return m.common == m.a
	}
}

// Union returns the audience that reaches exactly whom a and b reach, and false
// where no legal condition says that. It misses none: two sets of terms of
// which neither contains the other join to a legal condition only if all terms
// have one atom, at most 10 in number, and no attribute needs two values.
func (a Audience) Union(b Audience) (Audience, bool) {
	m := a.match(b)
	switch {
	case a.over(b, m):
		return a, !a.IsZero()
	case b.over(a, m.turned()):
		return b, true
	case !a.joins(b, m):
		return Audience{}, false
	}
	var u strings.Builder
	u.Grow(len(a.atoms) + len(b.atoms))
	x, y := a.atoms, b.atoms
	for x != "" && y != "" {
		p, q := a.next(x), a.next(y)
		switch c := cmp.Compare(p.name, q.name); {
		case c < 0:
			u.WriteString(p.packed)
			x = x[len(p.packed):]
		case c > 0:
			u.WriteString(q.packed)
			y = y[len(q.packed):]
		default: // the same atom, or joins had said no
			u.WriteString(p.packed)
			x, y = x[len(p.packed):], y[len(q.packed):]
		}
	}
	u.WriteString(x)
	u.WriteString(y)
	return Audience{kind: a.kind, atoms: u.String()}, true
}

// Growth returns by how many tags or pairs the union of a and b is larger than
// a, below 0 where it is smaller, and false where Union is. It costs less.
func (a Audience) Growth(b Audience) (int, bool) {
	m := a.match(b)
	switch {
	case a.over(b, m):
		return 0, !a.IsZero()
	case b.over(a, m.turned()):
		return b.Len() - a.Len(), true
	}
	return m.b - m.common, a.joins(b, m)
}

// joins says whether a and b, of which neither contains the other, unite.
func (a Audience) joins(b Audience, m matched) bool {
	// MaxPairs is equal.
	return a.kind == b.kind && a.disjunctive() && m.conflicts == 0 && m.a+m.b-m.common <= MaxTags
}

// Overlaps says whether some user could be in both: always, unless each way to be
// in both needs two values of one attribute. It costs a walk over the texts and no
// memory.
func (a Audience) Overlaps(b Audience) bool {
	switch {
	case a.IsZero() || b.IsZero():
		return false
	case !a.ofAttrs() || !b.ofAttrs():
		return true
	}
	m := a.match(b)
	switch {
	case a.disjunctive() && b.disjunctive():
		// Of several pairs one is about another attribute, and a user has both.
		return m.a > 1 || m.b > 1 || m.conflicts == 0
	case a.disjunctive():
		return m.conflicts < m.a
	case b.disjunctive():
		return m.conflicts < m.b
	default:
		return m.conflicts == 0
	}
}

func (a Audience) ofAttrs() bool     { return a.kind == AnyAttr || a.kind == AllAttrs }
func (a Audience) ofTags() bool      { return a.kind == AnyTag || a.kind == AllTags }
func (a Audience) disjunctive() bool { return a.kind == AnyTag || a.kind == AnyAttr }

// matched is how many atoms two audiences have, and have in common, and how many
// attributes both name, with another value each.
type matched struct{ a, b, common, conflicts int }

func (m matched) turned() matched {
	m.a, m.b = m.b, m.a
	return m
}

// match walks through both lists at once. Tags and pairs have nothing in common.
func (a Audience) match(b Audience) matched {
	var m matched
	if a.ofTags() != b.ofTags() {
		return m
	}
	x, y := a.atoms, b.atoms
	for x != "" && y != "" {
		p, q := a.next(x), b.next(y)
		c := cmp.Compare(p.name, q.name)
		if c <= 0 {
			m.a++
			x = x[len(p.packed):]
		}
		if c >= 0 {
			m.b++
			y = y[len(q.packed):]
		}
		switch {
		case c != 0:
		case p.packed == q.packed:
			m.common++
		default:
			m.conflicts++
		}
	}
	m.a += a.count(x)
	m.b += b.count(y)
	return m
}

// atom is a tag, or a pair under its name, beside the bytes that hold it.
type atom struct{ name, packed string }

// next returns the first atom of what is left of a's atoms.
func (a Audience) next(atoms string) atom {
	n := 1 + int(atoms[0])
	name := atoms[1:n]
	if !a.ofTags() {
		n += 1 + int(atoms[n])
	}
	return atom{name: name, packed: atoms[:n]}
}

func (a Audience) count(atoms string) (n int) {
	for ; atoms != ""; n++ {
		atoms = atoms[len(a.next(atoms).packed):]
	}
	return n
}

// Len returns the number of tags or pairs that a names.
func (a Audience) Len() int { return a.count(a.atoms) }
