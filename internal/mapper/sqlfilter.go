package mapper

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antlr/antlr4/runtime/Go/antlr"
	cesql "github.com/cloudevents/sdk-go/sql/v2"
	"github.com/cloudevents/sdk-go/sql/v2/gen"
	"github.com/cloudevents/sdk-go/sql/v2/parser"
	"github.com/cloudevents/sdk-go/sql/v2/runtime"
	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// sqlFilter is compiled CloudEvents SQL.
type sqlFilter struct {
	source     string
	expression cesql.Expression
	attributes []string // that it names, each once
}

// compileSQL compiles CloudEvents SQL. The SDK's own parser is asked second: it
// prints what its lexer cannot read to standard error and goes on without it,
// it panics on a token too few, and it looks functions up when it is too late.
func compileSQL(source string) (x *sqlFilter, err error) {
	if len(source) > maxExpression {
		return nil, fmt.Errorf("the expression has %d bytes, allowed %d", len(source), maxExpression)
	}
	defer func() {
		if p := recover(); p != nil {
			x, err = nil, fmt.Errorf("expression %q: the parser gives up on it: %v", shorten(source), p)
		}
	}()
	faults := &sqlFaults{}
	lexer := gen.NewCESQLParserLexer(parser.NewCaseChangingStream(antlr.NewInputStream(source), true))
	lexer.RemoveErrorListeners()
	lexer.AddErrorListener(faults)
	p := gen.NewCESQLParserParser(antlr.NewCommonTokenStream(lexer, antlr.TokenDefaultChannel))
	p.RemoveErrorListeners()
	p.AddErrorListener(faults)
	tree := p.Cesql()
	if faults.first == "" {
		faults.functions(tree)
	}
	if faults.first != "" {
		return nil, fmt.Errorf("expression %q: %s", shorten(source), faults.first)
	}
	expression, err := parser.Parse(source)
	if err != nil {
		why := strings.NewReplacer("parse error: ", "", "strconv.ParseInt: parsing ", "").Replace(err.Error())
		return nil, fmt.Errorf("expression %q: %s", shorten(source), why)
	}
	x = &sqlFilter{source: source, expression: expression}
	x.name(tree)
	return x, nil
}

// name notes the attributes that the expression names.
func (x *sqlFilter) name(tree antlr.Tree) {
	if id, ok := tree.(*gen.IdentifierContext); ok {
		if name := strings.ToLower(id.GetText()); !slices.Contains(x.attributes, name) {
			x.attributes = append(x.attributes, name)
		}
	}
	for _, child := range tree.GetChildren() {
		x.name(child)
	}
}

// sqlFaults keeps the first thing that is wrong with an expression; what the
// parser says after it is of its own making.
type sqlFaults struct {
	antlr.DefaultErrorListener
	first string
}

// SyntaxError implements antlr.ErrorListener.
//
//nolint:revive // the interface has six parameters
func (f *sqlFaults) SyntaxError(_ antlr.Recognizer, _ any, _, column int, msg string, _ antlr.RecognitionException) {
	// The parser's list of all tokens it could have read helps nobody.
	msg, _, _ = strings.Cut(parserWords.Replace(msg), " expecting ")
	f.note(msg, column)
}

func (f *sqlFaults) note(msg string, column int) {
	if f.first == "" {
		f.first = fmt.Sprintf("%s at character %d", msg, column+1)
	}
}

// functions looks for calls of what there is not.
func (f *sqlFaults) functions(tree antlr.Tree) {
	if call, ok := tree.(*gen.FunctionInvocationExpressionContext); ok {
		name, arguments := strings.ToUpper(call.FunctionIdentifier().GetText()), 0
		if list, ok := call.FunctionParameterList().(*gen.FunctionParameterListContext); ok {
			arguments = len(list.AllExpression())
		}
		if runtime.ResolveFunction(name, arguments) == nil {
			f.note(fmt.Sprintf("there is no function %s that takes %d arguments", name, arguments), call.GetStart().GetColumn())
		}
	}
	for _, child := range tree.GetChildren() {
		f.functions(child)
	}
}

// holds says whether the expression is true. An error means false; it is for
// people only.
func (x *sqlFilter) holds(s *scope) (bool, error) {
	v, err := x.evaluate(s)
	if err != nil {
		return false, err
	}
	yes, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("it gives %v of type %s, want a Boolean", v, cesql.TypeFromVal(v))
	}
	return yes, nil
}

func (x *sqlFilter) evaluate(s *scope) (v any, err error) {
	defer func() {
		if p := recover(); p != nil { // SUBSTRING with a negative length, in v2.16.2
			v, err = nil, fmt.Errorf("%v", p)
		}
	}()
	return x.expression.Evaluate(event.Event{Context: asTexts{s.context, s.source(), s.extensions()}})
}

// asTexts is the event's context with its source as the producer wrote it and
// every extension as a text, so that an event means the same whether it came
// structured or binary.
type asTexts struct {
	*event.EventContextV1
	source     string
	extensions map[string]any
}

// GetSource implements event.EventContextReader.
func (c asTexts) GetSource() string { return c.source }

// GetExtensions implements event.EventContextReader.
func (c asTexts) GetExtensions() map[string]any { return c.extensions }

// Clone implements event.EventContextReader.
func (c asTexts) Clone() event.EventContext { return c }

func (s *scope) source() string {
	text, _ := s.attribute("source")
	return text
}

// extensions returns the event's extensions as texts.
func (s *scope) extensions() map[string]any {
	texts := true
	for _, v := range s.context.Extensions {
		_, isText := v.(string)
		texts = texts && isText
	}
	if texts {
		return s.context.Extensions
	}
	all := make(map[string]any, len(s.context.Extensions))
	for name := range s.context.Extensions {
		if text, ok := s.attribute(name); ok {
			all[name] = text
		}
	}
	return all
}

// sqlFilter compiles the value of `sql`; nil where it is wrong.
func (l *loader) sqlFilter(n *node, field string) *sqlFilter {
	text, ok := l.text(n, field)
	if !ok {
		return nil
	}
	if strings.TrimSpace(text) == "" {
		l.refuse(n, field, "the expression is empty", `write CloudEvents SQL, like "source LIKE '/crm/%'"`)
		return nil
	}
	x, err := compileSQL(text)
	if err != nil {
		do := "it is CloudEvents SQL over attributes, like source LIKE '/crm/%'"
		switch {
		case len(text) > maxExpression:
			do = "write it as several under any or all"
		case strings.Contains(text, "data."):
			do = "CloudEvents SQL sees attributes only: ask for data in when"
		}
		l.refuse(n, field, err.Error(), do)
		return nil
	}
	// What is no truth value for an event with all attributes is none for any:
	// extensions are texts too.
	e := event.New()
	e.SetID("1")
	e.SetSource("/")
	e.SetType("x")
	e.SetSubject("s")
	e.SetTime(aYear)
	e.SetDataSchema("/")
	e.SetDataContentType(event.ApplicationJSON)
	var s scope
	s.reset(&e, intent.Origin{})
	if v, err := x.evaluate(&s); err == nil && cesql.TypeFromVal(v) != cesql.BooleanType {
		l.refuse(n, field, fmt.Sprintf("expression %q gives a value of type %s, so it is never true", shorten(text), cesql.TypeFromVal(v)), "compare it with something")
		return nil
	}
	return x
}
