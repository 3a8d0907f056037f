package mapper

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// reader goes through a typed expression and notes what may fail, or can never
// be, when it meets an event that keeps to the schema.
type reader struct {
	*typing

	x        *typed
	vars     map[string]*shape // of comprehensions
	warnings []reading
	errors   []finding
}

// reading is a read that may fail.
type reading struct {
	finding

	path string
	null bool // the same is told of null
}

// text notes what may fail where the expression's value becomes text.
func (r *reader) text(have facts) {
	root := r.x.ast.Expr()
	r.walk(root, have)
	r.use(root, have)
}

// walk notes the reads of e that may fail though the facts hold.
func (r *reader) walk(e ast.Expr, have facts) {
	e = bare(e)
	switch e.Kind() {
	case ast.SelectKind:
		s := e.AsSelect()
		r.walk(s.Operand(), have)
		r.use(s.Operand(), have)
		if !s.IsTestOnly() {
			r.selects(e, have)
		}
	case ast.CallKind:
		r.call(e, have)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			r.walk(item, have)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.walk(entry.AsMapEntry().Key(), have)
			r.walk(entry.AsMapEntry().Value(), have)
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		r.walk(c.IterRange(), have)
		r.use(c.IterRange(), have)
		outer := r.vars
		r.vars = maps.Clone(outer)
		if r.vars == nil {
			r.vars = map[string]*shape{}
		}
		r.vars[c.AccuVar()] = nil
		r.vars[c.IterVar()] = nil
		if over := r.shapeOf(c.IterRange()); over != nil && over.kind == listShape {
			r.vars[c.IterVar()] = over.item
		}
		for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			r.walk(part, have)
		}
		r.vars = outer
	case ast.IdentKind, ast.LiteralKind, ast.StructKind, ast.UnspecifiedExprKind:
	}
}

func (r *reader) call(e ast.Expr, have facts) {
	c := e.AsCall()
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr:
		// An operand that fails does no harm where the other decides, so what
		// each may rely on is the other not deciding. The reads of the left one are
		// told with it, and once is enough.
		guards := told{func(ast.Expr) facts { return nil }}
		open := c.FunctionName() == operators.LogicalAnd // what does not decide
		for i, arg := range args {
			known := have
			for k, other := range args {
				if k < i {
					known = known.and(when(other, open))
				} else if k > i {
					known = known.and(guards.when(other, open))
				}
			}
			r.walk(arg, known)
		}
		return
	case operators.Conditional:
		r.walk(args[0], have)
		r.walk(args[1], have.and(when(args[0], true)))
		r.walk(args[2], have.and(when(args[0], false)))
		return
	case operators.OptSelect, operators.OptIndex:
		r.walk(args[0], have)
		return
	case operators.Equals, operators.NotEquals:
		r.compares(args[0], args[1])
		r.compares(args[1], args[0])
		r.walk(args[0], have)
		r.walk(args[1], have)
		return
	case operators.In:
		r.oneOf(args[0], args[1])
	}
	if c.IsMemberFunction() {
		args = slices.Concat([]ast.Expr{c.Target()}, args)
	}
	for _, arg := range args {
		r.walk(arg, have)
		r.use(arg, have)
		// CEL's checker lets null stand for whatever may be null in its own world.
		if operator, ok := operators.FindReverse(c.FunctionName()); ok && operator != "" && isNull(arg) {
			r.errors = append(r.errors, finding{at: r.x.place(arg.ID()), msg: operator + " does not take null"})
		}
	}
}

func isNull(e ast.Expr) bool { return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.NullValue }

// selects notes a member that may be absent.
func (r *reader) selects(e ast.Expr, have facts) {
	s := e.AsSelect()
	path := pathText(e)
	if s.Operand().Kind() == ast.IdentKind && s.Operand().AsIdent() == "event" {
		r.attribute(e, have)
		return
	}
	of := r.shapeOf(s.Operand())
	if of == nil || have[path] {
		return
	}
	name := s.FieldName()
	null := false
	switch of.kind {
	case objectShape:
		m := of.member(name)
		if m == nil || !m.optional {
			return
		}
		null = m.shape.nullable && !have[path+"!"]
	case mapShape:
	case anyShape, nullShape, boolShape, textShape, wholeShape, numberShape, listShape:
		return
	}
	f := finding{at: r.x.memberAt(e.ID(), name), msg: fmt.Sprintf("%s may be absent by the schema of %s, and then the rule fails on the event", path, r.of)}
	f.do = fmt.Sprintf("ask has(%s) first, or write %s.?%s.orValue(…)", path, pathText(s.Operand()), name)
	if null {
		f.msg = fmt.Sprintf("%s may be absent or null by the schema of %s, and then the rule fails on the event", path, r.of)
		f.do = fmt.Sprintf("ask has(%s) && %s != null first", path, path)
	}
	if !isName(name) {
		f.do = fmt.Sprintf("ask %q in %s first", name, pathText(s.Operand()))
	}
	if path == "" {
		f.msg, f.do = fmt.Sprintf("%s may be absent by the schema of %s, and then the rule fails on the event", name, r.of), "ask has(…) first, or write .?"+name+".orValue(…)"
	}
	r.warnings = append(r.warnings, reading{f, path, null})
}

// use notes a value that may be null where null does not do.
func (r *reader) use(e ast.Expr, have facts) {
	e = bare(e)
	path := pathText(e)
	s := r.shapeOf(e)
	if s == nil || !s.nullable || path == "" || have[path+"!"] {
		return
	}
	r.warnings = append(r.warnings, reading{finding{
		at: r.x.start(e), msg: fmt.Sprintf("%s may be null by the schema of %s, and then the rule fails on the event", path, r.of),
		do: fmt.Sprintf("ask %s != null first", path),
	}, path + "!", false})
}

// attributes that an event always has, and that it may have.
var (
	surely = []string{"id", "source", "specversion", "type"}
	maybe  = []string{"datacontenttype", "dataschema", "subject", "time"}
)

func (r *reader) attribute(e ast.Expr, have facts) {
	name := e.AsSelect().FieldName()
	at := r.x.memberAt(e.ID(), name)
	path := "event." + name
	switch {
	case !attributeName.MatchString(name):
		r.errors = append(r.errors, finding{at, fmt.Sprintf("no event has an attribute %q", name), "names are a to z and 0 to 9"})
	case slices.Contains(surely, name) || have[path]:
	default:
		f := finding{at: at, msg: path + " may be absent, and then the rule fails on the event", do: "ask for it in match, or has(" + path + ") first"}
		if near := nearest(name, slices.Concat(surely, maybe)); near != "" && near != name && len(name) > 2 {
			f.do = fmt.Sprintf("did you mean `%s`?", near)
		}
		r.warnings = append(r.warnings, reading{f, path, false})
	}
}

// compares refuses a comparison of a text with a word that it never is.
func (r *reader) compares(e, literal ast.Expr) {
	s := r.shapeOf(e)
	literal = bare(literal)
	if literal.Kind() != ast.LiteralKind || s == nil || s.words == nil {
		return
	}
	if word, ok := literal.AsLiteral().(types.String); ok {
		r.word(e, s, literal, string(word))
	}
}

// oneOf is compares for `in`, whichever side holds the literals.
func (r *reader) oneOf(left, right ast.Expr) {
	if right.Kind() == ast.ListKind {
		for _, item := range right.AsList().Elements() {
			r.compares(left, item)
		}
		return
	}
	of := r.shapeOf(right)
	left = bare(left)
	if of == nil || of.kind != listShape || of.item.words == nil || left.Kind() != ast.LiteralKind {
		return
	}
	if word, ok := left.AsLiteral().(types.String); ok {
		r.word(right, of.item, left, string(word))
	}
}

func (r *reader) word(e ast.Expr, s *shape, literal ast.Expr, word string) {
	if slices.Contains(s.words, word) {
		return
	}
	f := finding{at: r.x.place(literal.ID()), msg: fmt.Sprintf("%s is never %q by the schema of %s", pathText(e), word, r.of)}
	switch near := nearest(word, s.words); {
	case near != "":
		f.do = fmt.Sprintf("did you mean `%s`?", near)
	case len(s.words) > maxMembers:
		f.do = "it is one of " + strings.Join(s.words[:maxMembers], ", ") + " …"
	default:
		f.do = "it is one of " + strings.Join(s.words, ", ")
	}
	r.errors = append(r.errors, f)
}

// shapeOf returns the shape of a path, nil where e is none.
func (r *reader) shapeOf(e ast.Expr) *shape {
	e = bare(e)
	switch e.Kind() {
	case ast.IdentKind:
		if s, ok := r.vars[e.AsIdent()]; ok {
			return s
		}
		if e.AsIdent() == "data" {
			return r.root
		}
	case ast.SelectKind:
		of := r.shapeOf(e.AsSelect().Operand())
		switch {
		case of == nil || e.AsSelect().IsTestOnly():
		case of.kind == mapShape:
			return of.item
		case of.kind == objectShape:
			if m := of.member(e.AsSelect().FieldName()); m != nil {
				return m.shape
			}
		}
	case ast.CallKind:
		c := e.AsCall()
		if of, name, ok := optional(e); ok {
			if s := r.shapeOf(of); s != nil && s.kind == objectShape {
				if m := s.member(name); m != nil {
					either := *m.shape // or the other value
					either.words = nil
					return &either
				}
			}
			return nil
		}
		if c.FunctionName() != operators.Index {
			return nil
		}
		if of := r.shapeOf(c.Args()[0]); of != nil && (of.kind == listShape || of.kind == mapShape) {
			return of.item
		}
	case ast.ComprehensionKind, ast.LiteralKind, ast.ListKind, ast.MapKind, ast.StructKind, ast.UnspecifiedExprKind:
	}
	return nil
}

// pathText writes a path as its author would, "" where e is none.
func pathText(e ast.Expr) string {
	e = bare(e)
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		of, name := pathText(e.AsSelect().Operand()), e.AsSelect().FieldName()
		switch {
		case of == "" || e.AsSelect().IsTestOnly():
			return ""
		case !isName(name):
			return fmt.Sprintf("%s[%q]", of, name)
		}
		return of + "." + name
	case ast.CallKind:
		c := e.AsCall()
		if of, name, ok := optional(e); ok && pathText(of) != "" {
			return pathText(of) + "." + name
		}
		if c.FunctionName() != operators.Index {
			return ""
		}
		of, at := pathText(c.Args()[0]), c.Args()[1]
		if i, ok := at.AsLiteral().(types.Int); ok && at.Kind() == ast.LiteralKind && of != "" {
			return index(of, int(i))
		}
	case ast.ComprehensionKind, ast.LiteralKind, ast.ListKind, ast.MapKind, ast.StructKind, ast.UnspecifiedExprKind:
	}
	return ""
}

// optional takes data.?x.orValue(…) apart: what is absent has another value, what
// is null is null.
func optional(e ast.Expr) (of ast.Expr, name string, ok bool) {
	c := e.AsCall()
	if c.FunctionName() != "orValue" || !c.IsMemberFunction() || c.Target().Kind() != ast.CallKind || c.Target().AsCall().FunctionName() != operators.OptSelect {
		return nil, "", false
	}
	args := c.Target().AsCall().Args()
	text, ok := args[1].AsLiteral().(types.String)
	return args[0], string(text), ok
}

// isName says whether CEL reads the text as an identifier.
func isName(text string) bool {
	for i, c := range text {
		if !(c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return text != ""
}
