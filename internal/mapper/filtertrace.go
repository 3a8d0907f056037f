package mapper

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// filterTracer says what each part of a rule's filters came to, in the words that
// tracer has for `when`.
type filterTracer struct {
	scope *scope // nil: the parts alone, without what they came to
	parts int64
}

// traceFilters returns the rule's filters with their parts. All of them must hold, so
// what stands behind a false one decides nothing.
func (r *rule) traceFilters(s *scope) []Trace {
	var all []Trace
	t := filterTracer{scope: s}
	for _, f := range r.filters {
		x := t.trace(f, true)
		x.Field = f.field
		all = append(all, x)
	}
	leaveOut(all, false)
	return all
}

// trace describes f and what it is made of. asMatch says that it stands where `match`
// could: then its text of an attribute is none that could go either way, but one that
// says which events are the rule's.
func (t *filterTracer) trace(f *filter, asMatch bool) Trace {
	written := f.node.pairs[0]
	out := t.part(f.String(), written.key)
	switch f.dialect {
	case exactDialect, prefixDialect, suffixDialect:
		out.decides = !asMatch
		for i := range f.attrs {
			p := t.attribute(f, i)
			if len(f.attrs) == 1 {
				out.Parts = p.Parts
				break
			}
			p.decides = !asMatch
			out.Parts = append(out.Parts, p)
		}
		leaveOut(out.Parts, false)
	case allDialect, anyDialect:
		asMatch = asMatch && f.dialect == allDialect
		out.decides = !asMatch
		for _, n := range f.nested {
			out.Parts = append(out.Parts, t.trace(n, asMatch))
		}
		leaveOut(out.Parts, f.dialect == anyDialect)
	case notDialect:
		out.decides = true
		out.Parts = []Trace{t.trace(f.nested[0], false)}
	case sqlDialect:
		out.decides = true
		for _, name := range f.sql.attributes {
			out.Parts = append(out.Parts, t.value(name, written.value))
		}
	}
	if t.scope == nil {
		return out
	}
	out.seeBool(f.holds(t.scope))
	if f.dialect == sqlDialect {
		if _, err := f.sql.holds(t.scope); err != nil {
			out.Error = err.Error()
		}
	}
	return out
}

// attribute describes one attribute that exact, prefix or suffix ask for, and beneath
// it what the event has there.
func (t *filterTracer) attribute(f *filter, i int) Trace {
	m, key := &f.attrs[i], f.node.pairs[0].value.pairs[i].key
	one := filter{dialect: f.dialect, attrs: f.attrs[i : i+1]}
	out := t.part(one.String(), key)
	if t.scope != nil {
		out.seeBool(m.matches(t.scope))
	}
	out.Parts = []Trace{t.value(m.attribute, key)}
	return out
}

// value describes what the event has as an attribute.
func (t *filterTracer) value(attribute string, at *node) Trace {
	out := t.part(attribute, at)
	if t.scope != nil {
		if v, ok := t.scope.attribute(attribute); ok {
			out.Type = "string"
			out.Value, _ = json.Marshal(shorten(v)) // a string has an encoding
		}
	}
	return out
}

func (t *filterTracer) part(text string, at *node) Trace {
	t.parts-- // those of when are positive
	return Trace{Text: text, Line: at.line, Column: at.column, id: t.parts}
}

func (t *Trace) seeBool(yes bool) {
	t.Type, t.Value = "bool", json.RawMessage(fmt.Sprint(yes))
}

// String writes the filter as a rule file would in a line.
func (f *filter) String() string {
	var parts []string
	switch f.dialect {
	case exactDialect, prefixDialect, suffixDialect:
		for i := range f.attrs {
			m := &f.attrs[i]
			parts = append(parts, m.attribute+": "+plainOrQuoted(strings.Join(m.anyOf, "")+m.prefix+m.suffix))
		}
		return fmt.Sprintf("%v: {%s}", f.dialect, strings.Join(parts, ", "))
	case allDialect, anyDialect:
		for _, n := range f.nested {
			parts = append(parts, "{"+n.String()+"}")
		}
		return fmt.Sprintf("%v: [%s]", f.dialect, strings.Join(parts, ", "))
	case notDialect:
		return fmt.Sprintf("not: {%v}", f.nested[0])
	case sqlDialect:
		return "sql: " + f.sql.source
	}
	panic("mapper: filter without a dialect")
}

// plainText is what YAML reads as itself wherever it stands.
var plainText = regexp.MustCompile(`^[A-Za-z/._][A-Za-z0-9/._-]*$`)

func plainOrQuoted(s string) string {
	if plainText.MatchString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}
