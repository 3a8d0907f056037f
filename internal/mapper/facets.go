package mapper

import (
	"encoding/json"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// kindSet is the kinds that a value may have, one bit each.
type kindSet uint16

func setOf(kind shapeKind) kindSet { return 1 << kind }

func (k kindSet) has(kind shapeKind) bool { return k&setOf(kind) != 0 }

// list returns the kinds of the set.
func (k kindSet) list() []shapeKind {
	var all []shapeKind
	for kind := anyShape; kind <= objectShape; kind++ {
		if k.has(kind) {
			all = append(all, kind)
		}
	}
	return all
}

// facets is what a schema and those that it includes say of a value's kind.
type facets struct {
	kinds   kindSet
	known   bool     // kinds are; otherwise any is possible
	null    bool     // null was named as a type or a value
	words   []string // nil: any
	unclear bool     // alternatives, of which nobody knows the kind
	all     []*jsonschema.Schema
	seen    map[*jsonschema.Schema]bool
}

// add takes in a schema, what it refers to and all of its allOf.
func (f *facets) add(s *jsonschema.Schema) {
	if s == nil || f.seen[s] {
		return
	}
	f.seen[s] = true
	f.all = append(f.all, s)
	switch {
	case s.Types != nil:
		f.only(kindsOf(s.Types.ToStrings()))
	case s.Enum == nil && s.Const == nil && (len(s.Properties) > 0 || len(s.Required) > 0):
		f.only(setOf(objectShape)) // who names members means an object
	case s.Enum == nil && s.Const == nil && (s.Items2020 != nil || s.PrefixItems != nil):
		f.only(setOf(listShape))
	}
	if s.Const != nil {
		f.values([]any{*s.Const})
	}
	if s.Enum != nil {
		f.values(s.Enum.Values)
	}
	f.add(s.Ref)
	for _, part := range s.AllOf {
		f.add(part)
	}
	f.choice(s.AnyOf)
	f.choice(s.OneOf)
	f.unclear = f.unclear || s.DynamicRef != nil || s.RecursiveRef != nil
}

// only narrows the kinds down.
func (f *facets) only(kinds kindSet) {
	f.null = f.null || kinds.has(nullShape)
	if !f.known {
		f.kinds, f.known = kinds, true
		return
	}
	if kinds.has(numberShape) && f.kinds.has(wholeShape) {
		kinds |= setOf(wholeShape)
	}
	if f.kinds.has(numberShape) && kinds.has(wholeShape) {
		f.kinds |= setOf(wholeShape)
	}
	f.kinds &= kinds
}

// values narrows down by const or enum.
func (f *facets) values(all []any) {
	var kinds kindSet
	words := []string{}
	for _, v := range all {
		switch v := v.(type) {
		case nil:
			kinds |= setOf(nullShape)
		case bool:
			kinds |= setOf(boolShape)
		case string:
			kinds |= setOf(textShape)
			words = append(words, v)
		case json.Number, float64:
			kinds |= setOf(numberShape)
		case []any:
			kinds |= setOf(listShape)
		case map[string]any:
			kinds |= setOf(objectShape)
		}
	}
	f.only(kinds)
	if f.words == nil {
		f.words = words
		return
	}
	f.words = slices.DeleteFunc(slices.Clone(f.words), func(w string) bool { return !slices.Contains(words, w) })
}

// choice takes in anyOf and oneOf. One alternative beside null is that, or
// null; of several only a kind that all share is known.
func (f *facets) choice(of []*jsonschema.Schema) {
	var others []*jsonschema.Schema
	null := false
	for _, s := range of {
		if s.Types != nil && slices.Equal(s.Types.ToStrings(), []string{"null"}) {
			null = true
			continue
		}
		others = append(others, s)
	}
	switch {
	case len(others) == 0 && !null:
	case len(others) == 1 && !null:
		f.add(others[0])
	case len(others) == 1 && null:
		inner := facets{seen: f.seen}
		inner.add(others[0])
		if inner.known {
			inner.kinds |= setOf(nullShape)
			f.only(inner.kinds)
		}
		f.null = true
		f.words, f.unclear = inner.words, f.unclear || inner.unclear
		f.all = append(f.all, inner.all...)
	case !f.known:
		f.unclear = true
	}
}

// kindsOf reads the names of JSON Schema's types.
func kindsOf(names []string) kindSet {
	var kinds kindSet
	for _, name := range names {
		switch name {
		case "null":
			kinds |= setOf(nullShape)
		case "boolean":
			kinds |= setOf(boolShape)
		case "string":
			kinds |= setOf(textShape)
		case "integer":
			kinds |= setOf(wholeShape)
		case "number":
			kinds |= setOf(numberShape)
		case "array":
			kinds |= setOf(listShape)
		case "object":
			kinds |= setOf(objectShape)
		}
	}
	return kinds
}
