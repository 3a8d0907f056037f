package mapper

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// matcher is one attribute's pattern. All of its parts must hold.
type matcher struct {
	attribute      string
	anyOf          []string // nil: not asked for
	prefix, suffix string
}

// matches says whether the event has the attribute and it fits.
func (m *matcher) matches(s *scope) bool {
	v, ok := s.attribute(m.attribute)
	return ok && m.fits(v)
}

// fits says whether a value does.
func (m *matcher) fits(v string) bool {
	return (m.anyOf == nil || slices.Contains(m.anyOf, v)) && strings.HasPrefix(v, m.prefix) && strings.HasSuffix(v, m.suffix)
}

// couldMatch says whether what the rule asks of the type, if anything, admits it.
func (r *rule) couldMatch(eventType string) bool {
	return r.types == nil || slices.Contains(r.types, eventType)
}

// mismatch returns the attribute that keeps the event from the rule, or "".
func (r *rule) mismatch(s *scope) string {
	for i := range r.match {
		if !r.match[i].matches(s) {
			return r.match[i].attribute
		}
	}
	return ""
}

// unmet returns the filter that keeps the event from the rule, or nil.
func (r *rule) unmet(s *scope) *filter {
	for _, f := range r.filters {
		if !f.holds(s) {
			return f
		}
	}
	return nil
}

// admits evaluates `when`.
func (r *rule) admits(s *scope) (bool, error) {
	if r.when == nil {
		return true, nil
	}
	if r.when.path != nil {
		return r.when.isTrue(s)
	}
	if r.when.quick != nil {
		if a := r.when.quick(s); a != unsure {
			return a == yes, nil
		}
	}
	v, err := r.when.evaluate(s)
	if err != nil {
		return false, err
	}
	yes, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("%s is %s, want true or false", shorten(r.when.source), kindOf(v))
	}
	return bool(yes), nil
}

// isTrue reads a path as a condition: `when: data.urgent`.
func (x *expression) isTrue(s *scope) (bool, error) {
	form, err := s.data()
	if err != nil {
		return false, err
	}
	if x.path.attribute != "" || form != jsonData {
		return false, fmt.Errorf("%s is a string, want true or false", x.source)
	}
	i, err := x.path.find(&s.doc)
	if err != nil {
		return false, err
	}
	kind := s.doc.tokens[i].kind
	if kind != trueToken && kind != falseToken {
		return false, fmt.Errorf("%s is %s, want true or false", x.source, kind)
	}
	return kind == trueToken, nil
}

// attributeName is CloudEvents' rule for names of attributes and extensions.
var attributeName = regexp.MustCompile(`^[a-z0-9]+$`)

var patternKeys = keys{known: []string{"prefix", "suffix", "any_of"}}

// match compiles `match`, and returns the exact types that it admits, nil for
// any.
func (l *loader) match(n *node, field string) ([]matcher, []string) {
	if n.kind != mapNode || len(n.pairs) == 0 {
		l.refuse(n, field, fmt.Sprintf("want a map of attributes, got %s", n), "say which events: match: {type: …}")
		return nil, nil
	}
	var all []matcher
	var exact []string
	for _, p := range n.pairs {
		name := p.key.text
		at := join(field, name)
		switch {
		case name == "data" || name == "data_base64":
			l.refuse(p.key, at, "match is about attributes", "ask for data in when: data.x == …")
			continue
		case name == "time" || name == "specversion":
			l.refuse(p.key, at, "this attribute cannot be matched", "ask for it in when: event."+name+" …")
			continue
		case !attributeName.MatchString(name):
			l.refuse(p.key, at, "no event has an attribute of this name", "names are a to z and 0 to 9")
			continue
		}
		l.oddAttribute(n, p.key, at)
		m, ok := l.pattern(p.value, at)
		if !ok {
			continue
		}
		m.attribute = name
		if name == "type" {
			exact = slices.DeleteFunc(slices.Clone(m.anyOf), func(t string) bool {
				return !strings.HasPrefix(t, m.prefix) || !strings.HasSuffix(t, m.suffix)
			})
			if m.anyOf != nil && len(exact) == 0 {
				l.refuse(p.value, at, "no type of any_of has this prefix and suffix", "the rule would never match")
			}
		}
		all = append(all, m)
	}
	return all, exact
}

// oddAttribute warns of the name of an extension that is nearly that of an attribute:
// no event would match, and nothing would say why.
func (l *loader) oddAttribute(among, key *node, field string) {
	for _, name := range []string{"type", "source", "subject", "datacontenttype", "dataschema"} {
		// Two slips make an object of a subject, and a time of a type.
		if oneSlip(key.text, name) && among.get(name) == nil {
			l.warn(key, field, "only an extension could have this name", fmt.Sprintf("did you mean %s?", name))
			return
		}
	}
}

func (l *loader) pattern(n *node, field string) (matcher, bool) {
	if n.kind != mapNode {
		s, ok := l.nonEmpty(n, field)
		return matcher{anyOf: []string{s}}, ok
	}
	if l.fields(n, field, patternKeys) == nil {
		return matcher{}, false
	}
	if len(n.pairs) == 0 {
		l.refuse(n, field, "the pattern is empty", "write a string, or prefix, suffix or any_of")
		return matcher{}, false
	}
	var m matcher
	good := true
	if v := n.get("prefix"); v != nil {
		s, ok := l.nonEmpty(v, join(field, "prefix"))
		m.prefix, good = s, good && ok
	}
	if v := n.get("suffix"); v != nil {
		s, ok := l.nonEmpty(v, join(field, "suffix"))
		m.suffix, good = s, good && ok
	}
	if v := n.get("any_of"); v != nil {
		if v.kind != listNode || len(v.items) == 0 {
			l.refuse(v, join(field, "any_of"), fmt.Sprintf("want a list with at least one string, got %s", v), "write any_of: [a, b]")
			return m, false
		}
		for i, item := range v.items {
			s, ok := l.nonEmpty(item, index(join(field, "any_of"), i))
			m.anyOf, good = append(m.anyOf, s), good && ok
		}
	}
	return m, good
}

// nonEmpty reads a literal string of a pattern.
func (l *loader) nonEmpty(n *node, field string) (string, bool) {
	s, ok := l.text(n, field)
	switch {
	case !ok:
		return "", false
	case s == "":
		l.refuse(n, field, "it is empty, and no attribute is", "write a value, or take the attribute out")
		return "", false
	case strings.Contains(s, "${"):
		l.refuse(n, field, "a pattern is not an expression: ${…} means nothing here", "ask in when")
		return "", false
	}
	return s, true
}

// condition compiles `when`.
func (l *loader) condition(n *node, field string) *expression {
	if n.kind == boolNode {
		n = &node{kind: textNode, text: n.text, line: n.line, column: n.column}
	}
	s, ok := l.text(n, field)
	if !ok {
		return nil
	}
	x, err := l.language.compile(s)
	if err != nil {
		do := mend(err)
		if len(s) > 1 && s[:2] == "${" {
			do = "when is an expression already: leave out ${ and }"
		}
		l.refuse(n, field, err.Error(), do)
		return nil
	}
	if kind := x.result.Kind(); kind != cel.BoolKind && kind != cel.DynKind {
		l.refuse(n, field, fmt.Sprintf("the expression is of type %s, want bool", cel.FormatCELType(x.result)), "compare it with something")
		return nil
	}
	l.typedCondition(typedPlace{n, field, 0}, s)
	l.expressions = append(l.expressions, placed{field, n, 0, x})
	return x
}
