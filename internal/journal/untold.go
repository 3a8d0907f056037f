package journal

import (
	"slices"
	"time"

	"pushbridge/internal/offset"
)

// End is events that ended in the same way, to be told once more. What the journal
// does not keep of them is to be had from their records: who they are, and why they
// match no rule.
type End struct {
	Disposition // of no event in particular: without Origin, At is that of the latest

	Events map[offset.Partition]*offset.Set
}

// Holds says whether the event at p is one of them.
func (e *End) Holds(p offset.Position) bool { return contains(e.Events, p) }

// telling is what may not have been told, in the making.
type telling struct {
	below int64 // all that records below this offset ask for is told
	ends  []untoldEnds
	calls []untoldCall
}

type untoldEnds struct {
	at    int64 // offset in the journal
	ended []ended
}

type untoldCall struct {
	at  int64
	key callKey
}

// add notes what the record at an offset asks to be told, and forgets what it says
// was told. What bridges wrote that told nothing again counts as told: there may be
// days of it.
func (t *telling) add(r *record, at int64) {
	if r.V < versionTells {
		return
	}
	if r.Told > t.below {
		t.below = r.Told
		t.ends = slices.DeleteFunc(t.ends, func(u untoldEnds) bool { return u.at < t.below })
		t.calls = slices.DeleteFunc(t.calls, func(u untoldCall) bool { return u.at < t.below })
	}
	if at < t.below {
		return
	}
	if len(r.Dispositions) > 0 {
		t.ends = append(t.ends, untoldEnds{at, r.Dispositions})
	}
	if o := r.Outcome; o != nil && o.Class != ClassVoid {
		t.calls = append(t.calls, untoldCall{at, callKey{o.ID, o.Number}})
	}
}

// rewound forgets what cannot be told, since the records are gone.
func (t *telling) rewound(p offset.Partition) {
	for i := range t.ends {
		for j := range t.ends[i].ended {
			e := &t.ends[i].ended[j]
			e.Events = slices.DeleteFunc(e.Events, func(s span) bool { return s.partition() == p })
		}
	}
}

// untold gives the state what is to be told again: a repeated write or call once.
func (h *history) untold(s *State) {
	done := map[callKey]bool{}
	for _, u := range h.telling.calls {
		if c := h.calls[u.key]; c.attempt != nil && !done[u.key] {
			done[u.key] = true
			s.UntoldCalls = append(s.UntoldCalls, Completed{Attempt: *c.attempt, Outcome: *c.outcome})
		}
	}
	for _, u := range h.telling.ends {
		for i := range u.ended {
			w := &u.ended[i]
			if e, err := w.toEnd(h.began[w.Push]); err == nil && len(e.Events) > 0 { // it was understood before
				s.Untold = append(s.Untold, e)
			}
		}
	}
}

// toEnd returns what was stored of events that ended alike; pushed is when the call
// of their push began.
func (w *ended) toEnd(pushed time.Time) (End, error) {
	kind, err := ParseKind(w.Kind)
	if err != nil {
		return End{}, err
	}
	e := End{
		Disposition: Disposition{
			Kind: kind, Rule: w.Rule, Lane: w.Lane, App: w.App, PushID: w.Push, TaskID: w.TaskID, Code: w.Code, Info: w.Info,
			Why: w.Why, By: w.By, Doubt: w.Doubt, More: w.More, At: w.At, PushedAt: pushed,
		},
		Events: map[offset.Partition]*offset.Set{},
	}
	for _, s := range w.Events {
		set := e.Events[s.partition()]
		if set == nil {
			set = new(offset.Set)
			e.Events[s.partition()] = set
		}
		for _, run := range s.Runs.Ranges() {
			set.AddRange(run)
		}
	}
	return e, nil
}
