package limiter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
	byPlace map[string][]intent.Intent

	flight    *Batch
	sent      map[uint64]*Batch // as they were sent first
	again     uint64            // the batch that must be sent again, 0: none
	counted   []time.Time
	reached   []push                // all that may have reached somebody
	holds     map[string][]heldPool // by pool: what was pushed that holds it back
	lastEnd   time.Time
	notBefore time.Time
}

// heldPool is a pool held back from the users of an audience.
type heldPool struct {
	from  audience.Audience
	until time.Time
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
	latest  time.Time // on a wall clock that is set: a part may have expired then
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
	w.byPlace[at] = append(w.byPlace[at], in)
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
	w.look(now)
	for _, e := range ended {
		id := idOf(e.Intent)
		c, ok := w.live[id]
		if !ok {
			return fmt.Errorf("%v ended as %v and is not pending", id, e.Kind)
		}
		delete(w.live, id)
		if by := c.in.Policy.Suppresses; by != nil && e.Kind == EndPushed {
			for _, a := range c.in.Audiences {
				w.holds[by.Pool] = append(w.holds[by.Pool], heldPool{a, now.Add(by.For)})
			}
		}
		if err := w.judge(now, c, e); err != nil {
			return fmt.Errorf("%v ended at %v as %v, parts %v: %w", id, now, e.Kind, c.parts, err)
		}
	}
	return nil
}

// look notes what time it is for all that waits.
func (w *witness) look(now time.Time) {
	now = now.Round(0)
	for _, c := range w.live {
		if now.After(c.latest) {
			c.latest = now
		}
	}
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
		// One part may have expired while another was on its way.
		if !open || now.Before(c.in.Policy.Expires) && (len(c.parts) == 1 || c.latest.Before(c.in.Policy.Expires)) {
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
	if e.By.Position == c.in.Origin.Position || !slices.ContainsFunc(w.byPlace[e.By.Position.String()], func(by intent.Intent) bool {
		scope := func(in *intent.Intent) string { return cmp.Or(in.Policy.Scope, in.Rule) }
		revised := c.in.Policy.Mode == intent.Latest && by.Policy.Mode == intent.Latest && scope(&by) == scope(&c.in) && by.Policy.Key == c.in.Policy.Key
		pushedOut := c.in.Policy.Mode == intent.Digest && c.in.Policy.Overflow == intent.Newest && shares(&by, &c.in) && by.Message != c.in.Message
		return revised || pushedOut
	}) {
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
	parts := map[intent.Message][]audience.Audience{}
	var priority intent.Priority
	overlap := false
	first := *b.Covers[0].Intent
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
		case !slices.Contains(b.Messages, c.in.Message) || cover.Intent.Message != c.in.Message:
			return fmt.Errorf("%v says something else", idOf(cover.Intent))
		case !c.in.Origin.Time.Equal(cover.Intent.Origin.Time) || !c.in.Policy.Expires.Equal(cover.Intent.Policy.Expires) ||
			cover.Intent.Policy.Key != c.in.Policy.Key || !slices.Equal(cover.Intent.Audiences, c.in.Audiences) ||
			string(cover.Intent.Origin.Key) != string(c.in.Origin.Key) || cover.Intent.Origin.Traceparent != c.in.Origin.Traceparent:
			return fmt.Errorf("%+v came as %+v", cover.Intent, c.in)
		case !shares(&first, &c.in) || len(b.Messages) > 1 && (c.in.Policy.Mode != intent.Digest || len(b.Messages) > c.in.Policy.MaxMessages):
			return fmt.Errorf("%v may not share this call of %d messages", idOf(cover.Intent), len(b.Messages))
		case c.in.Policy.OnDoubt != b.OnDoubt:
			return fmt.Errorf("%v wants %v in doubt", idOf(cover.Intent), c.in.Policy.OnDoubt)
		case c.in.Policy.Mode == intent.Alone && idOf(cover.Intent) != idOf(b.Covers[0].Intent):
			return fmt.Errorf("%v shares a call", idOf(cover.Intent))
		}
		c.parts[n], c.last = partInFlight, b
		parts[c.in.Message] = append(parts[c.in.Message], cover.Audience)
		priority = max(priority, c.in.Policy.Priority)
		overlap = overlap || len(c.in.Audiences) > 1
	}
	if err := w.allowed(now, b, &first); err != nil && !b.Resend {
		return err
	}
	if b.Resend { // it is what it was, though some of it may have expired
		return nil
	}
	customs := 0
	for _, m := range b.Messages {
		if !w.world.same(b.Audience, parts[m]) {
			return fmt.Errorf("of %q its users are not those of %v", m.Text(), parts[m])
		}
		if strings.Contains(string(m.Body()), "TIMCustomElem") {
			customs++
		}
		if string(m.Envelope()) != string(b.Messages[0].Envelope()) || customs > 1 && len(b.Messages) > 1 {
			return fmt.Errorf("%q cannot share a request", m.Text())
		}
	}
	if len(parts) != len(b.Messages) {
		return fmt.Errorf("%d messages, covered %d", len(b.Messages), len(parts))
	}
	surely, maybe := w.meets(b, &first)
	overlap, maybe = overlap || surely, overlap || maybe
	switch {
	case b.Overlap && maybe:
	case b.Priority != priority || b.Overlap != overlap:
		return fmt.Errorf("priority %v, overlap %v; want %v, %v", b.Priority, b.Overlap, priority, overlap)
	}
	return nil
}

// allowed says what of its gate forbids a call now.
func (w *witness) allowed(now time.Time, b *Batch, first *intent.Intent) error {
	g := first.Policy.Gate
	if g == nil {
		return nil
	}
	if now.Before(g.NotBefore) || g.Active != nil && !g.Active.Open(now) {
		return fmt.Errorf("its hours are %v and %v", g.Active, g.NotBefore)
	}
	often := 0
	for _, p := range w.reached {
		if now.Sub(p.end) <= g.Frequency.Per && w.world.meet(p.audience, b.Audience) {
			often++
		}
	}
	if g.Frequency.Calls > 0 && often >= g.Frequency.Calls {
		return fmt.Errorf("its users were reached %d times in %v", often, g.Frequency.Per)
	}
	if b.Priority == intent.Critical {
		return nil
	}
	for id, c := range w.live {
		if by := c.in.Policy.Suppresses; by != nil && by.Pool == g.Pool {
			for _, a := range c.in.Audiences {
				if w.world.meet(a, b.Audience) {
					return fmt.Errorf("%v is pending and holds it back", id)
				}
			}
		}
	}
	for _, h := range w.holds[g.Pool] {
		if now.Before(h.until) && w.world.meet(h.from, b.Audience) {
			return fmt.Errorf("an alert to %v holds it back until %v", h.from, h.until)
		}
	}
	return nil
}

// shares says whether two intents have the terms of one call in common.
func shares(a, b *intent.Intent) bool {
	p, q := &a.Policy, &b.Policy
	digest := p.Mode == intent.Digest
	return p.OnDoubt == q.OnDoubt && p.Gate == q.Gate && digest == (q.Mode == intent.Digest) && (!digest || p.Key == q.Key)
}

// meets says whether what is pending beside a batch surely says one of its messages
// to one of its users too, or may.
func (w *witness) meets(b *Batch, first *intent.Intent) (surely, maybe bool) {
	for _, c := range w.live {
		if !slices.Contains(b.Messages, c.in.Message) || !shares(first, &c.in) || first.Policy.Mode == intent.Alone || c.in.Policy.Mode == intent.Alone {
			continue
		}
		for n, a := range c.in.Audiences {
			if c.parts[n] == partPending && w.world.meet(a, b.Audience) {
				// One part of several may have ended.
				surely, maybe = surely || len(c.parts) == 1, true
			}
		}
	}
	return surely, maybe
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
	if v.Result == Pushed || v.Result == Doubt {
		w.reached = append(w.reached, push{b.Audience, v.End})
	}
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
