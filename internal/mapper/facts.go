package mapper

import (
	"maps"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// facts are what is known of an event where an expression is evaluated: paths
// that are there, as "data.city", and with a ! at the end those that are not
// null. They come from has(…), from comparisons that came out true, and from
// `match`.
type facts map[string]bool

func (f facts) and(more facts) facts {
	if len(more) == 0 {
		return f
	}
	out := maps.Clone(f)
	if out == nil {
		out = facts{}
	}
	maps.Copy(out, more)
	return out
}

// common returns what holds whichever of the two came about.
func (f facts) common(other facts) facts {
	out := maps.Clone(f)
	maps.DeleteFunc(out, func(path string, _ bool) bool { return !other[path] })
	return out
}

// when returns what is known once e came out true, or false.
func when(e ast.Expr, truth bool) facts { return told{surelyRead}.when(e, truth) }

// told reads facts off conditions. It is given what is known of an expression
// only because it has a value. Beside && and || an operand that fails vouches for
// nothing: it fails together with the other, so there nothing is known by that.
type told struct{ read func(ast.Expr) facts }

func (t told) when(e ast.Expr, truth bool) facts {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		known := t.read(e.AsSelect().Operand())
		if truth {
			known = known.and(facts{join(pathText(e.AsSelect().Operand()), e.AsSelect().FieldName()): true})
		}
		return known
	}
	if e.Kind() != ast.CallKind {
		return t.read(e)
	}
	args := e.AsCall().Args()
	switch fn := e.AsCall().FunctionName(); fn {
	case operators.LogicalAnd, operators.LogicalOr:
		all := t.when(args[0], truth)
		for _, arg := range args[1:] {
			if more := t.when(arg, truth); (fn == operators.LogicalAnd) == truth { // all came out so
				all = all.and(more)
			} else {
				all = all.common(more)
			}
		}
		return all
	case operators.LogicalNot:
		return t.when(args[0], !truth)
	case operators.Equals, operators.NotEquals:
		return t.read(e).and(notNull(args, (fn == operators.NotEquals) == truth))
	case operators.In:
		if truth && args[0].Kind() == ast.LiteralKind {
			if name, ok := args[0].AsLiteral().(types.String); ok && pathText(args[1]) != "" {
				return t.read(e).and(facts{join(pathText(args[1]), string(name)): true})
			}
		}
	}
	return t.read(e)
}

// notNull returns the path that is not null: one that differs from null, or
// that equals another literal.
func notNull(args []ast.Expr, differs bool) facts {
	for i, arg := range args {
		other := bare(args[1-i])
		if other.Kind() != ast.LiteralKind || pathText(arg) == "" {
			continue
		}
		if isNull := other.AsLiteral() == types.NullValue; isNull == differs {
			return facts{pathText(arg) + "!": true}
		}
	}
	return nil
}

// surelyRead returns the paths without which e has no value.
func surelyRead(e ast.Expr) facts {
	switch e.Kind() {
	case ast.SelectKind:
		s := e.AsSelect()
		if s.IsTestOnly() {
			return surelyRead(s.Operand())
		}
		if pathText(e) == "" {
			return surelyRead(s.Operand())
		}
		return facts{pathText(e): true}.and(surelyRead(s.Operand()))
	case ast.CallKind:
		c := e.AsCall()
		var all facts
		switch c.FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr:
			return nil
		case operators.Conditional, operators.OptSelect, operators.OptIndex:
			return surelyRead(c.Args()[0])
		}
		if c.IsMemberFunction() {
			all = surelyRead(c.Target())
		}
		for _, arg := range c.Args() {
			all = all.and(surelyRead(arg))
		}
		return all
	case ast.ComprehensionKind:
		return surelyRead(e.AsComprehension().IterRange())
	case ast.IdentKind, ast.LiteralKind, ast.ListKind, ast.MapKind, ast.StructKind, ast.UnspecifiedExprKind:
	}
	return nil
}
