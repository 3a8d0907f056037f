package mapper

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// typing checks the expressions of a rule against the schemas of the event types
// that it can match.
type typing struct {
	of      string // the event types, for messages
	root    *shape
	types   *celTypes
	parser  *cel.Env
	checker *checker.Env
}

// newTyping returns the typing of data of the shape.
func newTyping(of string, root *shape) (*typing, error) {
	t := &typing{of: of, root: root}
	var err error
	if t.types, err = newCELTypes(root); err == nil {
		options := append(words(t.types.of(root)), cel.CustomTypeProvider(t.types))
		t.parser, err = cel.NewEnv(append(options, t.types.functions()...)...)
	}
	if err == nil {
		t.checker, err = checker.NewEnv(t.parser.Container, t.types, checker.CrossTypeNumericComparisons(true))
	}
	if err == nil {
		err = t.checker.AddIdents(t.parser.Variables()...)
	}
	if err == nil {
		err = t.checker.AddFunctions(slices.Collect(maps.Values(t.parser.Functions()))...)
	}
	if err != nil {
		return nil, fmt.Errorf("set up the types of %s: %w", of, err)
	}
	return t, nil
}

// finding is one thing about an expression, at a byte of its source.
type finding struct {
	at      int
	msg, do string
}

// typed is an expression that the schemas have nothing against.
type typed struct {
	source string
	runes  []int // the byte where each character begins
	ast    *ast.AST
	result *cel.Type
}

// check returns what is wrong with an expression that compiles without types.
func (t *typing) check(source string) (*typed, []finding) {
	x := &typed{source: source}
	for i := range source {
		x.runes = append(x.runes, i)
	}
	free := map[int64]string{} // the nodes that stand behind a function
	for {
		parsed, issues := t.parser.Parse(source)
		if issues.Err() != nil {
			return nil, nil // compile has said it
		}
		rewrite(parsed.NativeRep(), free)
		t.types.unknown = nil
		checked, errs := checker.Check(parsed.NativeRep(), parsed.Source(), t.checker)
		if x.ast = checked; len(errs.GetErrors()) == 0 {
			x.result = checked.GetType(checked.Expr().ID())
			return x, nil
		}
		before := len(free)
		for _, e := range errs.GetErrors() {
			for arg, function := range mixed(checked, nodeOf(checked, e.ExprID)) {
				if !isFree(bare(arg)) {
					free[arg.ID()] = function
				}
			}
		}
		if len(free) == before {
			return nil, t.findings(x, errs.GetErrors())
		}
	}
}

func (t *typing) findings(x *typed, errs []*common.Error) []finding {
	var all []finding
	unknown := t.types.unknown
	for _, e := range errs {
		f := t.explain(e.Message)
		f.at = x.place(e.ExprID)
		if node := nodeOf(x.ast, e.ExprID); node != nil && mismatch.MatchString(e.Message) {
			f.at = x.start(node)
		}
		if name, ok := undefined(e.Message); ok && len(unknown) > 0 {
			i := max(0, slices.IndexFunc(unknown, func(m unknownMember) bool { return m.name == name }))
			f = t.noMember(unknown[i])
			unknown = slices.Delete(unknown, i, i+1)
			f.at = x.memberAt(e.ExprID, name)
		}
		all = append(all, f)
	}
	return all
}

// nodeOf returns the node of the id, or nil.
func nodeOf(a *ast.AST, id int64) ast.Expr {
	for _, n := range ast.MatchDescendants(ast.NavigateAST(a), func(n ast.NavigableExpr) bool { return n.ID() == id }) {
		return n
	}
	return nil
}

// freeID is added to the id of a node that is put behind a function.
const freeID = 1 << 40

func isFree(e ast.Expr) bool { return e.ID() >= freeID }

// bare returns what rewrite has put behind a function.
func bare(e ast.Expr) ast.Expr {
	if e.Kind() == ast.CallKind && len(e.AsCall().Args()) == 1 && isFree(e.AsCall().Args()[0]) {
		return e.AsCall().Args()[0]
	}
	return e
}

// rewrite turns data["name"] into data.name for the checker, which knows a
// member of an object by that form alone, and puts nodes behind functions.
func rewrite(parsed *ast.AST, free map[int64]string) {
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Index && e.AsCall().Args()[1].Kind() == ast.LiteralKind {
			args := e.AsCall().Args()
			if name, ok := args[1].AsLiteral().(types.String); ok && name != "" {
				e.SetKindCase(factory.NewSelect(e.ID(), args[0], string(name)))
			}
		}
		if function := free[e.ID()]; function != "" {
			inner := factory.CopyExpr(e)
			inner.RenumberIDs(func(id int64) int64 {
				if id == e.ID() {
					return id + freeID
				}
				return id
			})
			e.SetKindCase(factory.NewCall(e.ID(), function, inner))
		}
	}))
}

// place returns the byte at which the expression's node begins.
func (x *typed) place(id int64) int {
	if id >= freeID {
		id -= freeID
	}
	at, ok := x.ast.SourceInfo().GetOffsetRange(id)
	if !ok || int(at.Start) >= len(x.runes) || at.Start < 0 {
		return 0
	}
	return x.runes[at.Start]
}

// start returns the byte at which the text of the node begins; its own place is
// that of its operator.
func (x *typed) start(e ast.Expr) int {
	first := x.place(e.ID())
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) { first = min(first, x.place(e.ID())) }))
	return first
}

// memberAt returns the byte at which the name of a selected member stands.
func (x *typed) memberAt(id int64, name string) int {
	at := x.place(id)
	if i := strings.Index(x.source[at:], name); i >= 0 {
		return at + i
	}
	return at
}

func undefined(message string) (string, bool) {
	name, ok := strings.CutPrefix(message, "undefined field '")
	return strings.TrimSuffix(name, "'"), ok
}

// maxMembers bounds the names that a message lists.
const maxMembers = 12

func (t *typing) noMember(m unknownMember) finding {
	names := slices.Sorted(maps.Keys(m.object.members))
	f := finding{msg: fmt.Sprintf("there is no %s in the schema of %s", join(m.object.name, m.name), t.of)}
	switch near := nearest(m.name, names); {
	case near != "":
		f.do = fmt.Sprintf("did you mean `%s`?", near)
	case len(names) > maxMembers:
		f.do = "there are " + strings.Join(names[:maxMembers], ", ") + " …"
	case len(names) > 0:
		f.do = "there is " + strings.Join(names, ", ")
	}
	return f
}

// What CEL's checker says, as far as authors of rules can cause it here.
var (
	noOverload  = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)
	onTarget    = regexp.MustCompile(`^(.+)\.\((.*)\)$`) // a member function's types
	noSelection = regexp.MustCompile(`^type '(.*)' does not support field selection$`)
	noRange     = regexp.MustCompile(`^expression of type '(.*)' cannot be range of a comprehension`)
	mismatch    = regexp.MustCompile(`^expected type '(.*)' but found '(.*)'$`)
)

// explain says it in the words of rule files.
func (t *typing) explain(message string) finding {
	if parts := noOverload.FindStringSubmatch(message); parts != nil {
		return t.explainCall(parts[1], parts[2])
	}
	if parts := noSelection.FindStringSubmatch(message); parts != nil {
		return finding{msg: fmt.Sprintf("type %s has no fields", parts[1])}
	}
	if parts := mismatch.FindStringSubmatch(message); parts != nil {
		return finding{msg: fmt.Sprintf("want %s, got %s", parts[1], parts[2])}
	}
	if parts := noRange.FindStringSubmatch(message); parts != nil {
		f := finding{msg: fmt.Sprintf("%s is no list to go through", parts[1])}
		if strings.HasPrefix(parts[1], "object ") {
			f.do = "dyn(…) makes it a map of its names"
		}
		return f
	}
	return finding{msg: strings.ReplaceAll(message, "\n", " ")}
}

func (t *typing) explainCall(function, args string) finding {
	if operator, ok := operators.FindReverse(function); ok && operator != "" {
		function = operator
	} else if name, ok := map[string]string{operators.Index: "[…]", operators.OptIndex: "[?…]", operators.Conditional: "? :", operators.In: "in"}[function]; ok {
		function = name
	}
	if parts := onTarget.FindStringSubmatch(args); parts != nil {
		args = "(" + strings.TrimSuffix(parts[1]+", "+parts[2], ", ") + ")"
	}
	f := finding{msg: fmt.Sprintf("%s does not take %s", function, args)}
	arithmetic := slices.Contains([]string{"+", "-", "*", "/", "%"}, function)
	switch {
	case strings.Contains(args, "optional_type"):
		f.do = "say what to take when it is absent: .orValue(…)"
	case arithmetic && strings.Contains(args, "number"):
		f.do = "an event may have it as 1 or as 1.0: write double(…)"
	case arithmetic && strings.Contains(args, "string"):
		f.do = "convert one of them: string(…), int(…) or double(…)"
	case slices.Contains([]string{"==", "!=", "<", "<=", ">", ">=", "in"}, function):
		f.do = "they can never be compared: convert one of them"
		if t.of != "" {
			f.do = "by the schema of " + t.of + " they can never be compared"
		}
	}
	return f
}
