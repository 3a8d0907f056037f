package mapper

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
)

// What this file answers: is every event that one rule could take taken by
// others before? A yes is proved. A no may only mean that it was not, since
// conditions are compared by what is written and not by what they compute.

// maxClauses bounds the cases that a condition is split into; what has more is
// not looked at.
const maxClauses = 256

// clause is one case of `match` and `filters`: everything in it must hold.
type clause struct {
	attrs  map[string]constraint
	opaque map[string]bool // SQL, which only its own text implies
}

// constraint is what a clause asks of one attribute.
type constraint struct {
	anyOf          []string // nil: not asked for
	prefix, suffix string
	not            []matcher // none of these may hold; they do not where it is absent
}

// asked says whether the attribute must be there.
func (c *constraint) asked() bool { return c.anyOf != nil || c.prefix != "" || c.suffix != "" }

// with returns the constraint with one condition more; false where nothing is
// left that could fit.
func (c constraint) with(m matcher) (constraint, bool) {
	if m.anyOf != nil {
		if c.anyOf == nil {
			c.anyOf = m.anyOf
		} else {
			c.anyOf = both(c.anyOf, m.anyOf)
		}
	}
	switch {
	case strings.HasPrefix(m.prefix, c.prefix):
		c.prefix = m.prefix
	case !strings.HasPrefix(c.prefix, m.prefix):
		return c, false
	}
	switch {
	case strings.HasSuffix(m.suffix, c.suffix):
		c.suffix = m.suffix
	case !strings.HasSuffix(c.suffix, m.suffix):
		return c, false
	}
	return c.narrowed()
}

// without returns the constraint with one condition more that must not hold.
func (c constraint) without(m matcher) (constraint, bool) {
	c.not = append(slices.Clip(c.not), m)
	return c.narrowed()
}

// narrowed keeps of listed values those that fit the rest; false where nothing
// can fit.
func (c constraint) narrowed() (constraint, bool) {
	if c.anyOf == nil {
		whole := matcher{prefix: c.prefix, suffix: c.suffix}
		return c, !c.asked() || !slices.ContainsFunc(c.not, whole.implies)
	}
	c.anyOf = slices.DeleteFunc(slices.Clone(c.anyOf), func(v string) bool { return !c.fits(v) })
	return c, len(c.anyOf) > 0
}

func (c *constraint) fits(v string) bool {
	m := matcher{anyOf: c.anyOf, prefix: c.prefix, suffix: c.suffix}
	return m.fits(v) && !slices.ContainsFunc(c.not, func(n matcher) bool { return n.fits(v) })
}

// implies says whether whatever fits c fits d.
func (c *constraint) implies(d *constraint) bool {
	if c.anyOf != nil {
		return !slices.ContainsFunc(c.anyOf, func(v string) bool { return !d.fits(v) })
	}
	// Any text may stand between prefix and suffix, so a longer one is not implied.
	if d.anyOf != nil || !strings.HasPrefix(c.prefix, d.prefix) || !strings.HasSuffix(c.suffix, d.suffix) {
		return false
	}
	return !slices.ContainsFunc(d.not, func(n matcher) bool { return !c.excludes(n) })
}

// excludes says whether nothing that fits c fits n.
func (c *constraint) excludes(n matcher) bool {
	if slices.ContainsFunc(c.not, func(o matcher) bool { return n.implies(o) }) {
		return true
	}
	_, possible := constraint{prefix: c.prefix, suffix: c.suffix, not: c.not}.with(n)
	return !possible
}

// implies says whether whatever fits m fits o.
func (m matcher) implies(o matcher) bool {
	c, d := constraint{anyOf: m.anyOf, prefix: m.prefix, suffix: m.suffix}, constraint{anyOf: o.anyOf, prefix: o.prefix, suffix: o.suffix}
	return c.implies(&d)
}

// with returns the clause with one condition on an attribute more, or less if
// not; false where nothing can fit it any more.
func (c clause) with(m matcher, not bool) (clause, bool) {
	attrs := make(map[string]constraint, len(c.attrs)+1)
	maps.Copy(attrs, c.attrs)
	narrow := attrs[m.attribute].with
	if not {
		narrow = attrs[m.attribute].without
	}
	of, ok := narrow(m)
	attrs[m.attribute] = of
	return clause{attrs: attrs, opaque: c.opaque}, ok
}

func (c clause) implies(d clause) bool {
	for name, want := range d.attrs {
		if have := c.attrs[name]; !have.implies(&want) {
			return false
		}
	}
	for text := range d.opaque {
		if !c.opaque[text] {
			return false
		}
	}
	return true
}

// clauses are the cases of a condition, one of which must hold. The zero value
// holds for nothing; tooMany says that the cases are not all there.
type clauses struct {
	all     []clause
	tooMany bool
}

// and returns the cases in which both hold.
func (c clauses) and(add func(clause) clauses) clauses {
	out := clauses{tooMany: c.tooMany}
	for _, one := range c.all {
		more := add(one)
		out.all = append(out.all, more.all...)
		if out.tooMany = out.tooMany || more.tooMany || len(out.all) > maxClauses; out.tooMany {
			return clauses{tooMany: true}
		}
	}
	return out
}

// clauses returns the cases of `match` and `filters`.
func (r *rule) clauses() clauses {
	c := clauses{all: []clause{{}}}
	for _, m := range r.match {
		c = c.and(func(one clause) clauses { return one.cases(m, false) })
	}
	for _, f := range r.filters {
		c = c.and(func(one clause) clauses { return f.cases(one, false) })
	}
	return c
}

// cases returns the clause with the matcher, if it can hold.
func (c clause) cases(m matcher, not bool) clauses {
	if next, ok := c.with(m, not); ok {
		return clauses{all: []clause{next}}
	}
	return clauses{}
}

// cases returns the cases in which the filter holds, or does not if not, beside
// what the clause asks.
func (f *filter) cases(c clause, not bool) clauses {
	switch f.dialect {
	case notDialect:
		return f.nested[0].cases(c, !not)
	case sqlDialect:
		return c.told("sql", f.sql.source, not)
	case allDialect, anyDialect:
		if (f.dialect == allDialect) != not {
			out := clauses{all: []clause{c}}
			for _, n := range f.nested {
				out = out.and(func(one clause) clauses { return n.cases(one, not) })
			}
			return out
		}
		var out clauses
		for _, n := range f.nested {
			more := n.cases(c, not)
			out.all, out.tooMany = append(out.all, more.all...), out.tooMany || more.tooMany
		}
		return out
	case exactDialect, prefixDialect, suffixDialect:
		if !not {
			out := clauses{all: []clause{c}}
			for _, m := range f.attrs {
				out = out.and(func(one clause) clauses { return one.cases(m, false) })
			}
			return out
		}
		var out clauses
		for _, m := range f.attrs {
			out.all = append(out.all, c.cases(m, true).all...)
		}
		return out
	}
	panic("mapper: filter without a dialect")
}

// told returns the clause with a condition that is known by its text only.
func (c clause) told(what, source string, not bool) clauses {
	text, opposite := what+" "+source, "not "+what+" "+source
	if not {
		text, opposite = opposite, text
	}
	if c.opaque[opposite] {
		return clauses{}
	}
	opaque := map[string]bool{text: true}
	for t := range c.opaque {
		opaque[t] = true
	}
	return clauses{all: []clause{{attrs: c.attrs, opaque: opaque}}}
}

// split returns the cases with one listed value each, so that several rules
// together can be seen to take them all.
func (c clauses) split() clauses {
	out := c
	for _, name := range c.attributes() {
		next := out.and(func(one clause) clauses {
			of := one.attrs[name]
			if len(of.anyOf) < 2 {
				return clauses{all: []clause{one}}
			}
			var each clauses
			for _, v := range of.anyOf {
				each.all = append(each.all, one.cases(matcher{attribute: name, anyOf: []string{v}}, false).all...)
			}
			return each
		})
		if next.tooMany {
			return out
		}
		out = next
	}
	return out
}

func (c clauses) attributes() []string {
	seen := map[string]bool{}
	for _, one := range c.all {
		for name := range one.attrs {
			seen[name] = true
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// cases remembers the clauses of rules and the terms of their conditions, which many
// are compared with.
type cases struct {
	clauses map[*rule]clauses
	terms   map[*expression]*term
}

func newCases() cases { return cases{map[*rule]clauses{}, map[*expression]*term{}} }

func (c cases) of(r *rule) clauses {
	known, ok := c.clauses[r]
	if !ok {
		known = r.clauses()
		c.clauses[r] = known
	}
	return known
}

func (c cases) term(e *expression) *term {
	known, ok := c.terms[e]
	if !ok {
		known = newTerm(e.root, e.info)
		c.terms[e] = known
	}
	return known
}

// takenBy returns those of the others that together decide every event that r
// could take, each event by one of them; nil where that cannot be seen.
func (c cases) takenBy(r *rule, others []*rule) []*rule {
	own := c.of(r)
	if own.tooMany || len(own.all) == 0 {
		return nil
	}
	var by []*rule
	for _, one := range own.split().all {
		i := slices.IndexFunc(others, func(o *rule) bool { return c.decides(o, r, one) })
		if i < 0 {
			return nil
		}
		if !slices.Contains(by, others[i]) {
			by = append(by, others[i])
		}
	}
	return by
}

// decides says whether the rule matches, or fails on, every event of other that
// fits the clause, which is one of other's.
func (c cases) decides(r, other *rule, one clause) bool {
	own := c.of(r)
	return !own.tooMany && slices.ContainsFunc(own.all, one.implies) && c.follows(other.when, r.when)
}

// takesAllOf says whether r can be seen to match whatever other matches. False
// says nothing.
func (r *rule) takesAllOf(other *rule) bool { return newCases().takenBy(other, []*rule{r}) != nil }

// follows says whether wherever b is true or fails, a is true or fails: in both
// cases a rule has decided. It follows the shape of the conditions, in which an
// error of one side of && and || counts for nothing beside a side that decides.
func (c cases) follows(b, a *expression) bool {
	switch {
	case a == nil:
		return true
	case b == nil:
		return newTerm(a.root, a.info).literal(true)
	}
	return c.term(b).follows(c.term(a))
}

// term is a part of a condition, as it is written but for spaces and brackets.
type term struct {
	expr    ast.Expr
	text    string
	and, or []*term // the sides, where it is one of these
}

func newTerm(e ast.Expr, info *ast.SourceInfo) *term {
	t := &term{expr: e}
	if text, err := parser.Unparse(e, info); err == nil {
		t.text = text
	}
	if e.Kind() != ast.CallKind {
		return t
	}
	var sides *[]*term
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		sides = &t.and
	case operators.LogicalOr:
		sides = &t.or
	default:
		return t
	}
	for _, side := range e.AsCall().Args() {
		*sides = append(*sides, newTerm(side, info))
	}
	return t
}

func (t *term) literal(want bool) bool {
	return t.expr.Kind() == ast.LiteralKind && t.expr.AsLiteral().Value() == want
}

// follows says whether a follows from t, in the sense of the function above.
func (t *term) follows(a *term) bool {
	switch {
	case t.text != "" && t.text == a.text, a.literal(true), t.literal(false):
		return true
	case a.and != nil:
		return !slices.ContainsFunc(a.and, func(p *term) bool { return !t.follows(p) })
	case t.or != nil:
		return !slices.ContainsFunc(t.or, func(p *term) bool { return !p.follows(a) })
	}
	return slices.ContainsFunc(t.and, func(p *term) bool { return p.follows(a) }) || slices.ContainsFunc(a.or, t.follows)
}
