package mapper

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
)

// shown is a field of the event whose value shows in an expression's text.
type shown struct {
	path string // "data.order.id"
	last string // "id"
}

// tells returns the fields whose values are part of what the expression gives:
// not those that it only compares or counts.
func (x *expression) tells() []shown {
	var all []shown
	collect(x.root, x.info, &all)
	return all
}

// textFunctions give a text that differs where their operands do, mostly.
var textFunctions = []string{
	operators.Add, operators.OptSelect, "string", "format", "join", "lowerAscii", "upperAscii", "trim", "replace", "substring", "orValue", "or", "value", "split", "quote", "reverse",
}

func collect(e ast.Expr, info *ast.SourceInfo, all *[]shown) {
	if pathOf(e) != nil || e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.OptSelect {
		text, err := parser.Unparse(e, info)
		if err != nil {
			return
		}
		text = strings.ReplaceAll(text, "?", "")
		*all = append(*all, shown{path: text, last: strings.Trim(text[strings.LastIndexAny(text, `.[`)+1:], `]"'`)})
		return
	}
	switch e.Kind() {
	case ast.CallKind:
		c := e.AsCall()
		args := c.Args()
		switch {
		case c.FunctionName() == operators.Conditional:
			args = args[1:]
		case !slices.Contains(textFunctions, c.FunctionName()):
			return
		}
		if c.IsMemberFunction() {
			collect(c.Target(), info, all)
		}
		for _, a := range args {
			collect(a, info, all)
		}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			collect(item, info, all)
		}
	case ast.ComprehensionKind, ast.IdentKind, ast.LiteralKind, ast.MapKind, ast.SelectKind, ast.StructKind, ast.UnspecifiedExprKind:
	}
}

// Names of fields that are another for every event: of CloudEvents, which says
// so, and by habit.
var (
	uniqueAttributes = []string{"event.id", "event.time", "event.traceparent", "event.sequence"}
	uniqueNames      = []string{"id", "uuid", "guid", "ulid", "eventid", "messageid", "requestid", "traceid", "correlationid", "timestamp", "ts", "createdat", "updatedat", "sentat", "occurredat", "generatedat", "publishedat"}
)

// unique says whether the field is another for every event, and whether that is
// sure or only its name's promise.
func (r shown) unique() (sure, yes bool) {
	if slices.Contains(uniqueAttributes, r.path) {
		return true, true
	}
	name := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(r.last))
	return false, strings.HasPrefix(r.path, "data.") && slices.Contains(uniqueNames, name)
}

// mayBeList says whether the expression may give several tags.
func (x *expression) mayBeList() bool {
	return x.result.Kind() == cel.DynKind && (x.path == nil || x.path.attribute == "")
}
