package mapper

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// Bounds on one expression, so that no rule file can stall the loop.
const (
	maxExpression = 4096      // code points
	maxNesting    = 64        // levels
	maxCost       = 1_000_000 // CEL's cost units in one evaluation; tens of milliseconds
)

// language compiles expressions. It is made once a rule file.
type language struct{ env *cel.Env }

func newLanguage() (*language, error) {
	env, err := cel.NewEnv(words(cel.DynType)...)
	if err != nil {
		return nil, fmt.Errorf("set up the expression language: %w", err)
	}
	return &language{env}, nil
}

// words are the variables and functions of expressions, with data of a type.
func words(data *cel.Type) []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable("event", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("data", data),
		cel.CrossTypeNumericComparisons(true), // JSON has one type of number
		cel.OptionalTypes(),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxNesting),
		ext.Strings(),
	}
}

// expression is compiled CEL. Where it is no more than a path into the event
// or its data, CEL is not asked: a look-up costs a tenth.
type expression struct {
	source  string
	result  *cel.Type
	path    *path // nil: evaluate program
	quick   quick // a shorter way to a boolean, or nil
	program cel.Program

	root ast.Expr // as it was checked, with info
	info *ast.SourceInfo
}

func (l *language) compile(source string) (*expression, error) {
	if source == "" {
		return nil, errors.New("the expression is empty")
	}
	checked, issues := l.env.Compile(source)
	if err := issues.Err(); err != nil {
		return nil, celFault(source, issues)
	}
	root, info := checked.NativeRep().Expr(), checked.NativeRep().SourceInfo()
	x := &expression{source: source, result: checked.OutputType(), path: pathOf(root), root: root, info: info}
	if x.path != nil {
		return x, nil
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	// Counting costs more than most expressions; without a loop the work is
	// bounded by the expression's length times the event's.
	if loops := ast.MatchDescendants(ast.NavigateAST(checked.NativeRep()), ast.KindMatcher(ast.ComprehensionKind)); len(loops) > 0 {
		options = append(options, cel.CostLimit(maxCost))
	}
	program, err := l.env.Program(checked, options...)
	if err != nil {
		// What has no event in it is worked out now.
		f := explainSlip(finding{msg: strings.ReplaceAll(err.Error(), "\n", " ")}, "", 0)
		return nil, &celError{fmt.Sprintf("expression %q: %s", shorten(source), f.msg), f.do}
	}
	x.program = program
	if x.result.Kind() == cel.BoolKind {
		x.quick = quickOf(root)
	}
	return x, nil
}

// celError is an expression that does not compile.
type celError struct{ msg, do string }

func (e *celError) Error() string { return e.msg }

// mend says what an author does about an expression that does not compile.
func mend(err error) string {
	if e, ok := errors.AsType[*celError](err); ok && e.do != "" {
		return e.do
	}
	return "correct the expression: it is CEL over event and data"
}

// celFault puts CEL's first complaint into one line that says where in the
// expression; what the parser says after it is of its own making.
func celFault(source string, issues *cel.Issues) error {
	e := issues.Errors()[0]
	column := ""
	if e.Location != nil && e.Location.Column() >= 0 {
		column = fmt.Sprintf(", character %d", e.Location.Column()+1)
	}
	// The parser's list of all tokens it could have read helps nobody.
	msg, _, _ := strings.Cut(parserWords.Replace(e.Message), " expecting ")
	said := (&typing{}).explain(msg)
	said.msg = anyType.ReplaceAllString(said.msg, "any")
	if said.do == "" || strings.Contains(said.msg, "(type(type), ") {
		line, at := lineAt(source, e.Location)
		said = explainSlip(said, line, at)
	}
	return &celError{fmt.Sprintf("expression %q%s: %s", shorten(source), column, said.msg), said.do}
}

// anyType is CEL's name of a type that only the event knows.
var anyType = regexp.MustCompile(`\bdyn\b`)

// lineAt returns the line of the source that CEL complains about, and at which byte of it.
func lineAt(source string, place common.Location) (line string, at int) {
	lines := strings.Split(source, "\n")
	if place == nil || place.Line() < 1 || place.Line() > len(lines) || place.Column() < 0 {
		return "", 0
	}
	line = lines[place.Line()-1]
	characters := 0
	for at := range line {
		if characters == place.Column() {
			return line, at
		}
		characters++
	}
	return line, len(line)
}

// parserWords puts the words of the two parsers into an author's.
var parserWords = strings.NewReplacer("Syntax error: ", "", "'<EOF>'", "end", "'''", "quote without an end", "mismatched input", "unexpected", "extraneous input", "unexpected",
	"no viable alternative at input", "unexpected", "token recognition error at: ", "unexpected ", "undeclared reference to", "there is no", " (in container '')", "", "\n", " ")

// evaluate runs the program; every failure says what it was about.
func (x *expression) evaluate(s *scope) (ref.Val, error) {
	v, _, err := x.program.Eval(s)
	if err != nil {
		if s.fault != nil {
			return nil, s.fault
		}
		return nil, fmt.Errorf("%s: %s", shorten(x.source), explainFailure(err.Error()))
	}
	return v, nil
}
