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

	Filters []Trace // all must hold; nil: the rule has none, or match kept the event away
	When    *Trace  // nil: the rule has none, or what stands before it kept the event away
	Values  []Trace // of the other expressions, where the rule wanted the event
}

// Explained is how the rules take an event.
type Explained struct {
	// Violation is how the data breaks the schema of its type, where the rules want
	// that looked at. If they reject what does, no rule is asked.
	Violation *SchemaError
	Steps     []Step // of every rule, in the file's order
}

// Explain says of every rule how it takes the event, and what each expression came
// to. What matched and failed is what Map returns.
func (r *Rules) Explain(e *event.Event, o intent.Origin) Explained {
	s := &scope{}
	s.reset(e, o)
	var out Explained
	decided := "" // why no other rule is asked
	if out.Violation = r.violation(s); out.Violation != nil && out.Violation.Action == ValidateReject {
		decided = out.Violation.Error()
	}
	for _, rule := range r.rules {
		step := Step{Rule: rule.name, Finding: NotAsked, Why: decided}
		if decided == "" {
			step = r.explain(rule, s)
		}
		if (step.Finding == Matched || step.Finding == Failed) && !rule.goOn {
			decided = fmt.Sprintf("rule %q decided, without continue", rule.name)
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

func (r *Rules) explain(rule *rule, s *scope) Step {
	v := rule.apply(s)
	step := Step{Rule: rule.name, Failure: v.failure}
	switch {
	case v.failure != nil:
		step.Finding = Failed
	case v.matched:
		step.Finding, step.Intent = Matched, v.intent
	default:
		step.Finding, step.Why = NotMatched, rule.why(v, s)
	}
	if v.unmet == matchCondition {
		return step
	}
	step.Filters = rule.traceFilters(s)
	if v.unmet == filtersCondition {
		return step
	}
	for _, p := range rule.expressions {
		switch {
		case p.field == "when":
			step.When = new(r.trace(p, s))
		case step.Finding == Matched, step.Finding == Failed && step.Failure.Field != "when":
			step.Values = append(step.Values, r.trace(p, s))
		}
	}
	return step
}

// trace evaluates one expression.
func (r *Rules) trace(p placed, s *scope) Trace {
	t, err := r.language.tracer(p, r.lines)
	if err != nil {
		return Trace{Field: p.field, Text: p.expr.source, Error: err.Error()}
	}
	return t.run(s)
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
