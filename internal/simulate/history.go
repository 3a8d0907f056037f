package simulate

import (
	"cmp"
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// History is all that happened in a run, in memory: some 300 bytes an event beside
// its texts.
type History struct {
	Calls    []Call
	Outcomes []Outcome // in the order of lines, then of rules, once Sort was called

	carried map[carriedKey]int
}

// Outcome is how one event ended under one rule, and what the rule made of it.
type Outcome struct {
	Line        int64
	Name        string    // source#id; empty: it is no event
	Received    time.Time // zero: it is no event
	Rule        string    // empty: none took it
	Priority    intent.Priority
	Audiences   []audience.Audience // several where it needs several calls
	Message     intent.Message
	Disposition string
	At          time.Time
	Call        int       // the number of the call that carried it, or the last part of it; 0: none did
	Calls       int       // that carried something of it
	Sent        time.Time // when that was sent
	By          int64     // the line of what superseded it
	Reason      string
}

// carriedKey is an event under a rule that calls carry in parts.
type carriedKey struct {
	line int64
	rule string
}

// Watch writes a run down.
func (h *History) Watch() Watch {
	h.carried = make(map[carriedKey]int)
	return Watch{Call: h.called, End: h.ended}
}

func (h *History) called(c Call) {
	h.Calls = append(h.Calls, c)
	for i := range c.Batch.Covers {
		if in := c.Batch.Covers[i].Intent; len(in.Audiences) > 1 {
			h.carried[carriedKey{in.Origin.Position.Offset, in.Rule}]++
		}
	}
}

func (h *History) ended(e End) {
	o := Outcome{Line: e.Line, Rule: e.Rule, Disposition: e.Disposition, At: e.At, Call: e.Call, Sent: e.Sent, By: e.By, Reason: e.Reason}
	if e.Origin != nil {
		o.Name, o.Received = nameOf(e.Origin), e.Origin.Received
	}
	if e.Call > 0 {
		o.Calls = 1
	}
	if in := e.Intent; in != nil {
		o.Priority, o.Audiences, o.Message = in.Policy.Priority, in.Audiences, in.Message
		if len(in.Audiences) > 1 {
			key := carriedKey{e.Line, e.Rule}
			o.Calls = h.carried[key]
			delete(h.carried, key)
		}
	}
	h.Outcomes = append(h.Outcomes, o)
}

// Sort puts the outcomes of each event together.
func (h *History) Sort() {
	slices.SortStableFunc(h.Outcomes, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
}
