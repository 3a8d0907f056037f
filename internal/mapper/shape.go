package mapper

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// shape is what a JSON Schema says about a value as far as expressions can use
// it. Where the schema leaves a choice that CEL has no type for, it is any: then
// nothing is checked, and nothing is refused that may be right.
type shape struct {
	kind     shapeKind
	nullable bool
	words    []string           // of a string: the only ones; nil: all
	item     *shape             // of a list's items and a map's values
	members  map[string]*member // of an object
	others   *shape             // of an object's members that are not named; nil: there are none
	name     string             // of an object: where it stands, as "data.address"
}

// member is a named member of an object.
type member struct {
	shape    *shape
	optional bool
}

type shapeKind uint8

const (
	anyShape shapeKind = iota + 1
	nullShape
	boolShape
	textShape
	wholeShape  // written without fraction and exponent
	numberShape // either way, so nobody knows which of CEL's types it will be
	listShape
	mapShape    // of unknown names to values of one shape
	objectShape // of known names
)

var anything = &shape{kind: anyShape}

// shaper makes shapes of compiled schemas, one of each, so that a schema which
// refers to itself ends.
type shaper struct{ made map[*jsonschema.Schema]*shape }

// of returns the schema's shape. The name says where it stands.
func (b *shaper) of(s *jsonschema.Schema, name string) *shape {
	if s == nil {
		return anything
	}
	if made := b.made[s]; made != nil {
		return made
	}
	out := &shape{kind: anyShape, name: name}
	b.made[s] = out
	f := facets{seen: map[*jsonschema.Schema]bool{}}
	f.add(s)
	if !f.known || f.unclear {
		return out
	}
	out.nullable = f.null && f.kinds.has(nullShape)
	switch kinds := (f.kinds &^ setOf(nullShape)).list(); {
	case len(kinds) == 0 && out.nullable:
		out.kind = nullShape
	case len(kinds) == 1:
		out.kind = kinds[0]
	case len(kinds) == 2 && kinds[0] == wholeShape && kinds[1] == numberShape:
		out.kind = numberShape
	}
	switch out.kind {
	case textShape:
		out.words = f.words
	case listShape:
		out.item = b.items(f.all, name+"[]")
	case objectShape:
		b.object(f.all, out)
	case anyShape, nullShape, boolShape, wholeShape, numberShape, mapShape:
	}
	return out
}

// items returns the shape of a list's items.
func (b *shaper) items(all []*jsonschema.Schema, name string) *shape {
	item := anything
	for _, s := range all {
		one := s.Items2020
		if old, ok := s.Items.(*jsonschema.Schema); ok {
			one = old // before 2020-12
		}
		if len(s.PrefixItems) > 0 {
			return anything // each item has its own
		}
		if one != nil {
			item = meet(item, b.of(one, name))
		}
	}
	return item
}

// object fills in an object, or a map where the schema names no members.
func (b *shaper) object(all []*jsonschema.Schema, out *shape) {
	var others *shape
	required := map[string]bool{}
	members := map[string]*member{}
	for _, s := range all {
		for _, name := range s.Required {
			required[name] = true
		}
		for name, sub := range s.Properties {
			one := b.of(sub, join(out.name, name))
			if m := members[name]; m != nil {
				one = meet(m.shape, one)
			}
			members[name] = &member{shape: one}
		}
		switch more := s.AdditionalProperties.(type) {
		case bool:
			if more {
				others = anything
			}
		case *jsonschema.Schema:
			others = b.of(more, out.name+"[]")
		}
		if len(s.PatternProperties) > 0 {
			others = anything
		}
		if s.UnevaluatedProperties != nil && s.UnevaluatedProperties.Bool == nil {
			others = anything
		}
	}
	// What only a condition or one of several alternatives names may be there.
	for _, name := range alternatives(all) {
		if members[name] == nil {
			members[name] = &member{shape: anything}
		}
	}
	if len(members) == 0 && len(required) == 0 {
		out.kind, out.item = mapShape, anything
		if others != nil {
			out.item = others
		}
		return
	}
	for name := range required {
		if members[name] == nil {
			members[name] = &member{shape: anything}
		}
	}
	for name, m := range members {
		m.optional = !required[name]
	}
	out.members, out.others = members, others
}

// alternatives returns the names of members that stand in oneOf, anyOf, if,
// then, else, not and the like.
func alternatives(all []*jsonschema.Schema) []string {
	var names []string
	seen := map[*jsonschema.Schema]bool{}
	var look func(s *jsonschema.Schema)
	look = func(s *jsonschema.Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for name := range s.Properties {
			names = append(names, name)
		}
		names = append(names, s.Required...)
		for _, inner := range parts(s) {
			look(inner)
		}
	}
	for _, s := range all {
		for _, inner := range parts(s) {
			look(inner)
		}
	}
	return names
}

// parts returns the schemas that say more about the same value.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	out := slices.Concat(s.AllOf, s.AnyOf, s.OneOf, []*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else})
	for _, inner := range s.DependentSchemas {
		out = append(out, inner)
	}
	for _, inner := range s.Dependencies {
		if inner, ok := inner.(*jsonschema.Schema); ok {
			out = append(out, inner)
		}
	}
	return out
}

// meet returns the shape of a value that two schemas describe.
func meet(a, b *shape) *shape {
	switch {
	case a == b, b.kind == anyShape:
		return a
	case a.kind == anyShape:
		return b
	case a.kind == numberShape && b.kind == wholeShape:
		return b
	case a.kind == wholeShape && b.kind == numberShape, a.kind == b.kind && a.kind < listShape:
		return a
	}
	return anything
}
