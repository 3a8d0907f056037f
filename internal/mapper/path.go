package mapper

import (
	"fmt"
	"math"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// path is data.a[0].b or event.name.
type path struct {
	attribute string // of event; "": the path goes into data
	steps     []step
}

type step struct {
	name  string
	index int // of a list where name is ""
	upto  string
}

// pathOf returns the path that the expression is, or nil.
func pathOf(e ast.Expr) *path {
	var steps []step
	for {
		switch e.Kind() {
		case ast.IdentKind:
			p := &path{steps: steps}
			for i, j := 0, len(steps)-1; i < j; i, j = i+1, j-1 {
				steps[i], steps[j] = steps[j], steps[i]
			}
			if e.AsIdent() == "event" {
				if len(steps) != 1 || steps[0].name == "" {
					return nil
				}
				p.attribute, p.steps = steps[0].name, nil
			}
			upto := []byte("data")
			for i := range steps {
				if steps[i].name != "" {
					upto = append(append(upto, '.'), steps[i].name...)
				} else {
					upto = fmt.Appendf(upto, "[%d]", steps[i].index)
				}
				steps[i].upto = string(upto)
			}
			return p
		case ast.SelectKind:
			s := e.AsSelect()
			if s.IsTestOnly() {
				return nil
			}
			steps = append(steps, step{name: s.FieldName()})
			e = s.Operand()
		case ast.CallKind:
			c := e.AsCall()
			if c.FunctionName() != operators.Index || c.Args()[1].Kind() != ast.LiteralKind {
				return nil
			}
			switch v := c.Args()[1].AsLiteral().(type) {
			case types.String:
				if v == "" {
					return nil
				}
				steps = append(steps, step{name: string(v)})
			case types.Int:
				if v < 0 || v > math.MaxInt32 {
					return nil
				}
				steps = append(steps, step{index: int(v)})
			default:
				return nil
			}
			e = c.Args()[0]
		default:
			return nil
		}
	}
}

// find follows the path into JSON data.
func (p *path) find(d *document) (int, error) {
	at, taken := p.walk(d)
	if taken == len(p.steps) {
		return at, nil
	}
	s, kind := p.steps[taken], d.tokens[at].kind
	if s.name != "" && kind == objectToken || s.name == "" && kind == arrayToken {
		return -1, fmt.Errorf("%s is absent", s.upto)
	}
	return -1, fmt.Errorf("%s is absent: what holds it is %s", s.upto, kind)
}

// walk goes as far as the path leads: the last token, and the steps taken.
func (p *path) walk(d *document) (at, taken int) {
	for _, s := range p.steps {
		next := -1
		if kind := d.tokens[at].kind; s.name != "" && kind == objectToken {
			next = d.member(at, s.name)
		} else if s.name == "" && kind == arrayToken {
			next = d.item(at, s.index)
		}
		if next < 0 {
			return at, taken
		}
		at, taken = next, taken+1
	}
	return at, taken
}
