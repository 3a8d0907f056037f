package journal

import (
	"slices"
	"sort"
	"time"

	"pushbridge/internal/offset"
)

// history is the state in the making.
type history struct {
	calls     map[callKey]*call
	order     []callKey
	covers    map[callKey][]cover // whose attempt has not been read yet
	disposed  map[offset.Partition]*offset.Set
	byRule    map[string]map[offset.Partition]*offset.Set
	newest    map[offset.Partition]time.Time
	seen      *Seen
	fenced    map[string]bool // names of attempts
	approvals []Approval
	began     map[string]time.Time // when the last call of a push did
	telling   telling
	records   int
}

func newHistory(remember time.Duration, limit int) *history {
	return &history{
		calls: map[callKey]*call{}, covers: map[callKey][]cover{},
		disposed: map[offset.Partition]*offset.Set{}, byRule: map[string]map[offset.Partition]*offset.Set{},
		newest: map[offset.Partition]time.Time{}, seen: newSeen(remember, limit), fenced: map[string]bool{}, began: map[string]time.Time{},
	}
}

func (h *history) call(k callKey) *call {
	c, ok := h.calls[k]
	if !ok {
		c = &call{}
		h.calls[k] = c
		h.order = append(h.order, k)
	}
	return c
}

// add takes in the record at an offset of the journal.
func (h *history) add(r *record, at int64) error {
	h.records++
	if err := h.addNotes(r); err != nil {
		return err
	}
	if m := r.Covers; m != nil {
		k := callKey{m.ID, m.Number}
		h.covers[k] = append(h.covers[k], m.Covers...)
	}
	if w := r.Attempt; w != nil {
		k := callKey{w.ID, w.Number}
		a, err := w.toAttempt(append(h.covers[k], w.Covers...))
		if err != nil {
			return err
		}
		a.Approvals = r.Approvals
		delete(h.covers, k)
		if c := h.call(k); c.attempt == nil {
			c.attempt = &a
			c.lane, c.app = a.Lane, a.App
			c.brokerAt = w.BrokerAt
		}
	}
	if r.Outcome != nil {
		h.addOutcome(r.Outcome)
	}
	for i := range r.Dispositions {
		if err := h.addEnded(&r.Dispositions[i]); err != nil {
			return err
		}
	}
	h.telling.add(r, at)
	return nil
}

func (h *history) addOutcome(o *outcome) {
	c := h.call(callKey{o.ID, o.Number})
	c.ended = true
	c.taken = c.taken || o.Class == ClassOK
	c.doubt = c.doubt || o.Class == ClassDoubt
	c.counted = c.counted || o.Counted
	c.made = c.made || o.Class != ClassVoid
	if o.App != 0 {
		c.lane, c.app = o.Lane, o.App
	}
	if o.Class != ClassVoid && o.Started.After(h.began[o.ID]) {
		h.began[o.ID] = o.Started
	}
	c.brokerEnd = later(c.brokerEnd, o.BrokerEnded)
	if c.outcome == nil || o.Ended.After(c.end) {
		got := o.toOutcome()
		c.outcome = &got
		c.start, c.end, c.class = o.Started, o.Ended, o.Class
	}
}

func (h *history) addEnded(e *ended) error {
	if _, err := ParseKind(e.Kind); err != nil {
		return err
	}
	sets := h.disposed
	if e.More {
		if sets = h.byRule[e.Rule]; sets == nil {
			sets = map[offset.Partition]*offset.Set{}
			h.byRule[e.Rule] = sets
		}
	}
	for _, s := range e.Events {
		set := sets[s.partition()]
		if set == nil {
			set = new(offset.Set)
			sets[s.partition()] = set
		}
		for _, run := range s.Runs.Ranges() {
			set.AddRange(run)
		}
	}
	return nil
}

// addNotes takes in what a record says beside calls and ends.
func (h *history) addNotes(r *record) error {
	for _, p := range r.Rewound {
		h.rewound(p.partition())
	}
	for _, n := range r.Read {
		if at, p := time.UnixMilli(n.At), n.partition(); at.After(h.newest[p]) {
			h.newest[p] = at
		}
	}
	for i := range r.Seen {
		if err := r.Seen[i].check(); err != nil {
			return err
		}
		h.seen.add(&r.Seen[i])
	}
	if r.Fenced != nil {
		h.fenced[r.Fenced.Name] = true
	}
	for _, a := range r.Approvals {
		if !slices.Contains(h.approvals, a) { // a write may have been repeated
			h.approvals = append(h.approvals, a)
		}
	}
	return nil
}

// rewound forgets what is known of a partition's records: they are gone, and
// others have their offsets.
func (h *history) rewound(p offset.Partition) {
	h.seen.Rewound(p, func(o int64) bool { return endedAtAll(h.disposed, h.byRule, offset.Position{Partition: p, Offset: o}) })
	delete(h.disposed, p)
	for _, sets := range h.byRule {
		delete(sets, p)
	}
	delete(h.newest, p)
	h.telling.rewound(p)
	for _, c := range h.calls {
		if c.attempt != nil {
			c.attempt.Covers = slices.DeleteFunc(c.attempt.Covers, func(cover Cover) bool { return cover.Partition == p })
		}
	}
	for k, covers := range h.covers {
		h.covers[k] = slices.DeleteFunc(covers, func(c cover) bool { return c.Events.partition() == p })
	}
}

// state draws the sum. Instants that were stored meet the clocks here and only here,
// and are rounded against us: an end in the future is that of a request that may
// still be on its way, or one that a clock which was set back makes; it is no later
// than if the call began now. What comes out are instants of this process.
func (h *history) state(clocks Clocks, metadata ...string) *State {
	s := &State{Disposed: h.disposed, ByRule: h.byRule, Seen: h.seen, Newest: h.newest, Told: h.telling.below, Records: h.records, Approvals: h.approvals}
	fenced := parseFences(metadata)
	h.forgetUnfenced(s, fenced)
	for _, k := range h.order {
		c := h.calls[k]
		if c.ended && !c.made {
			continue
		}
		age := c.age(clocks, h.fencedAfter(k, fenced))
		end := clocks.when(age)
		if !c.ended {
			s.Unended = append(s.Unended, Completed{*c.attempt, Outcome{
				ID: k.id, Number: k.number, Lane: c.lane, App: c.app, Class: ClassDoubt, Started: c.attempt.At, Ended: end, Counted: true,
			}})
		}
		if age <= Window {
			s.Calls = append(s.Calls, c.toCall(end))
		}
	}
	slices.SortStableFunc(s.Calls, func(a, b Call) int { return a.End.Compare(b.End) })
	h.settle(s)
	h.untold(s)
	return s
}

// forgetUnfenced drops the attempts that were promised and never made.
func (h *history) forgetUnfenced(s *State, fenced fences) {
	if len(fenced) == 0 {
		return
	}
	h.order = slices.DeleteFunc(h.order, func(k callKey) bool {
		c, name := h.calls[k], k.String()
		if _, ok := fenced[name]; ok || c.ended || h.fenced[name] {
			return false
		}
		s.Unended = append(s.Unended, Completed{*c.attempt, Outcome{ID: k.id, Number: k.number, Lane: c.lane, App: c.app, Class: ClassVoid}})
		return true
	})
}

// fencedAfter is how long after an attempt its fence was begun; negative: not known,
// for one that the journal speaks of may have been begun later than what is committed.
func (h *history) fencedAfter(k callKey, fenced fences) time.Duration {
	after, ok := fenced[k.String()]
	if !ok || h.fenced[k.String()] {
		return -1
	}
	return after
}

// settle finds the pushes that are not over, by all that is said of their
// attempts: a doubt remains when a later attempt was refused.
func (h *history) settle(s *State) {
	type push struct {
		latest       *Attempt
		taken, doubt bool
		outcome      *Outcome // of the attempt that was taken
		refused      *Outcome // of the one that was refused for good
	}
	pushes := map[string]*push{}
	var order []*push
	for _, k := range h.order {
		c := h.calls[k]
		p, ok := pushes[k.id]
		if !ok {
			p = &push{}
			pushes[k.id] = p
			order = append(order, p)
		}
		if p.taken = p.taken || c.taken; c.taken {
			p.outcome = c.outcome
		}
		if c.class == ClassReject {
			p.refused = c.outcome
		}
		p.doubt = p.doubt || c.doubt || !c.ended
		if c.attempt != nil && (p.latest == nil || p.latest.Number < c.attempt.Number) {
			p.latest = c.attempt
		}
	}
	for _, p := range order {
		switch {
		case p.latest == nil || !p.taken && !p.doubt && p.refused == nil || h.allEnded(p.latest):
		case p.taken:
			s.Partial = append(s.Partial, Completed{Attempt: *p.latest, Outcome: *p.outcome})
		case p.doubt:
			s.InDoubt = append(s.InDoubt, *p.latest)
		default:
			s.Partial = append(s.Partial, Completed{Attempt: *p.latest, Outcome: *p.refused})
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// allEnded goes by runs, not by offsets: a run may be as long as a topic.
func (h *history) allEnded(a *Attempt) bool {
	for _, c := range a.Covers {
		whole, byRule := h.disposed[c.Partition], h.byRule[c.Rule][c.Partition]
		for _, run := range c.Offsets.Ranges() {
			for next := run.First; next <= run.Last; {
				last, ok := runEnd(whole, next)
				if !ok {
					last, ok = runEnd(byRule, next)
				}
				if !ok {
					return false
				}
				next = last + 1
			}
		}
	}
	return true
}

// runEnd returns the last offset of the set's run that holds the offset.
func runEnd(set *offset.Set, at int64) (int64, bool) {
	if set == nil {
		return 0, false
	}
	runs := set.Ranges()
	i := sort.Search(len(runs), func(i int) bool { return runs[i].Last >= at })
	if i == len(runs) || runs[i].First > at {
		return 0, false
	}
	return runs[i].Last, true
}
