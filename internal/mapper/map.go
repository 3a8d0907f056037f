package mapper

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// Mapping is what the rules make of one event.
type Mapping struct {
	Version  string          // of the rules
	Intents  []intent.Intent // one for each rule that matched
	Failures []*RuleError    // one for each rule that failed on the event, or one without a rule for the event itself
	Why      string          // why no rule matched; "" if one did or failed

	// Violation is how the data breaks the schema of its type, where the rules
	// want that looked at. Rejected, it is also the one failure.
	Violation *SchemaError
}

// Map applies the rules to the event, of which o says where it came from. It
// keeps no reference to e or its data.
func (r *Rules) Map(e *event.Event, o intent.Origin) Mapping {
	s := r.scopes.Get().(*scope)
	s.reset(e, o)
	defer func() {
		s.forget()
		r.scopes.Put(s)
	}()

	m := Mapping{Version: r.version}
	if m.Violation = r.violation(s); m.Violation != nil && m.Violation.Action == ValidateReject {
		m.Failures = []*RuleError{{Field: "data", Err: m.Violation}}
		return m
	}
	candidates := r.index.candidates(s)
	for rule := candidates.next(); rule != nil; rule = candidates.next() {
		v := rule.apply(s)
		switch {
		case v.failure != nil:
			m.Failures = append(m.Failures, v.failure)
		case v.matched:
			v.intent.Version = r.version
			m.Intents = append(m.Intents, v.intent)
		default:
			continue
		}
		if !rule.goOn {
			break
		}
	}
	if m.Intents == nil && m.Failures == nil {
		m.Why = r.whyNone(s)
	} else if o.ReplayID != "" {
		r.replayed(&m, s)
	}
	return m
}

// verdict is what one rule makes of an event.
type verdict struct {
	matched   bool
	unmet     condition     // what kept the event from the rule
	attribute string        // of unmet match
	filter    *filter       // of unmet filters
	intent    intent.Intent // where it matched
	failure   *RuleError
}

// condition is a part of a rule that says which events it takes.
type condition uint8

const (
	matchCondition condition = iota + 1
	filtersCondition
	whenCondition
)

// apply is the one place where a rule meets an event: Map and Explain agree
// because neither knows how to do it.
func (r *rule) apply(s *scope) verdict {
	if attribute := r.mismatch(s); attribute != "" {
		return verdict{unmet: matchCondition, attribute: attribute}
	}
	if f := r.unmet(s); f != nil {
		return verdict{unmet: filtersCondition, filter: f}
	}
	switch yes, err := r.admits(s); {
	case err != nil:
		return verdict{failure: r.fail("when", err)}
	case !yes:
		return verdict{unmet: whenCondition}
	}
	in := intent.Intent{Origin: s.origin, Rule: r.name}
	var field string
	var err error
	if in.Audiences, field, err = r.audience.build(s); err != nil {
		return verdict{failure: r.fail(field, err)}
	}
	if in.Message, field, err = r.message.build(s); err != nil {
		return verdict{failure: r.fail(field, err)}
	}
	if err = r.fits(in.Message, in.Audiences); err != nil {
		return verdict{failure: r.fail("message", err)}
	}
	if in.Policy, field, err = r.delivery.build(s); err != nil {
		return verdict{failure: r.fail(field, err)}
	}
	if _, test := s.attribute(AttrTest); test {
		if r.test == nil {
			return verdict{failure: r.fail("test_audience", errNoTestAudience)}
		}
		r.test.apply(&in)
		if err = r.fits(in.Message, in.Audiences); err != nil {
			return verdict{failure: r.fail("message", err)}
		}
	}
	return verdict{matched: true, intent: in}
}

func (r *rule) fail(field string, err error) *RuleError {
	e := &RuleError{Rule: r.name, Field: field, Err: err}
	if bad, ok := errors.AsType[*valueError](err); ok {
		e.Value = bad.value
	}
	return e
}

// fits says whether each part alone is one legal call: it may be sent alone, and
// the limiter never unites parts beyond the same limit.
func (r *rule) fits(m intent.Message, parts []audience.Audience) error {
	if m.MaxRequestSize() <= r.maxRequest {
		return nil
	}
	for _, part := range parts {
		if n := m.RequestSize(part); n > r.maxRequest {
			return fmt.Errorf("the request would have %d bytes, %d of them the message, %d the audience, allowed %d",
				n, m.Size(), n-m.RequestSize(audience.All()), r.maxRequest)
		}
	}
	return nil
}

// build returns the event's message. On an error it names the field.
func (m *messageSpec) build(s *scope) (intent.Message, string, error) {
	if !m.fixed.IsZero() {
		return m.fixed, "", nil
	}
	known := m.appendKey(s)
	if known {
		if message, ok := s.messages.get(m, s.key); ok {
			return message, "", nil
		}
	}
	message, field, err := m.compose(s)
	if err == nil && known {
		s.messages.put(m, s.key, message)
	}
	return message, field, err
}

// appendKey makes s.key of the message's texts, and says whether all that hangs
// on the event is in them.
func (m *messageSpec) appendKey(s *scope) bool {
	s.key = s.key[:0]
	ok := m.sender == nil && m.offline == nil
	for i := 0; ok && i < len(m.elements); i++ {
		t := m.elements[i].text
		if t == nil {
			return false
		}
		s.key, ok = t.appendKey(s.key, s, false)
	}
	return ok
}

// compose is build without memory.
func (m *messageSpec) compose(s *scope) (intent.Message, string, error) {
	c := intent.Content{OnlineOnly: m.onlineOnly, LifeTime: m.lifeTime, Elements: make([]intent.Element, len(m.elements))}
	for i := range m.elements {
		e, name, err := m.elements[i].element(s)
		if err != nil {
			return intent.Message{}, join(index("message", i), name), err
		}
		c.Elements[i] = e
	}
	var err error
	if m.sender != nil {
		// An empty sender would silently be the calling account.
		if c.Sender, err = m.sender.render(s); err == nil && c.Sender == "" {
			err = errEmpty
		}
		if err != nil {
			return intent.Message{}, "sender", err
		}
	}
	if m.offline != nil {
		var field string
		if c.Offline, field, err = m.offline.content(s); err != nil {
			return intent.Message{}, field, err
		}
	}
	message, err := intent.NewMessage(c)
	if err != nil {
		return intent.Message{}, "message", err
	}
	return message, "", nil
}

// fixMessage builds a message that is written out, at load time.
func (l *loader) fixMessage(n *node, field string, m *messageSpec) {
	for i := range m.elements {
		if !m.elements[i].literal() {
			return
		}
	}
	if m.sender != nil {
		if _, ok := m.sender.literal(); !ok {
			return
		}
	}
	if m.offline != nil && !m.offline.literal() {
		return
	}
	message, _, err := m.compose(&scope{})
	if err != nil {
		l.refuse(n, field, err.Error(), "the API does not take such a message: correct the element")
		return
	}
	m.fixed = message
}

// maxNamed bounds the rules that Mapping.Why names: it goes into a record for
// every event that matches none.
const maxNamed = 8

// whyNone says why none of the rules for its type took the event.
func (r *Rules) whyNone(s *scope) string {
	rules, n := r.index.ofType(s.context.Type)
	if n == 0 {
		return "no rule for type " + shorten(s.context.Type)
	}
	var b strings.Builder
	b.WriteString("no rule matches: ")
	i := 0
	for r := range rules {
		if i == maxNamed {
			fmt.Fprintf(&b, " and %d more", n-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		i++
		cause := r.mismatch(s)
		switch {
		case cause != "":
		case r.unmet(s) != nil:
			cause = "filters"
		default:
			cause = "when"
		}
		b.WriteString(r.name + " (" + cause + ")")
	}
	return b.String()
}

// room returns how many bytes of a request what the rule writes leaves for what
// an event says, which may be less than none; false where that cannot be seen.
func (r *rule) room() (int, bool) {
	// One digit stands for whatever an event says: a text and a number.
	message, _, err := r.message.compose(&scope{blank: true})
	if err != nil {
		return 0, false
	}
	return r.maxRequest - message.RequestSize(audience.All()), true
}
