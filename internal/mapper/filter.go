package mapper

import (
	"fmt"
	"slices"
	"strings"
)

// filter is one entry of `filters`: a filter expression of the CloudEvents
// Subscriptions API (section 3.2.4), whose dialects have one meaning wherever
// events are filtered.
type filter struct {
	field   string // its path in the rule: "filters[0].any[1]"
	dialect dialect
	attrs   []matcher // of exact, prefix and suffix: all must hold
	nested  []*filter // of all and any; one of not
	sql     *sqlFilter
	node    *node // as it is written: one pair
}

type dialect uint8

const (
	exactDialect dialect = iota + 1
	prefixDialect
	suffixDialect
	allDialect
	anyDialect
	notDialect
	sqlDialect
)

// String returns the word of rule files.
func (d dialect) String() string {
	switch d {
	case exactDialect:
		return "exact"
	case prefixDialect:
		return "prefix"
	case suffixDialect:
		return "suffix"
	case allDialect:
		return "all"
	case anyDialect:
		return "any"
	case notDialect:
		return "not"
	case sqlDialect:
		return "sql"
	}
	return fmt.Sprintf("dialect(%d)", uint8(d))
}

var dialects = []dialect{exactDialect, prefixDialect, suffixDialect, allDialect, anyDialect, notDialect, sqlDialect}

// Bounds on one rule's filters, so that no file can stall the loop or the stack.
const maxFilterNesting = 16

// holds says whether the event passes. It never fails: an attribute that is
// absent is false, and so is CloudEvents SQL that goes wrong, as the
// specification has it.
func (f *filter) holds(s *scope) bool {
	switch f.dialect {
	case exactDialect, prefixDialect, suffixDialect:
		return f.mismatch(s) == ""
	case allDialect:
		return !slices.ContainsFunc(f.nested, func(n *filter) bool { return !n.holds(s) })
	case anyDialect:
		return slices.ContainsFunc(f.nested, func(n *filter) bool { return n.holds(s) })
	case notDialect:
		return !f.nested[0].holds(s)
	case sqlDialect:
		yes, _ := f.sql.holds(s)
		return yes
	}
	panic("mapper: filter without a dialect")
}

// mismatch returns the attribute that does not fit, or "".
func (f *filter) mismatch(s *scope) string {
	for i := range f.attrs {
		if !f.attrs[i].matches(s) {
			return f.attrs[i].attribute
		}
	}
	return ""
}

// why says what keeps an event from passing, or what lets it pass, which is
// what keeps it from passing a not.
func (f *filter) why(s *scope) string {
	at := join(f.field, f.dialect.String())
	switch f.dialect {
	case exactDialect, prefixDialect, suffixDialect:
		if name := f.mismatch(s); name != "" {
			return at + ": " + s.told(name)
		}
		told := make([]string, len(f.attrs))
		for i := range f.attrs {
			told[i] = s.told(f.attrs[i].attribute)
		}
		return at + " holds: " + strings.Join(told, ", ")
	case allDialect, anyDialect:
		return f.whyNested(s)
	case notDialect:
		return f.nested[0].why(s)
	case sqlDialect:
		yes, err := f.sql.holds(s)
		switch {
		case err != nil:
			return fmt.Sprintf("%s is false, since it fails: %v", at, err)
		case yes:
			return fmt.Sprintf("%s holds: %s", at, shorten(f.sql.source))
		}
		return fmt.Sprintf("%s is false: %s", at, shorten(f.sql.source))
	}
	panic("mapper: filter without a dialect")
}

// whyNested tells what decided: one of the nested filters, or all of them.
func (f *filter) whyNested(s *scope) string {
	var told []string
	for _, n := range f.nested {
		yes := n.holds(s)
		if yes == (f.dialect == anyDialect) {
			return n.why(s)
		}
		if len(told) < maxNamed {
			told = append(told, n.why(s))
		}
	}
	if more := len(f.nested) - len(told); more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(told, "; ")
}

// told says what an attribute is.
func (s *scope) told(attribute string) string {
	if v, ok := s.attribute(attribute); ok {
		return fmt.Sprintf("%s is %q", attribute, shorten(v))
	}
	return attribute + " is absent"
}

// types returns the exact types that the filter admits, nil for any.
func (f *filter) types() []string {
	switch f.dialect {
	case exactDialect:
		for i := range f.attrs {
			if f.attrs[i].attribute == "type" {
				return f.attrs[i].anyOf
			}
		}
	case allDialect:
		var all []string
		for _, n := range f.nested {
			all = both(all, n.types())
		}
		return all
	case anyDialect:
		var all []string
		for _, n := range f.nested {
			of := n.types()
			if of == nil {
				return nil
			}
			for _, t := range of {
				if !slices.Contains(all, t) {
					all = append(all, t)
				}
			}
		}
		return all
	case prefixDialect, suffixDialect, notDialect, sqlDialect:
	}
	return nil
}

// both returns the types in a and b, where nil is any. What it returns for two
// lists is never nil.
func both(a, b []string) []string {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return slices.DeleteFunc(append([]string{}, a...), func(t string) bool { return !slices.Contains(b, t) })
}

// filters compiles `filters`, a list, or `filter`, which is a list of one.
func (l *loader) filters(n *node, field string, r *rule) {
	one, many := n.get("filter"), n.get("filters")
	switch {
	case one != nil && many != nil:
		l.refuse(one, join(field, "filter"), "filters is there too", "write it as an entry of filters")
	case one != nil:
		r.filters = []*filter{l.filter(one, join(field, "filter"), 1)}
	case many != nil && many.kind != listNode:
		l.refuse(many, join(field, "filters"), fmt.Sprintf("want a list of filters, got %s", many), "write [{exact: {type: …}}], or filter: for a single one")
	case many != nil:
		for i, item := range many.items {
			r.filters = append(r.filters, l.filter(item, index(join(field, "filters"), i), 1))
		}
	}
	if slices.Contains(r.filters, nil) {
		r.filters = nil // noted
	}
	for _, f := range r.filters {
		r.types = both(r.types, f.types())
	}
	r.types = r.admitted(r.types)
	if r.types != nil && len(r.types) == 0 && len(r.filters) > 0 {
		place := n.get("filters")
		if place == nil {
			place = one
		}
		l.refuse(place, join(field, "filters"), "no type passes all of them and match too, so the rule would never match", "name a type in both, or take it out of one")
	}
}

// admitted returns those of the types that fit the prefixes and suffixes that
// the rule asks of every type.
func (r *rule) admitted(exact []string) []string {
	if exact == nil {
		return nil
	}
	return slices.DeleteFunc(append([]string{}, exact...), func(t string) bool {
		return slices.ContainsFunc(r.match, func(m matcher) bool { return m.attribute == "type" && !m.fits(t) }) ||
			slices.ContainsFunc(r.filters, func(f *filter) bool {
				return slices.ContainsFunc(f.attrs, func(m matcher) bool { return m.attribute == "type" && !m.fits(t) })
			})
	})
}

// filter compiles one expression; nil where it is wrong.
func (l *loader) filter(n *node, field string, depth int) *filter {
	var k keys
	for _, d := range dialects {
		k.known = append(k.known, d.String())
	}
	before := l.refused
	switch {
	case depth > maxFilterNesting:
		l.refuse(n, field, fmt.Sprintf("filters are nested more than %d deep", maxFilterNesting), "say it flatter, or ask in when")
	case l.fields(n, field, k) == nil:
	case len(n.pairs) != 1:
		l.refuse(n, field, fmt.Sprintf("a filter has %d dialects, want exactly one", len(n.pairs)), "write each as an entry of its own; all of them must hold")
	}
	if l.refused > before {
		return nil
	}
	d := dialects[slices.Index(k.known, n.pairs[0].key.text)]
	f := &filter{field: field, dialect: d, node: n}
	v, at := n.pairs[0].value, join(field, d.String())
	switch d {
	case exactDialect, prefixDialect, suffixDialect:
		f.attrs = l.filterAttributes(v, at, d)
	case allDialect, anyDialect:
		if v.kind != listNode || len(v.items) == 0 {
			l.refuse(v, at, fmt.Sprintf("want a list with at least one filter, got %s", v), fmt.Sprintf("write %s: [{exact: {type: …}}, …]", d))
			break
		}
		for i, item := range v.items {
			f.nested = append(f.nested, l.filter(item, index(at, i), depth+1))
		}
	case notDialect:
		f.nested = []*filter{l.filter(v, at, depth+1)}
	case sqlDialect:
		f.sql = l.sqlFilter(v, at)
	}
	if l.refused > before {
		return nil
	}
	return f
}

// filterAttributes reads the map of exact, prefix or suffix.
func (l *loader) filterAttributes(n *node, field string, d dialect) []matcher {
	if n.kind != mapNode || len(n.pairs) == 0 {
		l.refuse(n, field, fmt.Sprintf("want a map of attributes, got %s", n), fmt.Sprintf("write %s: {type: …}", d))
		return nil
	}
	var all []matcher
	for _, p := range n.pairs {
		name := p.key.text
		at := join(field, name)
		switch {
		case name == "data" || name == "data_base64":
			l.refuse(p.key, at, "filters are about attributes", "ask for data in when: data.x == …")
			continue
		case !attributeName.MatchString(name):
			l.refuse(p.key, at, "no event has an attribute of this name", "names are a to z and 0 to 9")
			continue
		}
		l.oddAttribute(n, p.key, at)
		text, ok := l.nonEmpty(p.value, at)
		if !ok {
			continue
		}
		m := matcher{attribute: name}
		switch d {
		case prefixDialect:
			m.prefix = text
		case suffixDialect:
			m.suffix = text
		case exactDialect, allDialect, anyDialect, notDialect, sqlDialect:
			m.anyOf = []string{text}
		}
		all = append(all, m)
	}
	return all
}
