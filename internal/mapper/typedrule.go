package mapper

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// typedPlace is where an expression stands: a byte of a string of the file.
type typedPlace struct {
	node  *node
	field string
	at    int
}

// typeRule begins to check the expressions of a rule whose event types all have
// schemas.
func (l *loader) typeRule(n *node, r *rule) {
	l.warned, l.facts = map[string]bool{}, nil
	var err error
	if l.typing, err = l.catalog.typingOf(r.types); err != nil {
		l.refuse(n, "match", err.Error(), "correct the schema of the type, or the match")
	}
	if l.typing == nil {
		l.untyped(n, r)
	}
	for _, m := range r.match {
		l.facts = l.facts.and(facts{"event." + m.attribute: true})
	}
}

// untyped warns of a rule that was probably meant to be checked.
func (l *loader) untyped(n *node, r *rule) {
	place := n.get("match")
	if place == nil {
		place = n
	} else if t := place.get("type"); t != nil {
		place = t
	}
	known := slices.Sorted(maps.Keys(l.catalog.types))
	with := slices.ContainsFunc(r.types, func(name string) bool { return l.catalog.types[name] != nil })
	for _, name := range r.types {
		if l.catalog.types[name] != nil || l.catalog.partial {
			continue
		}
		msg := fmt.Sprintf("there is no schema of %s, so the rule's expressions are not checked", name)
		if near := nearest(name, known); near != "" && !slices.Contains(r.types, near) {
			l.warn(place, "match.type", msg, fmt.Sprintf("did you mean `%s`?", near))
		} else if with {
			l.warn(place, "match.type", msg, "put "+schemaFile(name)+" into a directory of schemas")
		}
	}
}

// untype ends it.
func (l *loader) untype() { l.typing, l.facts, l.warned = nil, nil, nil }

// typed checks an expression, its result by fits, which says what is wrong with
// a type and the mend.
func (l *loader) typed(p typedPlace, source string, fits func(*cel.Type) (msg, do string)) {
	x := l.checkTypes(p, source)
	if x == nil {
		return
	}
	if msg, do := fits(x.result); msg != "" {
		l.refuseWithin(p, finding{0, fmt.Sprintf("%s is %s", shorten(source), msg), do})
		return
	}
	r := reader{typing: l.typing, x: x}
	r.text(l.facts)
	l.readings(p, &r)
}

// typedCondition checks a condition, and learns from it what the rest of the
// rule may rely on.
func (l *loader) typedCondition(p typedPlace, source string) {
	x := l.checkTypes(p, source)
	if x == nil {
		return
	}
	if x.result.Kind() != cel.BoolKind && x.result.Kind() != cel.DynKind {
		l.refuseWithin(p, finding{0, fmt.Sprintf("%s is of type %s, want bool", shorten(source), cel.FormatCELType(x.result)), "compare it with something"})
		return
	}
	r := reader{typing: l.typing, x: x}
	r.text(l.facts)
	l.readings(p, &r)
	l.facts = l.facts.and(when(x.ast.Expr(), true))
}

func (l *loader) checkTypes(p typedPlace, source string) *typed {
	if l.typing == nil {
		return nil
	}
	x, findings := l.typing.check(source)
	for _, f := range findings {
		l.refuseWithin(p, f)
	}
	return x
}

func (l *loader) readings(p typedPlace, r *reader) {
	for _, f := range r.errors {
		l.refuseWithin(p, f)
	}
	for _, w := range r.warnings {
		if w.path != "" && l.warned[w.path] {
			continue
		}
		l.warned[w.path] = true
		l.warned[w.path+"!"] = l.warned[w.path+"!"] || w.null
		l.warn(l.inside(p, w.at), p.field, w.msg, w.do)
	}
}

func (l *loader) refuseWithin(p typedPlace, f finding) {
	l.refuse(l.inside(p, f.at), p.field, f.msg, mend(&celError{f.msg, f.do}))
}

// inside returns the place of a byte of the expression.
func (l *loader) inside(p typedPlace, at int) *node {
	n := *p.node
	n.line, n.column = l.within(p.node, p.at+at)
	return &n
}

// notText says what is wrong with a type where text is wanted.
func notText(t *cel.Type, u usage, whole bool) (msg, do string) {
	do = "make it one with string(…)"
	kind := cel.FormatCELType(t)
	switch {
	case strings.HasPrefix(kind, "optional"):
		return "of type " + kind + ", want text", "say what to take when it is absent: .orValue(…)"
	case t.Kind() == cel.ListKind && u == exactList && whole:
		if bad, _ := notText(t.Parameters()[0], exactText, false); bad != "" {
			return "of type " + kind + ", want a list of texts", "take one text of each with .map(…)"
		}
		return "", ""
	case t.Kind() == cel.StructKind, t.Kind() == cel.ListKind, t.Kind() == cel.MapKind, t.Kind() == cel.NullTypeKind:
		return "of type " + kind + ", want text", "name one of its values"
	case u == anyText:
		return "", ""
	case t.Kind() == cel.BoolKind, t.Kind() == cel.DoubleKind:
		return "of type " + kind + ", want a string or a whole number", do
	}
	return "", ""
}
