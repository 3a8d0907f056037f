package explain

import (
	"encoding/json"
	"fmt"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
)

// Explanation is one event with every rule's answer. Its JSON is
// schemas/explanation.v1.json.
type Explanation struct {
	Event    Event     `json:"event"`
	Error    string    `json:"error,omitempty"` // where it is no CloudEvent
	Received time.Time `json:"received"`
	Version  string    `json:"rules_version"`
	// Violation is how the data breaks the schema of its type, where the rules want
	// that looked at. What they do about it is Validation.
	Violation  string `json:"violation,omitempty"`
	Validation string `json:"validation,omitempty"` // warn or reject
	Rules      []Rule `json:"rules"`                // in the file's order; none where it is no CloudEvent
}

// Event names the event.
type Event struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Type   string `json:"type"`
}

// Rule is one rule's answer.
type Rule struct {
	Rule    string `json:"rule"`
	Finding string `json:"finding"`       // matched, failed, not matched or not asked
	Why     string `json:"why,omitempty"` // where it did not match or was not asked

	Filters []mapper.Trace `json:"filters,omitempty"` // what its filters came to, if they were asked
	When    *mapper.Trace  `json:"when,omitempty"`    // what its condition came to, if it was asked
	Values  []mapper.Trace `json:"values,omitempty"`  // what its other expressions came to, if it wanted the event

	Audiences []Audience        `json:"audiences,omitempty"` // several: parts that one call cannot say together
	Message   *intent.Message   `json:"message,omitempty"`   // as the API is told it
	Text      string            `json:"text,omitempty"`
	Delivery  *Delivery         `json:"delivery,omitempty"`
	Requests  []json.RawMessage `json:"requests,omitempty"` // the API's JSON, one for each audience, if nothing joins it
	Failure   *Failure          `json:"failure,omitempty"`
}

// Audience is whom one call reaches.
type Audience struct {
	Audience  string          `json:"audience"`
	Condition json.RawMessage `json:"condition"` // the API's; "everyone" is a call without one
}

// Failure is why a rule, or no rule, could be applied: the event is dead-lettered.
type Failure struct {
	Field string `json:"field"`
	Value string `json:"value,omitempty"`
	Error string `json:"error"`
}

// DeadLetter says whether the event, or a part of what it asks for, would be
// dead-lettered.
func (x *Explanation) DeadLetter() bool {
	if x.Error != "" || x.Validation == mapper.ValidateReject.String() {
		return true
	}
	for i := range x.Rules {
		if x.Rules[i].Failure != nil {
			return true
		}
	}
	return false
}

// sampleRandom stands for MsgRandom, which is another in every call.
const sampleRandom = 0

// Of explains the event, one CloudEvent in structured JSON, as the rules would take
// it if it reached Kafka at received.
func Of(rules *mapper.Rules, raw []byte, received time.Time) (Explanation, error) {
	x := Explanation{Received: received, Version: rules.Version(), Rules: []Rule{}}
	e, err := consume.ParseEvent(raw)
	if err != nil {
		x.Error = "no CloudEvent: " + err.Error()
		return x, nil
	}
	x.Event = Event{Source: e.Source(), ID: e.ID(), Type: e.Type()}
	origin := intent.Origin{Source: e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: received}
	if origin.Time.IsZero() {
		origin.Time = received
	}
	explained := rules.Explain(e, origin)
	if v := explained.Violation; v != nil {
		x.Violation, x.Validation = v.Error(), v.Action.String()
	}
	for i := range explained.Steps {
		rule, err := ruleOf(&explained.Steps[i])
		if err != nil {
			return x, fmt.Errorf("explain rule %q: %w", explained.Steps[i].Rule, err)
		}
		x.Rules = append(x.Rules, rule)
	}
	return x, nil
}

func ruleOf(step *mapper.Step) (Rule, error) {
	r := Rule{Rule: step.Rule, Finding: step.Finding.String(), Why: step.Why, Filters: step.Filters, When: step.When, Values: step.Values}
	switch step.Finding {
	case mapper.Matched:
		return r, r.matched(&step.Intent)
	case mapper.Failed:
		r.Failure = &Failure{Field: step.Failure.Field, Value: step.Failure.Value, Error: step.Failure.Err.Error()}
	case mapper.NotMatched, mapper.NotAsked:
	}
	return r, nil
}

// matched adds what the rule asks for.
func (r *Rule) matched(in *intent.Intent) error {
	for _, a := range in.Audiences {
		condition, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("condition of %v: %w", a, err)
		}
		r.Audiences = append(r.Audiences, Audience{Audience: a.String(), Condition: condition})
		request, err := requestOf(a, in.Message)
		if err != nil {
			return err
		}
		r.Requests = append(r.Requests, request)
	}
	r.Message, r.Text = &in.Message, in.Message.Text()
	r.Delivery = deliveryOf(in)
	return nil
}

func requestOf(a audience.Audience, m intent.Message) (json.RawMessage, error) {
	request := pushapi.Request{Random: sampleRandom, Audience: a, Messages: []intent.Message{m}}
	return request.Encode()
}
