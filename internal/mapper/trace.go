package mapper

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
	"cel.dev/cel-go/parser"
)

// Trace is an expression of a rule, or a part of one, and what it came to for one
// event.
type Trace struct {
	Field  string          `json:"field,omitempty"` // the path in the rule; of whole expressions only
	Text   string          `json:"text"`            // as CEL writes it; a filter as YAML does
	Line   int             `json:"line"`            // in the rule file
	Column int             `json:"column"`
	Type   string          `json:"type,omitempty"`  // of the value; absent where there is none
	Value  json.RawMessage `json:"value,omitempty"` // one that is too long, or is no JSON, is its text
	Error  string          `json:"error,omitempty"` // why there is no value, or why SQL is false
	// Unasked says that the value decided nothing, whatever it is: what stands
	// before it did.
	Unasked bool    `json:"unasked,omitempty"`
	Parts   []Trace `json:"parts,omitempty"`

	id      int64
	decides bool // it is an operand of && or ||, a part of ?: that is a condition, a filter, or the whole
}

// placed is an expression of a rule, and where it stands.
type placed struct {
	field string
	node  *node // the string that holds it
	at    int   // the byte of the string where it begins
	expr  *expression
}

// tracer evaluates an expression so that the value of each part is seen. It is
// slow, and for people.
type tracer struct {
	placed
	lines   []string
	root    ast.Expr
	info    *ast.SourceInfo
	program cel.Program
}

func (l *language) tracer(p placed, lines []string) (*tracer, error) {
	env, err := l.env.Extend(cel.EnableMacroCallTracking()) // has(x), and not what it becomes
	if err != nil {
		return nil, fmt.Errorf("trace %q: %w", shorten(p.expr.source), err)
	}
	checked, issues := env.Compile(p.expr.source)
	if err := issues.Err(); err != nil {
		return nil, celFault(p.expr.source, issues)
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptExhaustiveEval), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("trace %q: %w", shorten(p.expr.source), err)
	}
	n := checked.NativeRep()
	return &tracer{placed: p, lines: lines, root: n.Expr(), info: n.SourceInfo(), program: program}, nil
}

// run evaluates the expression for the event.
func (t *tracer) run(s *scope) Trace {
	v, details, err := t.program.Eval(s)
	if err != nil && s.fault != nil {
		err = s.fault
	}
	var state interpreter.EvalState
	if details != nil {
		state = details.State()
	}
	out := t.tree(state)
	switch {
	case err != nil:
		out.Type, out.Value, out.Error = "", nil, explainFailure(err.Error())
	case out.Value == nil:
		out.see(v)
	}
	return out
}

// tree returns the expression's parts with their values, or without a state without.
func (t *tracer) tree(state interpreter.EvalState) Trace {
	out := t.part(t.root, state, true)
	out.Field = t.field
	return out
}

// part describes e and what it is made of. decides says that e is a condition, or the
// whole.
func (t *tracer) part(e ast.Expr, state interpreter.EvalState, decides bool) Trace {
	out := Trace{Text: t.text(e), id: e.ID(), decides: decides && e.Kind() != ast.LiteralKind}
	out.Line, out.Column = t.place(e)
	if state != nil {
		if v, ok := state.Value(e.ID()); ok {
			out.see(v)
		}
	}
	logical, ternary := isLogical(e), isCall(e, operators.Conditional)
	for i, p := range partsOf(e) {
		decides := logical || ternary && (i == 0 || decides)
		out.Parts = append(out.Parts, t.part(p, state, decides))
	}
	switch {
	case logical:
		leaveOut(out.Parts, e.AsCall().FunctionName() == operators.LogicalOr)
	case ternary:
		choose(out.Parts)
	}
	return out
}

func isCall(e ast.Expr, function string) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == function
}

func isLogical(e ast.Expr) bool {
	return isCall(e, operators.LogicalAnd) || isCall(e, operators.LogicalOr)
}

// partsOf returns what an expression is made of, as far as it says something: paths
// are whole, literals are themselves, and the body of a loop has a value for each
// round.
func partsOf(e ast.Expr) []ast.Expr {
	var parts []ast.Expr
	add := func(all ...ast.Expr) {
		for _, p := range all {
			if p.Kind() != ast.LiteralKind && p.Kind() != ast.IdentKind {
				parts = append(parts, p)
			}
		}
	}
	if pathOf(e) != nil {
		return nil
	}
	switch e.Kind() {
	case ast.CallKind:
		c := e.AsCall()
		if isLogical(e) {
			return operands(e, c.FunctionName(), nil)
		}
		if c.FunctionName() == operators.Conditional {
			return c.Args()
		}
		if c.IsMemberFunction() {
			add(c.Target())
		}
		add(c.Args()...)
	case ast.SelectKind:
		if !e.AsSelect().IsTestOnly() {
			add(e.AsSelect().Operand())
		}
	case ast.ComprehensionKind:
		add(e.AsComprehension().IterRange())
	case ast.ListKind:
		add(e.AsList().Elements()...)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			add(entry.AsMapEntry().Value())
		}
	case ast.StructKind, ast.IdentKind, ast.LiteralKind, ast.UnspecifiedExprKind:
	}
	return parts
}

// operands makes one list of a chain, which CEL keeps as a balanced tree.
func operands(e ast.Expr, operator string, all []ast.Expr) []ast.Expr {
	if !isCall(e, operator) {
		return append(all, e)
	}
	for _, arg := range e.AsCall().Args() {
		all = operands(arg, operator, all)
	}
	return all
}

// leaveOut marks the operands after one that decided.
func leaveOut(operands []Trace, deciding bool) {
	decided := false
	for i := range operands {
		operands[i].Unasked = decided
		decided = decided || operands[i].is(deciding)
	}
}

// choose marks the branch of ?: that was not taken.
func choose(parts []Trace) {
	parts[1].Unasked, parts[2].Unasked = !parts[0].is(true), !parts[0].is(false)
}

func (t *Trace) is(b bool) bool {
	return t.Type == "bool" && string(t.Value) == fmt.Sprint(b)
}

// text writes a part as CEL does.
func (t *tracer) text(e ast.Expr) string {
	text, err := parser.Unparse(e, t.info)
	if err != nil {
		return t.expr.source
	}
	return text
}

// place is where a part begins: CEL knows where its operator stands.
func (t *tracer) place(e ast.Expr) (line, column int) {
	first := math.MaxInt
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		r, ok := t.info.GetOffsetRange(e.ID())
		if !ok {
			return
		}
		at := int(r.Start)
		if call, isMacro := t.info.GetMacroCall(e.ID()); isMacro {
			e = call
		}
		if e.Kind() == ast.CallKind && !e.AsCall().IsMemberFunction() {
			// The place of a function is that of its bracket.
			name := e.AsCall().FunctionName()
			if before := t.before(at); strings.HasSuffix(before, name) {
				at -= utf8.RuneCountInString(name)
			}
		}
		first = min(first, at)
	}))
	if first == math.MaxInt {
		first = 0
	}
	l := loader{lines: t.lines}
	return l.within(t.node, t.at+len(t.before(first)))
}

// before is the expression up to a character.
func (t *tracer) before(character int) string {
	at := 0
	for range character {
		_, size := utf8.DecodeRuneInString(t.expr.source[at:])
		at += size
	}
	return t.expr.source[:at]
}

// see notes a value.
func (t *Trace) see(v ref.Val) {
	if types.IsError(v) {
		t.Error = explainFailure(fmt.Sprint(v))
		return
	}
	if types.IsUnknown(v) {
		return
	}
	t.Type = strings.TrimSuffix(v.Type().TypeName(), "_type")
	raw, err := json.Marshal(plainValue(v, 0))
	if err != nil || len(raw) > maxTraced {
		raw, _ = json.Marshal(shorten(strings.ToValidUTF8(string(raw), "\uFFFD"))) // a string has an encoding
	}
	t.Value = raw
}

// maxTraced bounds one value in a Trace, in bytes of JSON; maxTracedDepth the levels
// of one.
const (
	maxTraced      = 400
	maxTracedDepth = 16
)

// plainValue turns a value into one that encoding/json knows.
func plainValue(v ref.Val, depth int) any {
	if depth > maxTracedDepth {
		return "…"
	}
	switch v := v.(type) {
	case types.Null:
		return nil
	case types.Bool:
		return bool(v)
	case types.Int:
		return int64(v)
	case types.Uint:
		return uint64(v)
	case types.String:
		return string(v)
	case types.Double:
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	case types.Bytes:
		return []byte(v)
	case *types.Optional:
		if v.HasValue() {
			return plainValue(v.GetValue(), depth+1)
		}
		return nil
	case traits.Mapper:
		all := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			all[fmt.Sprint(key.Value())] = plainValue(v.Get(key), depth+1)
		}
		return all
	case traits.Lister:
		all := []any{}
		for it := v.Iterator(); it.HasNext() == types.True && len(all) < maxTraced; {
			all = append(all, plainValue(it.Next(), depth+1))
		}
		return all
	}
	if text, ok := v.ConvertToType(types.StringType).(types.String); ok {
		return string(text)
	}
	return fmt.Sprint(v.Value())
}
