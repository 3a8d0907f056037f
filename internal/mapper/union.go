package mapper

import "slices"

// unions makes the shape of data that may be of several event types.
type unions struct{ made map[[2]*shape]*shape }

// of returns what an expression may rely on in both: a member that only one of
// them has is optional, and one that they have differently can be anything.
func (u *unions) of(a, b *shape) *shape {
	if a == b {
		return a
	}
	if made := u.made[[2]*shape{a, b}]; made != nil {
		return made
	}
	out := &shape{kind: anyShape, nullable: a.nullable || b.nullable, name: a.name}
	u.made[[2]*shape{a, b}] = out
	switch {
	case a.kind == b.kind:
		out.kind = a.kind
	case a.kind == nullShape:
		*out = *b
		out.nullable = true
	case b.kind == nullShape:
		*out = *a
		out.nullable = true
	case a.kind == wholeShape && b.kind == numberShape, a.kind == numberShape && b.kind == wholeShape:
		out.kind = numberShape
	}
	if a.kind != b.kind {
		return out
	}
	switch out.kind {
	case textShape:
		if a.words != nil && b.words != nil {
			out.words = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.words, b.words))))
		}
	case listShape, mapShape:
		out.item = u.of(a.item, b.item)
	case objectShape:
		u.members(a, b, out)
	case anyShape, nullShape, boolShape, wholeShape, numberShape:
	}
	return out
}

func (u *unions) members(a, b, out *shape) {
	out.members = map[string]*member{}
	for name, m := range a.members {
		switch other := b.members[name]; {
		case other != nil:
			out.members[name] = &member{u.of(m.shape, other.shape), m.optional || other.optional}
		case b.others != nil:
			out.members[name] = &member{u.of(m.shape, b.others), true}
		default:
			out.members[name] = &member{m.shape, true}
		}
	}
	for name, m := range b.members {
		switch {
		case a.members[name] != nil:
		case a.others != nil:
			out.members[name] = &member{u.of(a.others, m.shape), true}
		default:
			out.members[name] = &member{m.shape, true}
		}
	}
	switch {
	case a.others != nil && b.others != nil:
		out.others = u.of(a.others, b.others)
	case a.others != nil:
		out.others = a.others
	default:
		out.others = b.others
	}
}
