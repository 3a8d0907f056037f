package limiter

import (
	"fmt"
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// witness watches what goes into a Scheduler and what comes out, and judges it
// by the promises. It knows nothing of how the Scheduler works.
type witness struct {
	world    *world
	interval time.Duration
	window   time.Duration
	quota    int
	dedup    time.Duration

	live    map[askID]*claim
	seen    map[intent.EventKey]sightingOf
	byPlace map[string]intent.Intent

	flight    *Batch
	sent      map[uint64]*Batch // as they were sent first
	again     uint64            // the batch that must be sent again, 0: none
	counted   []time.Time
	lastEnd   time.Time
	notBefore time.Time
}

// askID names an intent: one event under one rule.
type askID struct {
	event intent.EventKey
	rule  string
	place string
}

type sightingOf struct {
	place string
	at    time.Time
}

// claim is one intent that has not ended, and what became of its parts.
type claim struct {
	in      intent.Intent
	arrived time.Time
	parts   []partState
	last    *Batch
	doubt   bool
}

type partState uint8

const (
	partPending partState = iota + 1
	partInFlight
	partInDoubt
	partPushed
	partRejected
)

func idOf(in *intent.Intent) askID {
	return askID{in.Origin.EventKey(), in.Rule, in.Origin.Position.String()}
}

// added is told of every Add.
func (w *witness) added(now time.Time, in intent.Intent, ended []Ended) error {
	key := in.Origin.EventKey()
	at := in.Origin.Position.String()
	want := EndKind(0) // it becomes pending, or is superseded at once
	switch s, ok := w.seen[key]; {
	case ok && now.Sub(s.at) <= w.dedup && s.place != at:
		want = EndDuplicate
	default:
		if !ok || now.Sub(s.at) > w.dedup {
			w.seen[key] = sightingOf{at, now}
		}
		if !now.Before(in.Policy.Expires) {
			want = EndExpired
		}
	}
	w.byPlace[at] = in
	if want != 0 {
		if len(ended) != 1 || idOf(ended[0].Intent) != idOf(&in) || ended[0].Kind != want || ended[0].Batch != nil {
			return fmt.Errorf("added %v at %v: ended %v, want it alone as %v", idOf(&in), now, ended, want)
		}
		return nil
	}
	c := &claim{in: in, arrived: now, parts: make([]partState, len(in.Audiences))}
	for n := range c.parts {
		c.parts[n] = partPending
	}
	w.live[idOf(&in)] = c
	for _, e := range ended {
		if e.By == nil { // rejected too, if a part of it was before
			return fmt.Errorf("added %v: %v ended as %v", idOf(&in), idOf(e.Intent), e.Kind)
		}
	}
	return w.ended(now, ended)
}

// ended is told of all that ended by itself or by an arrival.
func (w *witness) ended(now time.Time, ended []Ended) error {
	for _, e := range ended {
		id := idOf(e.Intent)
		c, ok := w.live[id]
		if !ok {
			return fmt.Errorf("%v ended as %v and is not pending", id, e.Kind)
		}
		delete(w.live, id)
		if err := w.judge(now, c, e); err != nil {
			return fmt.Errorf("%v ended at %v as %v, parts %v: %w", id, now, e.Kind, c.parts, err)
		}
	}
	return nil
}

func (w *witness) judge(now time.Time, c *claim, e Ended) error {
	open := slices.Contains(c.parts, partPending)
	refused := slices.Contains(c.parts, partRejected)
	maybe := slices.Contains(c.parts, partInDoubt)
	switch {
	case slices.Contains(c.parts, partInFlight):
		return fmt.Errorf("a part is in flight")
	case e.Batch != nil && (c.last == nil || e.Batch.ID != c.last.ID), e.Batch == nil && c.last != nil:
		return fmt.Errorf("the last call to carry it was %v, not %v", c.last, e.Batch)
	case e.Doubt != (c.doubt || maybe):
		return fmt.Errorf("doubt is %v", e.Doubt)
	case maybe && now.Before(c.in.Policy.Expires):
		return fmt.Errorf("a part is still to be sent again")
	}
	switch e.Kind {
	case EndPushed:
		if open || refused {
			return fmt.Errorf("not all of it was")
		}
	case EndRejected:
		if !refused {
			return fmt.Errorf("no part of it was")
		}
	case EndExpired:
		if !open || now.Before(c.in.Policy.Expires) {
			return fmt.Errorf("it expires %v", c.in.Policy.Expires)
		}
	case EndSuperseded:
		if !open || e.By == nil {
			return fmt.Errorf("by %v", e.By)
		}
	case EndDuplicate:
		return fmt.Errorf("only an arrival can")
	}
	if e.By == nil {
		return nil
	}
	by, ok := w.byPlace[e.By.Position.String()]
	if !ok || by.Rule != c.in.Rule || by.Policy.Key != c.in.Policy.Key || c.in.Policy.Mode != intent.Latest {
		return fmt.Errorf("by %v, which is no revision of it", e.By)
	}
	if e.By.Time.Before(c.in.Origin.Time) {
		return fmt.Errorf("by %v, which is older: %v", e.By, e.By.Time)
	}
	return nil
}

// called is told of every batch that Next gives.
func (w *witness) called(now time.Time, b *Batch) error {
	inWindow := 0
	for _, end := range w.counted {
		if now.Sub(end) <= w.window {
			inWindow++
		}
	}
	switch {
	case w.flight != nil:
		return fmt.Errorf("batch %d while %d is in flight", b.ID, w.flight.ID)
	case !w.lastEnd.IsZero() && now.Sub(w.lastEnd) <= w.interval:
		return fmt.Errorf("batch %d, %v after the last response", b.ID, now.Sub(w.lastEnd))
	case inWindow >= w.quota:
		return fmt.Errorf("batch %d with %d calls in the window", b.ID, inWindow)
	case now.Before(w.notBefore):
		return fmt.Errorf("batch %d before %v", b.ID, w.notBefore)
	case len(b.Covers) == 0:
		return fmt.Errorf("batch %d covers nothing", b.ID)
	case b.Resend != (b.ID == w.again) || (b.Why == WhyResend) != b.Resend:
		return fmt.Errorf("batch %d resent: %v (%v), want batch %d", b.ID, b.Resend, b.Why, w.again)
	}
	if first, ok := w.sent[b.ID]; ok != b.Resend {
		return fmt.Errorf("batch %d was sent before: %v", b.ID, ok)
	} else if ok && (first.Audience != b.Audience || !slices.Equal(first.Messages, b.Messages) || len(b.Covers) > len(first.Covers)) {
		return fmt.Errorf("batch %d was sent as %v", b.ID, first)
	}
	if err := w.covered(now, b); err != nil {
		return fmt.Errorf("batch %d of %v for %d covers: %w", b.ID, b.Audience, len(b.Covers), err)
	}
	w.flight, w.again = b, 0
	if !b.Resend {
		w.sent[b.ID] = b
	}
	return nil
}

func (w *witness) covered(now time.Time, b *Batch) error {
	var parts []audience.Audience
	var priority intent.Priority
	overlap := false
	for _, cover := range b.Covers {
		c, ok := w.live[idOf(cover.Intent)]
		if !ok {
			return fmt.Errorf("%v is not pending", idOf(cover.Intent))
		}
		n := slices.Index(c.in.Audiences, cover.Audience)
		before := partPending
		if b.Resend {
			before = partInDoubt
		}
		switch {
		case n < 0 || c.parts[n] != before:
			return fmt.Errorf("%v of %v cannot go, parts %v", cover.Audience, idOf(cover.Intent), c.parts)
		case now.Before(c.arrived) || !now.Before(c.in.Policy.Expires):
			return fmt.Errorf("%v lives from %v to %v", idOf(cover.Intent), c.arrived, c.in.Policy.Expires)
		case len(b.Messages) != 1 || c.in.Message != b.Messages[0]:
			return fmt.Errorf("%v says something else", idOf(cover.Intent))
		case c.in.Policy.OnDoubt != b.OnDoubt:
			return fmt.Errorf("%v wants %v in doubt", idOf(cover.Intent), c.in.Policy.OnDoubt)
		case c.in.Policy.Mode == intent.Alone && idOf(cover.Intent) != idOf(b.Covers[0].Intent):
			return fmt.Errorf("%v shares a call", idOf(cover.Intent))
		}
		c.parts[n], c.last = partInFlight, b
		parts = append(parts, cover.Audience)
		priority = max(priority, c.in.Policy.Priority)
		overlap = overlap || len(c.in.Audiences) > 1
	}
	switch {
	case b.Resend: // it is what it was, though some of it may have expired
	case !w.world.same(b.Audience, parts):
		return fmt.Errorf("its users are not those of %v", parts)
	case b.Priority != priority || b.Overlap != overlap:
		return fmt.Errorf("priority %v, overlap %v; want %v, %v", b.Priority, b.Overlap, priority, overlap)
	}
	return nil
}

// done is told of every Done.
func (w *witness) done(now time.Time, b *Batch, v Verdict, ended []Ended) error {
	w.flight = nil
	if v.Counted {
		w.counted = append(w.counted, v.End)
	}
	if v.Counted || v.Reached {
		w.lastEnd = v.End
	}
	w.notBefore = v.NotBefore
	to := map[Result]partState{Pushed: partPushed, Rejected: partRejected, Again: partPending, Doubt: partInDoubt}[v.Result]
	if v.Result == Again && b.Resend {
		to = partInDoubt
	}
	unsure := to == partInDoubt && b.OnDoubt == intent.Drop || v.Result == Rejected && b.Resend
	if to == partInDoubt && b.OnDoubt == intent.Drop {
		to = partPushed
	}
	if to == partInDoubt {
		w.again = b.ID
	}
	for _, cover := range b.Covers {
		c := w.live[idOf(cover.Intent)]
		c.parts[slices.Index(c.in.Audiences, cover.Audience)] = to
		c.doubt = c.doubt || unsure
	}
	if err := w.ended(now, ended); err != nil {
		return err
	}
	for id, c := range w.live {
		if !slices.ContainsFunc(c.parts, func(s partState) bool { return s < partPushed }) {
			return fmt.Errorf("%v has nothing open and did not end: %v", id, c.parts)
		}
	}
	return nil
}
