package mapper

import (
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// Condition is an expression over one event, as a rule's `when`. It has one owner.
type Condition struct {
	rule  rule
	scope scope
}

// ParseCondition compiles the expression.
func ParseCondition(text string) (*Condition, error) {
	lang, err := newLanguage()
	if err != nil {
		return nil, err
	}
	when, err := lang.compile(text)
	if err != nil {
		return nil, err
	}
	return &Condition{rule: rule{when: when}}, nil
}

// Holds says whether it is true of the event. An error says what about the event
// makes that unanswerable.
func (c *Condition) Holds(e *event.Event) (bool, error) {
	c.scope.reset(e, intent.Origin{})
	defer c.scope.forget()
	yes, err := c.rule.admits(&c.scope)
	if err != nil {
		return false, fmt.Errorf("condition on event %s of %s: %w", shorten(e.ID()), shorten(e.Source()), err)
	}
	return yes, nil
}
