package mapper

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// quick evaluates the conditions that most rules have, comparisons of a field
// with a literal joined by && and ||, without CEL's values. It answers only
// where CEL's answer is plain; everything else, each error among it, is unsure
// and left to CEL. So it may be faster, but not different.
type quick func(s *scope) answer

type answer uint8

const (
	unsure answer = iota + 1
	no
	yes
)

func sure(b bool) answer {
	if b {
		return yes
	}
	return no
}

// quickOf returns the quick form of a checked expression, or nil.
func quickOf(e ast.Expr) quick {
	if p := pathOf(e); p != nil && p.attribute == "" {
		return p.quickTrue
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		return quickHas(e.AsSelect())
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	c := e.AsCall()
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalAnd:
		return quickJoin(args, no, yes)
	case operators.LogicalOr:
		return quickJoin(args, yes, no)
	case operators.LogicalNot:
		inner := quickOf(args[0])
		if inner == nil {
			return nil
		}
		return func(s *scope) answer {
			switch inner(s) {
			case yes:
				return no
			case no:
				return yes
			case unsure:
			}
			return unsure
		}
	case operators.In:
		return quickIn(args[0], args[1])
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		if args[1].Kind() != ast.LiteralKind {
			return nil
		}
		return quickCompare(args[0], c.FunctionName(), args[1].AsLiteral())
	}
	return nil
}

// quickJoin is && or ||. As in CEL one deciding operand is enough, even beside
// one that fails.
func quickJoin(args []ast.Expr, deciding, neutral answer) quick {
	var all []quick
	for _, arg := range args {
		q := quickOf(arg)
		if q == nil {
			return nil
		}
		all = append(all, q)
	}
	return func(s *scope) answer {
		result := neutral
		for _, q := range all {
			if a := q(s); a == deciding {
				return deciding
			} else if a == unsure {
				result = unsure
			}
		}
		return result
	}
}

// token returns the value that the path leads to in JSON data, or -1.
func (p *path) token(s *scope) int {
	if form, _ := s.data(); form != jsonData {
		return -1
	}
	at, taken := p.walk(&s.doc)
	if taken < len(p.steps) {
		return -1
	}
	return at
}

func (p *path) quickTrue(s *scope) answer {
	i := p.token(s)
	if i < 0 {
		return unsure
	}
	if kind := s.doc.tokens[i].kind; kind == trueToken || kind == falseToken {
		return sure(kind == trueToken)
	}
	return unsure
}

func quickHas(e ast.SelectExpr) quick {
	name := e.FieldName()
	if e.Operand().Kind() == ast.IdentKind && e.Operand().AsIdent() == "event" {
		return func(s *scope) answer {
			_, ok := s.attribute(name)
			return sure(ok)
		}
	}
	p := pathOf(e.Operand())
	if p == nil || p.attribute != "" {
		return nil
	}
	return func(s *scope) answer {
		if i := p.token(s); i >= 0 && s.doc.tokens[i].kind == objectToken {
			return sure(s.doc.member(i, name) >= 0)
		}
		return unsure
	}
}

// quickIn is "gold" in data.tiers, or data.tier in ["gold", "silver"].
func quickIn(left, right ast.Expr) quick {
	if left.Kind() == ast.LiteralKind {
		want, ok := left.AsLiteral().(types.String)
		p := pathOf(right)
		if !ok || p == nil || p.attribute != "" {
			return nil
		}
		return func(s *scope) answer { return p.holds(s, string(want)) }
	}
	p := pathOf(left)
	if p == nil || right.Kind() != ast.ListKind {
		return nil
	}
	var words []string
	for _, e := range right.AsList().Elements() {
		if e.Kind() != ast.LiteralKind {
			return nil
		}
		word, ok := e.AsLiteral().(types.String)
		if !ok {
			return nil
		}
		words = append(words, string(word))
	}
	return func(s *scope) answer {
		text, ok := p.string(s)
		if !ok {
			return unsure
		}
		return sure(slices.Contains(words, text))
	}
}

func (p *path) holds(s *scope, want string) answer {
	list := p.token(s)
	if list < 0 || s.doc.tokens[list].kind != arrayToken {
		return unsure
	}
	for i := list + 1; i < int(s.doc.tokens[list].next); i = int(s.doc.tokens[i].next) {
		if s.doc.tokens[i].kind == stringToken && s.doc.is(i, want) {
			return yes
		}
	}
	return no
}

// string returns the string at the path, false where there is none.
func (p *path) string(s *scope) (string, bool) {
	if p.attribute != "" {
		return s.attribute(p.attribute)
	}
	i := p.token(s)
	if i < 0 || s.doc.tokens[i].kind != stringToken {
		return "", false
	}
	return s.doc.text(i), true
}

// quickCompare compares a path, or the size of one, with a literal.
func quickCompare(left ast.Expr, operator string, literal ref.Val) quick {
	holds := func(order int) answer {
		switch operator {
		case operators.Equals:
			return sure(order == 0)
		case operators.NotEquals:
			return sure(order != 0)
		case operators.Less:
			return sure(order < 0)
		case operators.LessEquals:
			return sure(order <= 0)
		case operators.Greater:
			return sure(order > 0)
		}
		return sure(order >= 0)
	}
	if p := sizeOf(left); p != nil {
		want, ok := literal.(types.Int)
		if !ok {
			return nil
		}
		return func(s *scope) answer {
			list := p.token(s)
			if list < 0 || s.doc.tokens[list].kind != arrayToken {
				return unsure
			}
			return holds(cmp.Compare(s.doc.length(list), int64(want)))
		}
	}
	p := pathOf(left)
	if p == nil {
		return nil
	}
	switch want := literal.(type) {
	case types.String:
		return func(s *scope) answer {
			text, ok := p.string(s)
			if !ok {
				return unsure
			}
			return holds(cmp.Compare(text, string(want)))
		}
	case types.Int:
		if want <= -exactFloat || want >= exactFloat {
			return nil
		}
		return p.quickNumber(float64(want), holds)
	case types.Double:
		return p.quickNumber(float64(want), holds)
	}
	return nil
}

// exactFloat bounds the integers that a float64 holds exactly.
const exactFloat = 1 << 53

func (p *path) quickNumber(want float64, holds func(int) answer) quick {
	return func(s *scope) answer {
		i := p.token(s)
		if i < 0 || s.doc.tokens[i].kind != numberToken {
			return unsure
		}
		got, err := strconv.ParseFloat(s.doc.text(i), 64)
		if err != nil || math.Abs(got) >= exactFloat {
			return unsure
		}
		return holds(cmp.Compare(got, want))
	}
}

// sizeOf returns the path p of size(p) and p.size(), or nil.
func sizeOf(e ast.Expr) *path {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != overloads.Size {
		return nil
	}
	c := e.AsCall()
	arg := c.Target()
	if !c.IsMemberFunction() {
		arg = c.Args()[0]
	}
	if p := pathOf(arg); p != nil && p.attribute == "" {
		return p
	}
	return nil
}
