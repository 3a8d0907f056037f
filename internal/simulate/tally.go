package simulate

import (
	"math"
	"slices"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
)

// problemsMax is how many dead letters a Report names: enough to see the pattern.
const problemsMax = 10

// tally counts while a run goes on. It keeps a delay of 8 bytes for every intent,
// for exact percentiles, and what was superseded until its successor has ended.
type tally struct {
	endless bool // a Stream's: there is no report, so only sums are kept

	location *time.Location
	from, to time.Time

	events, intents int
	ends            Ends

	calls, covered, maxCovered, overlaps int

	why   map[string]int
	hours []Hour

	fates    [intent.Critical + 1]fate
	rules    byRule
	timeline timeline
	heirs    map[heirKey][]aged
	problems []Problem
}

// fate is how the intents of one priority fared so far.
type fate struct {
	delays      []time.Duration
	late, never int
}

// heirKey finds what an intent superseded. Position alone would mix up the
// intents of one event under several rules.
type heirKey struct {
	line int64
	key  string
}

// aged is a superseded intent whose successor has not ended.
type aged struct {
	received time.Time
	maxDelay time.Duration
	priority intent.Priority
	rule     *ruleTally
}

func newTally(location *time.Location, rules []string) tally {
	if location == nil {
		location = time.UTC
	}
	return tally{
		location: location, why: make(map[string]int), heirs: make(map[heirKey][]aged),
		rules: newByRule(rules), timeline: timeline{location: location},
	}
}

func (t *tally) arrived(at time.Time) {
	t.events++
	if t.from.IsZero() {
		t.from = at
	}
	t.to = at
}

func (t *tally) deadLetter(line int64, err error) {
	t.ends.DeadLettered++
	t.rules.failed(err)
	if len(t.problems) < problemsMax {
		t.problems = append(t.problems, Problem{Line: line, Err: err})
	}
}

func (t *tally) called(c *Call) {
	t.calls++
	t.covered += len(c.Batch.Covers)
	t.maxCovered = max(t.maxCovered, len(c.Batch.Covers))
	t.why[c.Batch.Why.String()]++
	if c.Batch.Overlap {
		t.overlaps++
	}
	if t.endless {
		return
	}

	t.rules.called(c)
	start := hourOf(c.Sent, t.location)
	if last := len(t.hours) - 1; last < 0 || !t.hours[last].Start.Equal(start) {
		t.hours = append(t.hours, Hour{Start: start})
	}
	t.hours[len(t.hours)-1].Calls++
}

// ended counts an intent's end and that of all that it superseded.
func (t *tally) ended(e *limiter.Ended, by *Call) {
	if t.endless {
		return
	}
	o, p := &e.Intent.Origin, &e.Intent.Policy
	this := aged{received: o.Received, maxDelay: p.MaxDelay, priority: p.Priority, rule: t.rules.of(e.Intent.Rule)}
	own := heirKey{o.Position.Offset, p.Key}
	t.rules.ended(e)
	switch e.Kind {
	case limiter.EndDuplicate:
		t.ends.Duplicate++
		return
	case limiter.EndSuperseded:
		t.ends.Superseded++
		by := heirKey{e.By.Position.Offset, p.Key}
		// The longer list takes the other in, so that a thousand revisions of one
		// thing are not copied a thousand times.
		long, short := t.heirs[own], t.heirs[by]
		if len(short) > len(long) {
			long, short = short, long
		}
		t.heirs[by] = append(append(long, short...), this)
	case limiter.EndPushed:
		t.ends.Pushed++
		t.pushed(this, by.Sent)
		for _, a := range t.heirs[own] {
			t.pushed(a, by.Sent)
		}
	case limiter.EndExpired:
		t.ends.Expired++
		t.missed(this)
		for _, a := range t.heirs[own] {
			t.missed(a)
		}
	case limiter.EndRejected:
		panic("simulate: a call was refused, and every answer is ok")
	}
	if len(t.heirs) > 0 {
		delete(t.heirs, own)
	}
}

func (t *tally) pushed(a aged, sent time.Time) {
	delay := wholeMillisecond(sent).Sub(a.received) // as the log has it
	t.fates[a.priority].pushed(delay, a.maxDelay)
	a.rule.fate.pushed(delay, a.maxDelay)
}

func (t *tally) missed(a aged) {
	t.fates[a.priority].never++
	a.rule.fate.never++
}

// report is called once, at the end of the run.
func (t *tally) report(lanes []*lane, end time.Time) Report {
	// A successor that was no longer pending would leave its heirs behind.
	for _, all := range t.heirs {
		for _, a := range all {
			t.missed(a)
		}
	}
	r := Report{
		From: t.from, To: t.to, Events: t.events, Intents: t.intents, Ends: t.ends,
		Calls: t.calls, Covered: t.covered, MaxCovered: t.maxCovered, Overlaps: t.overlaps, Why: t.why, Hours: t.hours, Problems: t.problems,
		Rules: t.rules.report(), Timeline: t.timeline.moments,
	}
	if end.After(r.To) {
		r.To = end
	}
	for _, p := range intent.Priorities {
		if f := &t.fates[p]; len(f.delays)+f.never > 0 {
			r.Priorities = append(r.Priorities, Priority{
				Priority: p, Intents: len(f.delays) + f.never, Late: f.late, Never: f.never, Delay: delayOf(f.delays),
			})
		}
	}
	for _, l := range lanes {
		r.Worst24h = max(r.Worst24h, l.worst)
		r.Lanes = append(r.Lanes, Lane{Name: l.name, Quota: l.quota, Calls: l.calls, Worst24h: l.worst, WorstDay: l.worstDay})
	}
	return r
}

// delayOf sorts the delays.
func delayOf(delays []time.Duration) Delay {
	if len(delays) == 0 {
		return Delay{}
	}
	slices.Sort(delays)
	var sum float64 // a Duration would overflow at a million delays of three hours
	for _, d := range delays {
		sum += float64(d)
	}
	n := len(delays)
	rank := func(q float64) time.Duration { return delays[int(math.Ceil(q*float64(n)))-1] }
	return Delay{Mean: time.Duration(sum / float64(n)), P50: rank(0.5), P99: rank(0.99), Max: delays[n-1]}
}
