package shadow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"pushbridge/internal/simulate"
)

const (
	examplesMax  = 20
	askTextMax   = 200
	tellBurst    = 60          // differences that may be told at once,
	tellEvery    = time.Minute // and as many again in each
	summaryEvery = 5 * time.Minute
	day          = 24 * time.Hour
)

// comparison is two files under the same events.
type comparison struct {
	plan                    Plan
	maxOpen                 int
	since                   time.Time
	now                     time.Time
	line                    int64
	sides                   [2]*side // live, candidate
	open                    map[int64]*pending
	left                    int64 // out, because too many were open
	events                  int64
	differing, told, untold int64
	by                      map[string]int64
	examples                []Difference
	found                   []Told

	tokens    int
	refilled  time.Time
	summaryAt time.Time // when the next one is told
	summedAt  time.Time // when the Status was made
	shown     int64     // events in the last summary
}

// side is one file, simulated.
type side struct {
	stream *simulate.Stream
	calls  int64
	sent   []time.Time // of the last 24 hours
	ends   map[string]int64
	pushed int64
	delays time.Duration
}

// pending is an event that has not ended under both files.
type pending struct {
	difference Difference
	asked      [2]int // ends that are still to come; -1: not known yet
	asks       [2][]Ask
}

func newComparison(cfg Config, p Plan, now time.Time) (*comparison, error) {
	c := &comparison{
		plan: p, maxOpen: cfg.MaxOpen, since: now, now: now, open: make(map[int64]*pending), by: make(map[string]int64),
		tokens: tellBurst, refilled: now, summaryAt: now.Add(summaryEvery),
	}
	for n, of := range []Side{p.Live, p.Candidate} {
		s := &side{ends: make(map[string]int64)}
		sim := cfg.Simulate
		sim.Rules, sim.Lanes = of.Rules, of.Lanes
		sim.Watch = simulate.Watch{Call: s.called, End: func(e simulate.End) { c.ended(n, &e) }}
		var err error
		if s.stream, err = simulate.NewStream(sim); err != nil {
			return nil, fmt.Errorf("simulate rules %s: %w", of.Rules.Version(), err)
		}
		c.sides[n] = s
	}
	return c, nil
}

func (s *side) called(call simulate.Call) {
	s.calls++
	s.sent = append(s.sent, call.Sent)
}

// take plays an event by both files.
func (c *comparison) take(f fed) error {
	if len(c.open) >= c.maxOpen {
		c.left++
		return c.pass(f.at)
	}
	c.tellTime(f.at)
	c.events++
	c.line++
	p := &pending{difference: Difference{
		Position: f.position, Topic: f.position.Topic, Partition: f.position.ID, Offset: f.position.Offset,
		EventSource: f.event.Source(), EventID: f.event.ID(), EventType: f.event.Type(),
	}, asked: [2]int{-1, -1}}
	c.open[c.line] = p
	for n, s := range c.sides {
		asked, err := s.stream.Arrive(simulate.Arrival{Line: c.line, At: c.now, Event: f.event})
		if err != nil {
			return fmt.Errorf("event %s#%s: %w", f.event.Source(), f.event.ID(), err)
		}
		p.asked[n] = asked
	}
	c.settle(c.line, p)
	return nil
}

// pass lets time go on.
func (c *comparison) pass(now time.Time) error {
	c.tellTime(now)
	for _, s := range c.sides {
		if err := s.stream.Pass(c.now); err != nil {
			return err
		}
	}
	return nil
}

// tellTime notes the time, which never goes back.
func (c *comparison) tellTime(now time.Time) {
	if now.After(c.now) {
		c.now = now
	}
	for c.now.Sub(c.refilled) >= tellEvery {
		c.tokens, c.refilled = tellBurst, c.now
	}
}

// ended takes in how an event ended under a rule of one file.
func (c *comparison) ended(n int, e *simulate.End) {
	s := c.sides[n]
	s.ends[e.Disposition]++
	if e.Disposition == "pushed" {
		s.pushed++
		s.delays += max(0, e.Sent.Sub(e.Origin.Received))
	}
	p := c.open[e.Line]
	if p == nil {
		return
	}
	ask := Ask{Rule: e.Rule, Disposition: e.Disposition, Reason: clip(e.Reason)}
	if in := e.Intent; in != nil {
		for _, a := range in.Audiences {
			ask.who += a.String()
		}
		ask.Audience = clip(ask.who)
		ask.Text, ask.Priority, ask.Lane = clip(in.Message.Text()), in.Policy.Priority.String(), in.Policy.Lane
		if text, err := json.Marshal(in.Message); err == nil {
			ask.message = string(text)
		}
	}
	p.asks[n] = append(p.asks[n], ask)
	c.settle(e.Line, p)
}

// settle compares an event that has ended under both files.
func (c *comparison) settle(line int64, p *pending) {
	for n := range p.asks {
		if p.asked[n] < 0 || len(p.asks[n]) < p.asked[n] {
			return
		}
	}
	delete(c.open, line)
	for n := range p.asks {
		slices.SortFunc(p.asks[n], func(a, b Ask) int { return cmp.Compare(a.Rule, b.Rule) })
	}
	d := p.difference
	d.Live, d.Shadow = p.asks[0], p.asks[1]
	if d.Differs = differs(d.Live, d.Shadow); len(d.Differs) == 0 {
		return
	}
	c.differing++
	for _, what := range d.Differs {
		c.by[what]++
	}
	c.examples = append(c.examples, d)
	if len(c.examples) > examplesMax {
		c.examples = c.examples[1:]
	}
	if c.tokens == 0 {
		c.untold++
		return
	}
	c.tokens--
	c.told++
	c.found = append(c.found, Told{
		Difference: &d, At: c.now, RulesVersion: c.plan.Live.Rules.Version(), ShadowVersion: c.plan.Candidate.Rules.Version(),
	})
}

// differs says what is not the same, in the order of Differences. Both are sorted by
// rule. Of events that other rules take, only that is said.
func differs(a, b []Ask) []string {
	if !slices.EqualFunc(a, b, func(x, y Ask) bool { return x.Rule == y.Rule }) {
		all := []string{"rule"}
		if !slices.EqualFunc(a, b, func(x, y Ask) bool { return x.Disposition == y.Disposition }) {
			all = append(all, "disposition")
		}
		return all
	}
	found := map[string]bool{}
	for i := range a {
		x, y := &a[i], &b[i]
		if (x.who == "") != (y.who == "") { // the rule failed in one of them, and so asked for nothing
			found["disposition"] = true
			continue
		}
		for what, same := range map[string]bool{
			"audience": x.who == y.who, "message": x.message == y.message, "priority": x.Priority == y.Priority,
			"lane": x.Lane == y.Lane, "disposition": x.Disposition == y.Disposition,
		} {
			found[what] = found[what] || !same
		}
	}
	return slices.DeleteFunc(slices.Clone(Differences), func(what string) bool { return !found[what] })
}

// summaryDue says whether a summary is to be told: now and then, if anything came.
func (c *comparison) summaryDue(now time.Time) bool {
	if now.Before(c.summaryAt) {
		return false
	}
	c.summaryAt = now.Add(summaryEvery)
	if c.events == c.shown {
		return false
	}
	c.shown = c.events
	return true
}

// summary is the Status now.
func (c *comparison) summary(now time.Time, skipped int64) *Status {
	return &Status{
		State: StateComparing, RulesVersion: c.plan.Live.Rules.Version(), ShadowVersion: c.plan.Candidate.Rules.Version(), Since: c.since.UTC(),
		Events: c.events, Skipped: skipped + c.left, Open: len(c.open), Differing: c.differing, DifferencesTold: c.told, DifferencesUnsaid: c.untold,
		By: maps.Clone(c.by), Live: c.sides[0].outcome(now), Shadow: c.sides[1].outcome(now), Examples: slices.Clone(c.examples),
	}
}

func (s *side) outcome(now time.Time) Outcome {
	old := 0
	for old < len(s.sent) && now.Sub(s.sent[old]) > day {
		old++
	}
	s.sent = s.sent[old:]
	o := Outcome{Calls: s.calls, CallsDay: len(s.sent), Ends: maps.Clone(s.ends)}
	if s.pushed > 0 {
		o.MeanDelay = (s.delays / time.Duration(s.pushed)).Seconds()
	}
	return o
}

// clip bounds what people are shown.
func clip(s string) string {
	if r := []rune(s); len(r) > askTextMax {
		return string(r[:askTextMax]) + "…"
	}
	return s
}
