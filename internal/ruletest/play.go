package ruletest

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
	"pushbridge/internal/simulate"
)

// What a test's day is like. Answers are quick and all alike, so that a test is
// about its rules.
const (
	quota    = 100 // calls, where neither test nor rules say it
	interval = time.Second
	latency  = 100 * time.Millisecond
	settle   = 2 * time.Second

	maxRequestBytes = 8000 // what bridge run takes where its environment says nothing

	dedupWindow = 24 * time.Hour
	dedupMax    = 1_000_000
)

// played is what became of a test's events.
type played struct {
	start time.Time
	calls []simulate.Call
	ends  []simulate.End
	looks []simulate.Look
}

// play runs the records through the mapper and the scheduler. Line n of what it
// returns is inputs[n-1].
func (t *test) play(rules *mapper.Rules, inputs []input, looks []time.Time) (played, error) {
	p := played{start: t.start}
	c := simulate.Config{
		Rules: rules, Lanes: rules.Lanes(), Settle: settle,
		Latency:         simulate.Latency{Min: latency, Max: latency},
		MaxRequestBytes: maxRequestBytes, DedupWindow: dedupWindow, DedupMax: dedupMax,
		Watch: simulate.Watch{
			Call: func(c simulate.Call) { p.calls = append(p.calls, c) },
			End:  func(e simulate.End) { p.ends = append(p.ends, e) },
			At:   looks,
			Look: func(l simulate.Look) { p.looks = append(p.looks, l) },
		},
	}
	for i := range c.Lanes {
		terms := &c.Lanes[i].Terms
		terms.Interval = interval
		if calls, ok := t.quotas[c.Lanes[i].Name]; ok {
			terms.Calls = calls
		}
		if terms.Calls == 0 {
			terms.Calls = quota
		}
	}
	for lane := range t.quotas {
		if !slices.ContainsFunc(c.Lanes, func(l mapper.Lane) bool { return l.Name == lane }) {
			return p, fmt.Errorf("quota: the rules have no lane %q", lane)
		}
	}
	_, err := simulate.Run(c, t.arrivals(inputs))
	slices.SortStableFunc(p.ends, func(a, b simulate.End) int { return int(a.Line - b.Line) })
	return p, err
}

func (t *test) arrivals(inputs []input) iter.Seq2[simulate.Arrival, error] {
	return func(yield func(simulate.Arrival, error) bool) {
		for i := range inputs {
			a := simulate.Arrival{Line: int64(i + 1), At: t.start.Add(inputs[i].at)}
			a.Event, a.Err = consume.ParseEvent(inputs[i].raw)
			if !yield(a, nil) {
				return
			}
		}
	}
}

// moments are the instants at which it may matter what waits: when an event has
// just come, and when a time that was expected has come.
func (t *test) moments() []time.Time {
	var all []time.Time
	for _, in := range t.events {
		all = append(all, t.start.Add(in.at+time.Millisecond))
	}
	for _, c := range t.calls {
		for _, k := range c.keys {
			if !k.at.IsZero() {
				all = append(all, k.at)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// originAt is where an event comes from, as simulate says it.
func (t *test) originAt(e *event.Event, after time.Duration) intent.Origin {
	o := intent.Origin{
		Position: offset.Position{Offset: 1}, Source: e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: t.start.Add(after),
	}
	if o.Time.IsZero() {
		o.Time = o.Received
	}
	return o
}
