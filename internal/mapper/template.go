package mapper

import (
	"fmt"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
)

// template is a string of the rule file with `${…}` in it, compiled to appends.
// `$${` is a `${` that is meant as such.
type template struct {
	parts []part
}

// part is literal text or, where expr is set, an expression.
type part struct {
	text string
	expr *expression
	at   int // of expr: the byte of the string where it begins
}

// template compiles the string.
func (l *language) template(source string) (*template, error) {
	t := &template{}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t.parts = append(t.parts, part{text: literal.String()})
			literal.Reset()
		}
	}
	for rest := source; rest != ""; {
		i := strings.Index(rest, "${")
		if i < 0 {
			literal.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' {
			literal.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		literal.WriteString(rest[:i])
		flush()
		body := rest[i+2:]
		end := expressionEnd(body)
		if end < 0 {
			return nil, &celError{fmt.Sprintf("%q: no } ends this ${", shorten(rest[i:])), "write } where the expression ends, or $${ for a literal ${"}
		}
		trimmed := strings.TrimLeftFunc(body[:end], unicode.IsSpace)
		expr, err := l.compile(strings.TrimSpace(trimmed))
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part{expr: expr, at: len(source) - len(body) + end - len(trimmed)})
		rest = body[end+1:]
	}
	flush()
	return t, nil
}

// expressionEnd returns the index of the brace that closes the expression, or
// -1. Braces in CEL's strings and maps do not close it.
func expressionEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '"', '\'':
			raw := i > 0 && (s[i-1] == 'r' || s[i-1] == 'R')
			quote := s[i : i+1]
			if triple := strings.Repeat(quote, 3); strings.HasPrefix(s[i:], triple) {
				quote = triple
			}
			if i = stringEnd(s, i+len(quote), quote, raw); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// stringEnd returns the index of the last byte of the closing quote, or -1.
func stringEnd(s string, from int, quote string, raw bool) int {
	for i := from; i < len(s); i++ {
		if s[i] == '\\' && !raw {
			i++
			continue
		}
		if strings.HasPrefix(s[i:], quote) {
			return i + len(quote) - 1
		}
	}
	return -1
}

// literal returns the text of a template without expressions.
func (t *template) literal() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].expr == nil:
		return t.parts[0].text, true
	}
	return "", false
}

// whole returns the expression of a template that is nothing else.
func (t *template) whole() *expression {
	if len(t.parts) == 1 {
		return t.parts[0].expr
	}
	return nil
}

// notText returns an expression whose type can never render as text, and the
// type's name. Lists pass where they would spread.
func (t *template) notText(spread bool) (source, kind string, bad bool) {
	for _, p := range t.parts {
		if p.expr == nil {
			continue
		}
		switch kind := p.expr.result.Kind(); {
		case kind == cel.StringKind, kind == cel.IntKind, kind == cel.UintKind, kind == cel.DoubleKind, kind == cel.BoolKind, kind == cel.DynKind:
		case kind == cel.ListKind && spread && t.whole() != nil:
		default:
			return p.expr.source, cel.FormatCELType(p.expr.result), true
		}
	}
	return "", "", false
}

// render returns the template's text for the event.
func (t *template) render(s *scope) (string, error) {
	if text, ok := t.literal(); ok {
		return text, nil
	}
	var err error
	if s.buf, err = t.append(s.buf[:0], s, false); err != nil {
		return "", err
	}
	return string(s.buf), nil
}

// renderExact is render for what names people: only strings and whole numbers.
func (t *template) renderExact(s *scope) (string, error) {
	if text, ok := t.literal(); ok {
		return text, nil
	}
	var err error
	if s.buf, err = t.append(s.buf[:0], s, true); err != nil {
		return "", err
	}
	return string(s.buf), nil
}

func (t *template) append(dst []byte, s *scope, exact bool) ([]byte, error) {
	for _, p := range t.parts {
		if p.expr == nil {
			dst = append(dst, p.text...)
			continue
		}
		if s.blank {
			dst = append(dst, '1')
			continue
		}
		var err error
		if dst, err = p.expr.appendText(dst, s, exact); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
