package mapper

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"pushbridge/internal/intent"
)

var (
	frequencyKeys  = keys{known: []string{"at_most", "per"}}
	suppressesKeys = keys{known: []string{"pool", "for"}}
)

// maxMemory bounds what a frequency and a suppression look back on: the journal
// gives the calls of 24 hours back after a restart, not those before.
const maxMemory = 24 * time.Hour

// gates makes equal gates one pointer, which is how the limiter compares them,
// also those of rules that follow each other: what waits under the old ones shares
// its call with what comes under the new. What is kept is a cache of values that
// follow from the rules and the event: it decides nothing.
type gates struct {
	mu        sync.Mutex
	known     map[intent.Gate]*intent.Gate
	timed     int                         // of known: those with NotBefore
	calendars map[string]*intent.Calendar // by what they are made of
}

// maxTimed bounds the gates with a clock time that are kept. A digest has one a
// day, and what waits is younger than that by far; past it the earliest goes.
const maxTimed = 1024

func newGates() *gates {
	return &gates{known: map[intent.Gate]*intent.Gate{}, calendars: map[string]*intent.Calendar{}}
}

// calendar returns the one pointer of a calendar that is made of this.
func (g *gates) calendar(of string, c *intent.Calendar) *intent.Calendar {
	g.mu.Lock()
	defer g.mu.Unlock()
	if known := g.calendars[of]; known != nil {
		return known
	}
	g.calendars[of] = c
	return c
}

// one returns the pointer of the value, nil of a gate that holds nothing back.
func (g *gates) one(value intent.Gate) *intent.Gate {
	if value == (intent.Gate{}) {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.known[value]; p != nil {
		return p
	}
	if !value.NotBefore.IsZero() {
		if g.timed == maxTimed {
			g.dropEarliest()
		}
		g.timed++
	}
	p := &value
	g.known[value] = p
	return p
}

func (g *gates) dropEarliest() {
	var first intent.Gate
	for v := range g.known {
		if !v.NotBefore.IsZero() && (first.NotBefore.IsZero() || v.NotBefore.Before(first.NotBefore)) {
			first = v
		}
	}
	delete(g.known, first)
	g.timed--
}

// clock is a digest's `at`.
type clock struct {
	hour, minute int
	location     *time.Location
	held         intent.Gate // what else holds it back
	gates        *gates
}

// gate returns the gate of an event that arrived then.
func (c *clock) gate(received time.Time) *intent.Gate {
	g := c.held
	// A canonical value: gates are compared with ==, and zones and monotonic
	// readings would make one instant many.
	g.NotBefore = intent.NextAt(received, c.hour, c.minute, c.location).Round(0).UTC()
	return c.gates.one(g)
}

// frequency compiles `frequency`.
func (l *loader) frequency(n *node, field string) intent.Frequency {
	if l.fields(n, field, frequencyKeys) == nil {
		return intent.Frequency{}
	}
	var f intent.Frequency
	var some, per bool
	if v := n.get("at_most"); v != nil {
		f.Calls, some = l.calls(v, join(field, "at_most"), 1)
	} else {
		l.refuse(n, join(field, "at_most"), "it is missing", "write {at_most: 3, per: 24h}")
	}
	if v := n.get("per"); v != nil {
		f.Per, per = l.remembered(v, join(field, "per"))
	} else {
		l.refuse(n, join(field, "per"), "it is missing", "write {at_most: 3, per: 24h}")
	}
	if !some || !per {
		return intent.Frequency{}
	}
	return f
}

// remembered reads a duration that calls are remembered for.
func (l *loader) remembered(n *node, field string) (time.Duration, bool) {
	d, ok := l.duration(n, field)
	if ok && (d == 0 || d > maxMemory) {
		l.refuse(n, field, fmt.Sprintf("%s: want more than 0, at most 24h", n.text), "calls are remembered for a day")
		return 0, false
	}
	return d, ok
}

// suppresses compiles `suppresses` of a rule that draws on a pool of the lane.
func (l *loader) suppresses(n *node, field, lane, pool string) *intent.Suppression {
	if l.fields(n, field, suppressesKeys) == nil {
		return nil
	}
	var s intent.Suppression
	var whom, long bool
	if v := n.get("pool"); v == nil {
		l.refuse(n, join(field, "pool"), "it is missing", "say whom: {pool: marketing, for: 15m}")
	} else if s.Pool, whom = l.knownPool(v, join(field, "pool"), lane); whom && s.Pool == pool {
		l.refuse(v, join(field, "pool"), "the rule draws on this pool: it would hold itself back", "give the rule another pool")
	}
	if v := n.get("for"); v == nil {
		l.refuse(n, join(field, "for"), "it is missing", "say how long: {pool: marketing, for: 15m}")
	} else {
		s.For, long = l.remembered(v, join(field, "for"))
	}
	if !whom || !long {
		return nil
	}
	return &s
}

// active reads a list of names of time_intervals, in which it is open.
func (l *loader) active(n *node, field string) *intent.Calendar {
	if n.kind != listNode || len(n.items) == 0 {
		l.refuse(n, field, fmt.Sprintf("want a list of names of time_intervals, got %s", n), "write [daytime]")
		return nil
	}
	before := l.refused
	var names []string
	for i, item := range n.items {
		at := index(field, i)
		name, ok := l.text(item, at)
		switch {
		case !ok:
		case slices.Contains(names, name):
			l.refuse(item, at, fmt.Sprintf("%s is there twice", name), "keep one")
		case !slices.Contains(l.intervals.names, name):
			l.unknown(item, at, reference{"time interval", name, l.intervals.names, "write it under time_intervals"})
		}
		names = append(names, name)
		l.intervals.used[name] = true
	}
	if l.refused > before {
		return nil
	}
	return l.intervals.union(names).calendar
}
