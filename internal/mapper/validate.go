package mapper

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"
	english "golang.org/x/text/language"
	"golang.org/x/text/message"

	"pushbridge/internal/intent"
)

// Validation is what happens to an event whose data breaks the schema of its
// type.
type Validation uint8

// The validations. Where the file says nothing it is ValidateOff.
const (
	ValidateOff Validation = iota + 1
	ValidateWarn
	ValidateReject
)

var validationWords = choice[Validation]{"way to validate called", []Validation{ValidateOff, ValidateWarn, ValidateReject}}

// String returns the word of rule files.
func (v Validation) String() string {
	switch v {
	case ValidateOff:
		return "off"
	case ValidateWarn:
		return "warn"
	case ValidateReject:
		return "reject"
	}
	return fmt.Sprintf("Validation(%d)", uint8(v))
}

// SchemaError says where the data of an event breaks the schema of its type.
type SchemaError struct {
	Type    string // the event's
	Pointer string // RFC 6901, the first of the places; "": the data as a whole
	Reason  string
	More    int // further places
	Action  Validation
}

// Error names the type, the place and the reason.
func (e *SchemaError) Error() string {
	more, at := "", ""
	if e.More > 0 {
		more = fmt.Sprintf(" (and %d more)", e.More)
	}
	if e.Pointer != "" {
		at = " at " + e.Pointer
	}
	return fmt.Sprintf("data breaks the schema of %s%s: %s%s", shorten(e.Type), at, e.Reason, more)
}

// validator checks the data of one event type.
type validator struct {
	of     string
	action Validation
	schema *jsonschema.Schema
}

// validateOf compiles `validate`.
func (l *loader) validateOf(n *node) map[string]*validator {
	const field = "validate"
	if n.kind != mapNode {
		l.refuse(n, field, fmt.Sprintf("want a map of event types, got %s", n), "write {member.promo: reject}")
		return nil
	}
	all := map[string]*validator{}
	for _, p := range n.pairs {
		at := join(field, p.key.text)
		s := l.catalog.types[p.key.text]
		if s == nil && !l.catalog.partial {
			l.unknown(p.key, at, reference{"schema of event type", p.key.text, slices.Sorted(maps.Keys(l.catalog.types)), "put " + schemaFile(p.key.text) + " into a directory of schemas"})
		}
		if action, ok := validationWords.read(l, p.value, at); ok && action != ValidateOff && s != nil && s.schema != nil {
			all[p.key.text] = &validator{p.key.text, action, s.schema}
		}
	}
	return all
}

// Violation returns how the event's data breaks the schema of its type, nil where
// it does not or nobody asks.
func (r *Rules) Violation(e *event.Event) *SchemaError {
	var s scope
	s.reset(e, intent.Origin{})
	return r.violation(&s)
}

func (r *Rules) violation(s *scope) *SchemaError {
	if v := r.validate[s.context.Type]; v != nil {
		return v.check(s)
	}
	return nil
}

// check returns what is wrong with the event's data, or nil.
func (v *validator) check(s *scope) *SchemaError {
	e := &SchemaError{Type: v.of, Action: v.action}
	data, err := s.native()
	if err != nil {
		e.Reason = err.Error()
		return e
	}
	if err = v.schema.Validate(data); err == nil {
		return nil
	}
	e.Reason = shorten(err.Error())
	if bad, ok := err.(*jsonschema.ValidationError); ok { //nolint:errorlint // Validate returns it as it is
		leaves := leavesOf(bad)
		e.Pointer, e.Reason = firstLeaf(bad)
		e.More = len(leaves) - 1
	}
	return e
}

// natives turns a document into Go values, numbers as they were written.
type natives struct {
	*document

	bad string // a number that cannot be compared with others
}

// maxExponent bounds numbers: far beyond every double, and small enough that
// somebody else's 1e999999999 is not written out. jsonschema panics on those
// that math/big refuses.
const maxExponent = 1000

func (n *natives) value(i int) any {
	switch t := n.tokens[i]; t.kind {
	case objectToken:
		all := map[string]any{}
		for key := range (object{n.document, i}).keys() {
			all[n.text(key)] = n.value(key + 1)
		}
		return all
	case arrayToken:
		all := []any{}
		for k := i + 1; k < int(t.next); k = int(n.tokens[k].next) {
			all = append(all, n.value(k))
		}
		return all
	case stringToken:
		return n.text(i)
	case numberToken:
		text := n.text(i)
		if e := strings.IndexAny(text, "eE"); e >= 0 {
			if exponent, err := strconv.Atoi(text[e+1:]); err != nil || max(exponent, -exponent) > maxExponent {
				n.bad = text
			}
		}
		return json.Number(text)
	case trueToken, falseToken:
		return t.kind == trueToken
	case nullToken:
	}
	return nil
}

// leavesOf returns the errors that have no further cause, in the order of their
// places.
func leavesOf(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, c := range e.Causes {
		all = append(all, leavesOf(c)...)
	}
	slices.SortStableFunc(all, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(a.SchemaURL, b.SchemaURL))
	})
	return all
}

// firstLeaf returns the place of the first leaf, as a pointer, and its reason.
func firstLeaf(e *jsonschema.ValidationError) (pointer, reason string) {
	leaf := leavesOf(e)[0]
	var b strings.Builder
	for _, step := range leaf.InstanceLocation {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return shorten(b.String()), shorten(strings.ReplaceAll(leaf.ErrorKind.LocalizedString(message.NewPrinter(english.English)), "\n", " "))
}

// Data returns the event's data as expressions and schemas see it: Go values as
// encoding/json makes them, numbers as json.Number, a string where its content
// type is not JSON. An error means that no rule could use it.
func Data(e *event.Event) (any, error) {
	var s scope
	s.reset(e, intent.Origin{})
	return s.native()
}

// native is Data of a scope.
func (s *scope) native() (any, error) {
	switch form, err := s.data(); form {
	case brokenData:
		return nil, err
	case byteData:
		return nil, errors.New("data is bytes")
	case textData:
		return string(s.text), nil
	case jsonData:
	}
	n := natives{document: &s.doc}
	data := n.value(0)
	if n.bad != "" {
		return nil, fmt.Errorf("number %s: out of range", shorten(n.bad))
	}
	return data, nil
}
