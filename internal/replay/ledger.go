package replay

import (
	"iter"
	"maps"
	"slices"
	"time"

	"pushbridge/internal/offset"
)

// End is how an event ended under one rule, when it came for the first time or again.
type End struct {
	Of      offset.Position // of the original
	Rule    string          // empty where it ended before a rule took it
	Kind    string          // a disposition, in the design's word
	PushID  string
	Decided time.Time
	Replay  string // by which it came again; empty: it came for the first time
}

// Ledger is what became of events, by the latest of their ends under each rule. What a
// replay has mended is not worth another one.
type Ledger struct {
	events map[offset.Position][]entry
}

type entry struct {
	rule, kind, push, replay string
	decided                  int64 // Unix nanoseconds
}

// Add takes in one end, in any order and as often as it is told.
func (l *Ledger) Add(e End) {
	if l.events == nil {
		l.events = make(map[offset.Position][]entry)
	}
	is := entry{rule: e.Rule, kind: e.Kind, push: e.PushID, replay: e.Replay, decided: e.Decided.UnixNano()}
	all := l.events[e.Of]
	i := slices.IndexFunc(all, func(old entry) bool { return old.rule == is.rule })
	switch {
	case i < 0:
		l.events[e.Of] = append(all, is)
	case all[i].decided <= is.decided && !(is.kind == duplicate && is.replay != "" && all[i].replay == is.replay):
		// Of an event that a replay brought twice the first time says how it ended.
		all[i] = is
	case all[i].kind == duplicate && all[i].replay != "" && all[i].replay == is.replay:
		all[i] = is
	}
}

// The dispositions that the ledger knows by name.
const duplicate = "duplicate"

// Len returns how many events there are ends of.
func (l *Ledger) Len() int { return len(l.events) }

// Kinds counts how the event has ended, by disposition.
func (l *Ledger) Kinds(p offset.Position) map[string]int {
	kinds := make(map[string]int)
	for _, e := range l.events[p] {
		kinds[e.kind]++
	}
	return kinds
}

// Wanted says which ends are worth another time.
type Wanted struct {
	Kinds    []string  // any of them
	Rule     string    // empty: any, or none
	PushID   string    // empty: any, or none
	From, To time.Time // decided at or after From and before To
}

func (w *Wanted) takes(e *entry) bool {
	return slices.Contains(w.Kinds, e.kind) && (w.Rule == "" || w.Rule == e.rule) && (w.PushID == "" || w.PushID == e.push) &&
		(w.From.IsZero() || e.decided >= w.From.UnixNano()) && (w.To.IsZero() || e.decided < w.To.UnixNano())
}

// Select yields the events whose latest end under some rule is wanted, in the order
// of their places, each with the rules under which it ended otherwise: it must not be
// mapped under them again.
func (l *Ledger) Select(w Wanted) iter.Seq2[offset.Position, []string] {
	return func(yield func(offset.Position, []string) bool) {
		for _, p := range slices.SortedFunc(maps.Keys(l.events), offset.Position.Compare) {
			if not, ok := l.wants(p, &w); ok && !yield(p, not) {
				return
			}
		}
	}
}

// Wants is Select for one event; an event of which no end is known is wanted.
func (l *Ledger) Wants(p offset.Position, w Wanted) ([]string, bool) {
	if len(l.events[p]) == 0 {
		return nil, true
	}
	return l.wants(p, &w)
}

func (l *Ledger) wants(p offset.Position, w *Wanted) ([]string, bool) {
	all := l.events[p]
	wanted := false
	var not []string
	for i := range all {
		e := &all[i]
		switch {
		case w.takes(e) && !l.mended(all, e):
			wanted = true
		case e.rule != "":
			not = append(not, e.rule)
		}
	}
	slices.Sort(not)
	return not, wanted
}

// mended says whether an event that no rule had taken has come again since, and one
// did.
func (l *Ledger) mended(all []entry, e *entry) bool {
	return e.rule == "" && slices.ContainsFunc(all, func(o entry) bool {
		return o.rule != "" && o.replay != "" && o.decided >= e.decided
	})
}
