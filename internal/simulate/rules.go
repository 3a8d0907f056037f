package simulate

import (
	"errors"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
)

// Rule is what one rule's events came to.
type Rule struct {
	Rule     string
	Priority intent.Priority // zero where no event came to it
	Intents  int             // what its events asked for, repeats not counted
	Ends     Ends            // Unmatched is always 0
	Late     int             // pushed after max_delay
	Delay    Delay           // of what was pushed, as in Priority

	Calls   int // that carried something of it; one that several rules share counts for each
	Covered int // intents that they carried, or parts of them
}

// Missed is what was not pushed within max_delay.
func (r *Rule) Missed() int { return r.Late + r.Ends.Expired }

// MergeFactor is how many of its intents one of its calls carried; 0: it had none.
func (r *Rule) MergeFactor() float64 { return float64(r.Covered) / float64(max(1, r.Calls)) }

// ruleTally counts for one rule.
type ruleTally struct {
	Rule
	fate     fate
	lastCall int // the number of the last call that carried something of it
}

// byRule counts for all rules, in the order of their file.
type byRule struct {
	all    []*ruleTally
	byName map[string]*ruleTally
	recent *ruleTally // the last one asked for; often the next
}

func newByRule(names []string) byRule {
	b := byRule{byName: make(map[string]*ruleTally, len(names))}
	for _, name := range names {
		r := &ruleTally{Rule: Rule{Rule: name}}
		b.all, b.byName[name] = append(b.all, r), r
	}
	return b
}

func (b *byRule) of(name string) *ruleTally {
	if b.recent == nil || b.recent.Rule.Rule != name {
		b.recent = b.byName[name]
	}
	return b.recent
}

// failed counts an event that a rule failed on.
func (b *byRule) failed(cause error) {
	if f, ok := errors.AsType[*mapper.RuleError](cause); ok {
		if r := b.of(f.Rule); r != nil { // a schema's verdict is no rule's
			r.Ends.DeadLettered++
		}
	}
}

func (b *byRule) called(c *Call) {
	for i := range c.Batch.Covers {
		r := b.of(c.Batch.Covers[i].Intent.Rule)
		r.Covered++
		if r.lastCall != c.Number {
			r.lastCall = c.Number
			r.Calls++
		}
	}
}

func (b *byRule) ended(e *limiter.Ended) {
	r := b.of(e.Intent.Rule)
	r.Priority = e.Intent.Policy.Priority
	switch e.Kind {
	case limiter.EndDuplicate:
		r.Ends.Duplicate++
	case limiter.EndSuperseded:
		r.Ends.Superseded++
	case limiter.EndPushed:
		r.Ends.Pushed++
	case limiter.EndExpired:
		r.Ends.Expired++
	case limiter.EndRejected:
	}
}

// report is called once, at the end of the run.
func (b *byRule) report() []Rule {
	rules := make([]Rule, len(b.all))
	for i, r := range b.all {
		r.Intents, r.Late, r.Delay = len(r.fate.delays)+r.fate.never, r.fate.late, delayOf(r.fate.delays)
		rules[i] = r.Rule
	}
	return rules
}

// pushed counts something that was pushed so long after its arrival.
func (f *fate) pushed(delay, maxDelay time.Duration) {
	f.delays = append(f.delays, delay)
	if delay > maxDelay {
		f.late++
	}
}
