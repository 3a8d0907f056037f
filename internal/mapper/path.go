package mapper

import (
	"fmt"
	"math"
	"strconv"

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
			name := "data"
			for i := range steps {
				if steps[i].name != "" {
					name += "." + steps[i].name
				} else {
					name += "[" + strconv.Itoa(steps[i].index) + "]"
				}
				steps[i].upto = name
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

// find follows a path into JSON data.
func (p *path) find(d *document) (int, error) {
	at := 0
	for _, s := range p.steps {
		next := -1
		switch kind := d.tokens[at].kind; {
		case s.name != "" && kind == objectToken:
			next = d.member(at, s.name)
		case s.name == "" && kind == arrayToken:
			next = d.item(at, s.index)
		default:
			return -1, fmt.Errorf("%s is absent: what holds it is %s", s.upto, kind)
		}
		if next < 0 {
			return -1, fmt.Errorf("%s is absent", s.upto)
		}
		at = next
	}
	return at, nil
}
