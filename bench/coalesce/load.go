package main

import (
	"bytes"
	"fmt"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/internal/simulate"
)

// ask is one event of a trace, as the rules understand it. Instants count from
// the trace's start.
type ask struct {
	name string // source#id
	in   intent.Intent

	arrived, due, dies time.Duration
	happened           time.Time // by the event itself: what "newest" means
	weight             float64

	// waitsFor are the older revisions that it superseded while they were
	// pending. They are late for as long as it is.
	waitsFor []*ask
}

// trace is what the rules make of a file of events.
type trace struct {
	start time.Time // what instants count from
	asks  []*ask    // without repeats, in the order of their arrival
	total float64   // weight of all asks

	arrivals []simulate.Arrival // the events themselves, repeats and all
}

// weight is what losing one event costs, in points (one point: 1 USD).
func weight(p intent.Priority) float64 {
	switch p {
	case intent.Critical:
		return 100
	case intent.High:
		return 10
	case intent.Normal:
		return 1
	case intent.Low:
		return 0.2
	}
	panic(fmt.Sprintf("coalesce: priority %d has no weight", p))
}

// load maps the events with the real mapper. It refuses what a figure could not
// be fair about: an event that a rule fails on, that two rules want, or that a
// gate holds back, which the baselines know nothing of.
func load(raw []byte, rules *mapper.Rules) (*trace, error) {
	t := &trace{}
	seen := map[string]bool{}
	n := 0
	for text := range bytes.Lines(raw) {
		n++
		a, err := t.read(text, rules)
		if err != nil {
			return nil, fmt.Errorf("read the trace: line %d: %w", n, err)
		}
		if a == nil || seen[a.name] {
			continue
		}
		if k := len(t.asks); k > 0 && a.arrived < t.asks[k-1].arrived {
			return nil, fmt.Errorf("read the trace: line %d: arrived before the line above", n)
		}
		seen[a.name] = true
		t.asks = append(t.asks, a)
		t.total += a.weight
	}
	return t, nil
}

// read returns nil for an event that no rule wants.
func (t *trace) read(line []byte, rules *mapper.Rules) (*ask, error) {
	e, err := consume.ParseEvent(line)
	if err != nil {
		return nil, err
	}
	at := e.Time()
	if text, ok := e.Extensions()["recordedtime"].(string); ok {
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return nil, fmt.Errorf("recordedtime: %w", err)
		}
	}
	if t.start.IsZero() {
		t.start = at.UTC().Truncate(day)
	}
	t.arrivals = append(t.arrivals, simulate.Arrival{Line: int64(len(t.arrivals) + 1), At: at, Event: e})
	m := rules.Map(e, intent.Origin{Source: e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: at})
	switch {
	case len(m.Failures) > 0:
		return nil, m.Failures[0]
	case len(m.Intents) == 0:
		return nil, nil
	case len(m.Intents) > 1:
		return nil, fmt.Errorf("event %s: %d rules want it, the log can name one", e.ID(), len(m.Intents))
	case m.Intents[0].Policy.Gate != nil || m.Intents[0].Policy.Suppresses != nil:
		return nil, fmt.Errorf("rule %s: has a gate, which the baselines do not know", m.Intents[0].Rule)
	}
	in := m.Intents[0]
	arrived := at.Sub(t.start)
	return &ask{
		name: e.Source() + "#" + e.ID(), in: in,
		arrived: arrived, due: arrived + in.Policy.MaxDelay, dies: in.Policy.Expires.Sub(t.start),
		happened: e.Time(), weight: weight(in.Policy.Priority),
	}, nil
}

// loss is what pushing at the instant has lost of the ask by then: a tenth of its
// weight until it is due, a fifth more at once, and all of it when it expires.
func (a *ask) loss(at time.Duration) float64 {
	switch {
	case at <= a.arrived:
		return 0
	case at <= a.due:
		return 0.1 * a.weight * (at - a.arrived).Seconds() / (a.due - a.arrived).Seconds()
	case at < a.dies:
		return a.weight * (0.3 + 0.7*(at-a.due).Seconds()/(a.dies-a.due).Seconds())
	default:
		return a.weight
	}
}

// revises says what the ask is a revision of; false where its rule has no keys.
func (a *ask) revises() (revision, bool) {
	p := a.in.Policy
	if p.Mode != intent.Latest {
		return revision{}, false
	}
	if p.Scope == "" {
		return revision{a.in.Rule, p.Key}, true
	}
	return revision{p.Scope, p.Key}, true
}

// revision names what several asks are versions of.
type revision struct{ scope, key string }

// pieces are what of the ask one call can carry: all of it, except where its tags
// are too many for one condition.
func (a *ask) pieces() []*piece {
	all := make([]*piece, len(a.in.Audiences))
	for i, who := range a.in.Audiences {
		all[i] = &piece{ask: a, audience: who, share: 1 / float64(len(a.in.Audiences))}
	}
	return all
}

// piece is an ask, or the part of it that goes to one audience.
type piece struct {
	ask      *ask
	audience audience.Audience
	share    float64 // of the ask's weight
	unit     *unit   // where it is pending; nil: nowhere
}
