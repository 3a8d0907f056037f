package mapper

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
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
	env, err := cel.NewEnv(
		cel.Variable("event", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("data", cel.DynType),
		cel.CrossTypeNumericComparisons(true), // JSON has one type of number
		cel.OptionalTypes(),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxNesting),
		ext.Strings(),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the expression language: %w", err)
	}
	return &language{env}, nil
}

// expression is compiled CEL. Where it is no more than a path into the event
// or its data, CEL is not asked: a look-up costs a tenth.
type expression struct {
	source  string
	result  *cel.Type
	path    *path // nil: evaluate program
	program cel.Program
}

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

func (l *language) compile(source string) (*expression, error) {
	if source == "" {
		return nil, errors.New("the expression is empty")
	}
	checked, issues := l.env.Compile(source)
	if err := issues.Err(); err != nil {
		return nil, celFault(source, issues)
	}
	root := checked.NativeRep().Expr()
	x := &expression{source: source, result: checked.OutputType(), path: pathOf(root)}
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
		return nil, fmt.Errorf("expression %q: %w", shorten(source), err)
	}
	x.program = program
	return x, nil
}

// celFault puts CEL's several lines into one that says where in the expression.
func celFault(source string, issues *cel.Issues) error {
	var parts []string
	for _, e := range issues.Errors() {
		column := ""
		if e.Location != nil && e.Location.Column() >= 0 {
			column = fmt.Sprintf(" at character %d", e.Location.Column()+1)
		}
		// The parser's list of all tokens it could have read helps nobody.
		msg, _, _ := strings.Cut(strings.ReplaceAll(e.Message, "\n", " "), " expecting {")
		parts = append(parts, msg+column)
	}
	return fmt.Errorf("expression %q: %s", shorten(source), strings.Join(parts, "; "))
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

// evaluate runs the program; every failure says what it was about.
func (x *expression) evaluate(s *scope) (ref.Val, error) {
	v, _, err := x.program.Eval(s)
	if err != nil {
		if s.fault != nil {
			return nil, s.fault
		}
		return nil, fmt.Errorf("%s: %w", shorten(x.source), err)
	}
	return v, nil
}

// appendText appends the expression's value as text. In exact form only
// strings and whole numbers are texts: who is reached must not hang on how
// somebody's encoder writes 1.50 or true.
func (x *expression) appendText(dst []byte, s *scope, exact bool) ([]byte, error) {
	if x.path == nil {
		v, err := x.evaluate(s)
		if err != nil {
			return dst, err
		}
		return appendScalar(dst, v, x.source, exact)
	}
	if x.path.attribute != "" {
		text, ok := s.attribute(x.path.attribute)
		if !ok {
			return dst, fmt.Errorf("event.%s is absent", x.path.attribute)
		}
		return append(dst, text...), nil
	}
	form, err := s.data()
	if err != nil {
		return dst, err
	}
	if form != jsonData {
		if len(x.path.steps) > 0 {
			return dst, fmt.Errorf("%s is absent: data is no JSON", x.path.steps[0].upto)
		}
		if form == byteData {
			return dst, errors.New("data is bytes, want text")
		}
		return append(dst, s.text...), nil
	}
	i, err := x.path.find(&s.doc)
	if err != nil {
		return dst, err
	}
	return s.doc.appendScalar(dst, i, x.source, exact)
}

// appendScalar appends a JSON value as text, numbers as they were written.
func (d *document) appendScalar(dst []byte, i int, what string, exact bool) ([]byte, error) {
	switch t := d.tokens[i]; t.kind {
	case stringToken:
		return d.appendText(dst, i), nil
	case numberToken:
		if raw := d.raw[t.start:t.end]; exact && strings.ContainsAny(string(raw), ".eE") {
			return dst, &badValue{value: string(raw), why: fmt.Sprintf("%s is no whole number, want a string or a whole number", what)}
		}
		return d.appendText(dst, i), nil
	case trueToken, falseToken:
		if !exact {
			return d.appendText(dst, i), nil
		}
		return dst, &badValue{value: d.text(i), why: fmt.Sprintf("%s is a boolean, want a string or a whole number", what)}
	default:
		return dst, &badValue{value: shorten(string(d.raw[t.start:t.end])), why: fmt.Sprintf("%s is %s, want text", what, t.kind)}
	}
}

func appendScalar(dst []byte, v ref.Val, what string, exact bool) ([]byte, error) {
	switch v := v.(type) {
	case types.String:
		return append(dst, v...), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case types.Double:
		f := float64(v)
		if exact || math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, &badValue{value: strconv.FormatFloat(f, 'g', -1, 64), why: what + " is no whole number, want a string or a whole number"}
		}
		// The bounds at which encoding/json turns to exponents.
		if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
			return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
		}
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	case types.Bool:
		if !exact {
			return strconv.AppendBool(dst, bool(v)), nil
		}
		return dst, &badValue{value: strconv.FormatBool(bool(v)), why: what + " is a boolean, want a string or a whole number"}
	}
	return dst, &badValue{value: "", why: fmt.Sprintf("%s is %s, want text", what, kindOf(v))}
}

// appendList appends the texts of a list, or the one text of a scalar, in
// exact form. It fails on a list without items.
func (x *expression) appendList(dst []string, s *scope) ([]string, error) {
	if x.path != nil && x.path.attribute == "" {
		if form, err := s.data(); err != nil || form == jsonData {
			if err != nil {
				return dst, err
			}
			return x.appendItems(dst, s)
		}
	}
	if x.path == nil {
		v, err := x.evaluate(s)
		if err != nil {
			return dst, err
		}
		if list, ok := v.(traits.Lister); ok {
			return x.appendCELItems(dst, s, list)
		}
		if s.buf, err = appendScalar(s.buf[:0], v, x.source, true); err != nil {
			return dst, err
		}
		return append(dst, string(s.buf)), nil
	}
	var err error
	if s.buf, err = x.appendText(s.buf[:0], s, true); err != nil {
		return dst, err
	}
	return append(dst, string(s.buf)), nil
}

func (x *expression) appendItems(dst []string, s *scope) ([]string, error) {
	i, err := x.path.find(&s.doc)
	if err != nil {
		return dst, err
	}
	first, end, before := i, i+1, len(dst)
	if t := s.doc.tokens[i]; t.kind == arrayToken {
		if first, end = i+1, int(t.next); first == end {
			return dst, &badValue{value: "[]", why: x.source + " is an empty list, and an empty audience is never everyone"}
		}
	}
	for k := first; k < end; k = int(s.doc.tokens[k].next) {
		if s.buf, err = s.doc.appendScalar(s.buf[:0], k, x.source, true); err != nil {
			if first > i {
				_, err = s.doc.appendScalar(s.buf[:0], k, index(x.source, len(dst)-before), true)
			}
			return dst, err
		}
		dst = append(dst, string(s.buf))
	}
	return dst, nil
}

func (x *expression) appendCELItems(dst []string, s *scope, list traits.Lister) ([]string, error) {
	size, ok := list.Size().(types.Int)
	if !ok || size == 0 {
		return dst, &badValue{value: "[]", why: shorten(x.source) + " is an empty list, and an empty audience is never everyone"}
	}
	var err error
	for i := types.Int(0); i < size; i++ {
		if s.buf, err = appendScalar(s.buf[:0], list.Get(i), index(x.source, int(i)), true); err != nil {
			return dst, err
		}
		dst = append(dst, string(s.buf))
	}
	return dst, nil
}
