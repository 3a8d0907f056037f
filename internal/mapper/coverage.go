package mapper

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// Coverage notes which rules have taken an event, and which parts of their `when` and
// their filters have decided so and otherwise: whatever stands between && and ||, the
// parts of ?:, and what stands in any and not, or is SQL, each of which can be true and
// false. Filters that match could say as well are no more counted than match.
//
// It has one owner.
type Coverage struct {
	rules   *Rules
	taken   []int          // events, by rule
	tracers []*tracer      // of when, by rule; nil: it has none
	seen    map[branch]int // events
}

// branch is a part of a rule's condition with one of its two values.
type branch struct {
	rule  int
	part  int64
	value bool
}

// Uncovered is what no event has shown yet.
type Uncovered struct {
	Rule         string
	Line, Column int
	Field        string // of the whole condition: when, filters[0]
	Text         string // of the part; empty: the rule has taken no event
	Value        bool   // that the part did not have
}

// String says it in a line.
func (u *Uncovered) String() string {
	if u.Text == "" {
		return fmt.Sprintf("rule %q took no event", u.Rule)
	}
	return fmt.Sprintf("rule %q: %s: %s was never %t", u.Rule, u.Field, u.Text, u.Value)
}

// NewCoverage returns a Coverage that has seen nothing.
func (r *Rules) NewCoverage() (*Coverage, error) {
	c := &Coverage{rules: r, taken: make([]int, len(r.rules)), tracers: make([]*tracer, len(r.rules)), seen: map[branch]int{}}
	for i, rule := range r.rules {
		for _, p := range rule.expressions {
			if p.field != "when" {
				continue
			}
			var err error
			if c.tracers[i], err = r.language.tracer(p, r.lines); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// Add notes an event, as Map takes it.
func (c *Coverage) Add(e *event.Event, o intent.Origin) {
	s := &scope{}
	s.reset(e, o)
	if v := c.rules.violation(s); v != nil && v.Action == ValidateReject {
		return
	}
	for i, rule := range c.rules.rules {
		v := rule.apply(s)
		if v.matched {
			c.taken[i]++
		}
		if v.unmet != matchCondition {
			for _, t := range rule.traceFilters(s) {
				c.see(i, t)
			}
		}
		if t := c.tracers[i]; t != nil && v.unmet != matchCondition && v.unmet != filtersCondition {
			c.see(i, t.run(s))
		}
		if (v.matched || v.failure != nil) && !rule.goOn {
			return
		}
	}
}

func (c *Coverage) see(rule int, t Trace) {
	for part := range deciding(t) {
		if !part.Unasked && part.Type == "bool" {
			c.seen[branch{rule, part.id, part.is(true)}]++
		}
	}
}

// deciding yields the parts that decide: operands, conditions and branches, or the
// whole where there are none.
func deciding(t Trace) func(yield func(*Trace) bool) {
	return func(yield func(*Trace) bool) {
		var walk func(t *Trace, asked bool) (inner, goOn bool)
		walk = func(t *Trace, asked bool) (bool, bool) {
			asked = asked && !t.Unasked
			inner := false
			for i := range t.Parts {
				has, goOn := walk(&t.Parts[i], asked)
				if inner = inner || has; !goOn {
					return inner, false
				}
			}
			if !t.decides || inner {
				return inner || t.decides, true
			}
			one := *t
			one.Unasked = !asked
			return true, yield(&one)
		}
		walk(&t, true)
	}
}

// Report returns how much there is to see, and what was not seen, in the order of
// the file.
func (c *Coverage) Report() (total int, missing []Uncovered) {
	for i, rule := range c.rules.rules {
		total++
		if c.taken[i] == 0 {
			missing = append(missing, Uncovered{Rule: rule.name, Line: rule.line, Column: rule.column})
		}
		conditions := rule.traceFilters(nil)
		if t := c.tracers[i]; t != nil {
			conditions = append(conditions, t.tree(nil))
		}
		for _, whole := range conditions {
			for part := range deciding(whole) {
				for _, value := range []bool{true, false} {
					total++
					if c.seen[branch{i, part.id, value}] == 0 {
						missing = append(missing, Uncovered{Rule: rule.name, Line: part.Line, Column: part.Column, Field: whole.Field, Text: part.Text, Value: value})
					}
				}
			}
		}
	}
	slices.SortStableFunc(missing, func(a, b Uncovered) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return total, missing
}
