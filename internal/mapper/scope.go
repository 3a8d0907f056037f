package mapper

import (
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/cloudevents/sdk-go/v2/event"
	cetypes "github.com/cloudevents/sdk-go/v2/types"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// scope is one event as expressions see it, and the scratch space of one Map
// call. Data is read when a rule first asks for it, and once.
type scope struct {
	event   *event.Event
	context *event.EventContextV1
	origin  intent.Origin

	form  dataForm // 0: not read yet
	doc   document
	text  []byte // data that is no JSON
	fault error  // why data could not be read

	blank bool // there is no event: every expression gives "1"

	buf   []byte
	tags  []string
	pairs map[string]string // of an audience's attributes

	candidates candidates

	key       []byte // of the memos
	audiences memo[*audienceSpec, []audience.Audience]
	messages  memo[*messageSpec, intent.Message]
}

type dataForm uint8

const (
	jsonData dataForm = iota + 1
	textData
	byteData
	brokenData
)

func (s *scope) reset(e *event.Event, o intent.Origin) {
	s.event, s.origin, s.form, s.text, s.fault = e, o, 0, nil, nil
	s.context = nil
	switch c := e.Context.(type) {
	case *event.EventContextV1:
		s.context = c
	case event.EventContext:
		s.context = c.AsV1()
	}
	if s.context == nil {
		s.context = &event.EventContextV1{}
	}
}

// forget drops what keeps the event alive, before the scope is pooled.
func (s *scope) forget() {
	s.event, s.context, s.origin, s.text, s.fault, s.doc.raw = nil, nil, intent.Origin{}, nil, nil, nil
	clear(s.candidates.lists)
	clear(s.tags)
	clear(s.pairs)
}

// attribute returns an attribute or extension in the canonical text form of
// CloudEvents. A structured event may carry an extension as a number where a
// binary one can only carry its text; rules see no difference.
func (s *scope) attribute(name string) (string, bool) {
	c := s.context
	switch name {
	case "type":
		return c.Type, true
	case "id":
		return c.ID, true
	case "source":
		if s.origin.Source != "" {
			return s.origin.Source, true // as the producer wrote it; URLs re-escape
		}
		return c.Source.String(), true
	case "specversion":
		return c.GetSpecVersion(), true
	case "subject":
		return deref(c.Subject)
	case "datacontenttype":
		return deref(c.DataContentType)
	case "dataschema":
		if c.DataSchema == nil {
			return "", false
		}
		return c.DataSchema.String(), true
	case "time":
		if c.Time == nil {
			return "", false
		}
		return c.Time.Format(time.RFC3339Nano), true
	}
	switch v := c.Extensions[name].(type) {
	case nil:
		return "", false
	case string:
		return v, true
	default:
		text, err := cetypes.Format(v)
		return text, err == nil
	}
}

func deref(p *string) (string, bool) {
	if p == nil {
		return "", false
	}
	return *p, true
}

// data reads the event's data and says what it is. An error means that no rule
// can use it.
func (s *scope) data() (dataForm, error) {
	if s.form != 0 {
		return s.form, s.fault
	}
	raw := s.event.DataEncoded
	switch {
	case !isJSON(s.context.DataContentType):
		if s.form, s.text = byteData, raw; utf8.Valid(raw) {
			s.form = textData
		}
		return s.form, nil
	case len(raw) == 0:
		raw = []byte("{}")
	}
	s.form = jsonData
	if s.fault = s.doc.read(raw); s.fault != nil {
		s.form = brokenData
	}
	return s.form, s.fault
}

// isJSON follows CloudEvents: no content type means JSON.
func isJSON(contentType *string) bool {
	if contentType == nil || *contentType == event.ApplicationJSON {
		return true
	}
	media, _, err := mime.ParseMediaType(*contentType)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(*contentType))
	}
	return media == "" || media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// ResolveName implements cel.Activation.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "event":
		return lazyMap{attributes{s}}, true
	case "data":
		form, err := s.data()
		switch form {
		case jsonData:
			return s.doc.value(0), true
		case textData:
			return types.String(s.text), true
		case byteData:
			return types.Bytes(s.text), true
		case brokenData:
			return types.WrapErr(err), true
		}
	}
	return nil, false
}

// Parent implements cel.Activation.
func (*scope) Parent() cel.Activation { return nil }

// attributes is the event's attributes and extensions as a map.
type attributes struct{ s *scope }

func (a attributes) lookup(name string) (ref.Val, bool) {
	text, ok := a.s.attribute(name)
	return types.String(text), ok
}

func (a attributes) whole() traits.Mapper {
	all := map[string]string{}
	for _, name := range a.names() {
		all[name], _ = a.s.attribute(name)
	}
	return types.NewStringStringMap(types.DefaultTypeAdapter, all)
}

func (a attributes) names() []string {
	all := []string{"type", "id", "source", "specversion", "subject", "datacontenttype", "dataschema", "time"}
	for name := range a.s.context.Extensions {
		all = append(all, name)
	}
	return slices.DeleteFunc(all, func(name string) bool {
		_, ok := a.s.attribute(name)
		return !ok
	})
}
