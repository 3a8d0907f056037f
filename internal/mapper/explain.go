package mapper

import (
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// Finding is how one rule took an event.
type Finding uint8

// The findings.
const (
	Matched Finding = iota + 1
	Failed
	NotMatched
	// NotAsked is a rule after one that matched or failed without `continue`.
	NotAsked
)

// String returns the word that people and JSON read.
func (f Finding) String() string {
	switch f {
	case Matched:
		return "matched"
	case Failed:
		return "failed"
	case NotMatched:
		return "not matched"
	case NotAsked:
		return "not asked"
	}
	return fmt.Sprintf("Finding(%d)", uint8(f))
}

// Step is one rule's answer to an event.
type Step struct {
	Rule    string
	Finding Finding
	Why     string        // where it did not match or was not asked
	Intent  intent.Intent // where it matched
	Failure *RuleError    // where it failed
}

// Explain says of every rule, in the file's order, how it takes the event. What
// matched and failed is what Map returns; where the event's data is rejected, no
// rule is asked.
func (r *Rules) Explain(e *event.Event, o intent.Origin) []Step {
	s := &scope{}
	s.reset(e, o)
	steps := make([]Step, 0, len(r.rules))
	decided := "" // the rule after which no other is asked
	rejected := r.violation(s)
	for _, rule := range r.rules {
		step := Step{Rule: rule.name, Finding: NotAsked, Why: fmt.Sprintf("rule %q decided, without continue", decided)}
		if rejected != nil && rejected.Action == ValidateReject {
			step.Why = rejected.Error()
		} else if decided == "" {
			step = rule.explain(s)
		}
		if (step.Finding == Matched || step.Finding == Failed) && !rule.goOn {
			decided = rule.name
		}
		steps = append(steps, step)
	}
	return steps
}

func (r *rule) explain(s *scope) Step {
	v := r.apply(s)
	step := Step{Rule: r.name, Failure: v.failure}
	switch {
	case v.failure != nil:
		step.Finding = Failed
	case v.matched:
		step.Finding, step.Intent = Matched, v.intent
	default:
		step.Finding, step.Why = NotMatched, r.why(v, s)
	}
	return step
}

// why says what kept the event from the rule.
func (r *rule) why(v verdict, s *scope) string {
	switch v.unmet {
	case matchCondition:
		return s.told(v.attribute)
	case filtersCondition:
		return v.filter.why(s)
	case whenCondition:
		return "when is false: " + shorten(r.when.source)
	}
	panic("mapper: a rule that did not match, for no reason")
}
