package limiter

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/intent"
)

// run drives two Schedulers with the same inputs and shows all to a witness.
type run struct {
	t       *rapid.T
	s, twin *Scheduler
	w       *witness
	now     time.Time
	focus   focus
	serial  int64
	texts   []intent.Message

	last     intent.Intent // the one drawn before, where another rule may match its record too
	maxBytes int           // of a request; 0: any

	flight, twinFlight *Batch
	calm               bool      // nothing happened since Next last said when to ask again
	wake               time.Time // what it said; zero: never
}

func newRun(t *rapid.T, known *world, quota int, f focus) *run {
	w := &witness{
		world: known, interval: time.Second, window: 24 * time.Hour, quota: quota, dedup: time.Hour,
		live: map[askID]*claim{}, seen: map[intent.EventKey]sightingOf{}, byPlace: map[string][]intent.Intent{}, holds: map[string][]heldPool{}, sent: map[uint64]*Batch{},
	}
	r := &run{t: t, w: w, now: start, focus: f}
	if f.clock {
		r.now = ticking(start)
	}
	for n := range 3 {
		r.texts = append(r.texts, must(intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: fmt.Sprint(n)}}})))
	}
	for n := range 2 {
		r.texts = append(r.texts, must(intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Custom{Data: fmt.Sprint(n)}}})))
	}
	r.texts = append(r.texts, must(intent.NewMessage(intent.Content{Sender: "desk", Elements: []intent.Element{intent.Text{Text: "0"}}})))
	if f.room != "" {
		r.maxBytes = r.texts[0].RequestSize(must(parseAudience(f.room))[0]) + f.more
	}
	for _, s := range []**Scheduler{&r.s, &r.twin} {
		*s = New(Config{
			Budget: newBudget(w.interval, w.window, w.quota), Settle: 2 * time.Second, Memory: NewMemory(w.dedup, 1000),
			MaxBytes: r.maxBytes,
		})
		(*s).doors.mask = f.mask
	}
	return r
}

func (r *run) add(in intent.Intent) {
	ended := r.s.Add(r.now, in)
	r.same(ended, r.twin.Add(r.now, in))
	r.must(r.w.added(r.now, in, ended))
	r.calm = false
}

func (r *run) next() {
	d, e := r.s.Next(r.now), r.twin.Next(r.now)
	r.same(d, e)
	if r.calm && (r.wake.IsZero() || r.now.Before(r.wake)) && (d.Batch != nil || len(d.Ended) > 0) {
		r.t.Fatalf("%v: woken before %v, Next has batch %v and ends %v", r.now, r.wake, d.Batch, d.Ended)
	}
	if !d.WakeAt.IsZero() && !d.WakeAt.After(r.now) {
		r.t.Fatalf("%v: wake at %v, which is now", r.now, d.WakeAt)
	}
	r.must(r.w.ended(r.now, d.Ended))
	r.calm, r.wake = true, d.WakeAt
	if d.Batch != nil {
		r.must(r.w.called(r.now, d.Batch))
		r.must(r.small(d.Batch))
		r.flight, r.twinFlight = d.Batch, e.Batch
	} else if r.flight == nil {
		r.must(r.s.heldBack())
	}
}

func (r *run) done(v Verdict) {
	b := r.flight
	ended := r.s.Done(r.now, b, v)
	r.same(ended, r.twin.Done(r.now, r.twinFlight, v))
	r.flight, r.twinFlight, r.calm = nil, nil, false
	r.must(r.w.done(r.now, b, v, ended))
}

// small says whether a call is no larger than allowed, unless it is what one
// intent asked for.
func (r *run) small(b *Batch) error {
	n := b.Messages[0].RequestSize(b.Audience)
	for _, m := range b.Messages[1:] {
		n += len(m.Body()) - len("[]") + len(",")
	}
	if r.maxBytes == 0 || n <= r.maxBytes {
		return nil
	}
	if len(b.Messages) > 1 {
		return fmt.Errorf("batch %d of %d messages has %d bytes, allowed %d", b.ID, len(b.Messages), n, r.maxBytes)
	}
	for _, c := range b.Covers {
		if c.Audience != b.Audience {
			return fmt.Errorf("batch %d to %v has %d bytes, allowed %d, and carries one to %v", b.ID, b.Audience, n, r.maxBytes, c.Audience)
		}
	}
	return nil
}

// drain gives the budget time until nothing is pending.
func (r *run) drain() {
	for n := 0; len(r.w.live) > 0 || r.flight != nil; n++ {
		if n > 10_000 {
			r.t.Fatalf("%d intents are left after %d steps", len(r.w.live), n)
		}
		if r.flight != nil {
			r.now = r.now.Add(time.Millisecond)
			r.done(Verdict{Result: Pushed, End: r.now, Counted: true, Reached: true})
		}
		r.next()
		if n%100 == 0 { // most steps are but looks at the price
			r.check()
		}
		if r.flight == nil && len(r.w.live) > 0 {
			if r.wake.IsZero() {
				r.t.Fatalf("%d intents are left and nothing is to happen", len(r.w.live))
			}
			r.rest()
		}
	}
	if s := r.s; s.doors.count+len(s.profiles)+len(s.classes)+len(s.newest)+s.changing.size()+s.batches()+s.turning.size()+len(s.bars) > 0 || s.lately != nil {
		r.t.Fatalf("nothing is pending and this is kept: %+v", s)
	}
}

// rest lets time pass until Next is to be asked again.
func (r *run) rest() { r.now = r.now.Add(r.wake.Sub(r.now)) }

func (r *run) check() {
	r.must(r.s.check(r.w.world))
	snap := r.s.Snapshot(r.now, 3)
	perPriority, used := map[intent.Priority]int{}, 0
	for _, c := range r.w.live {
		perPriority[c.in.Policy.Priority]++
	}
	for _, end := range r.w.counted {
		if r.now.Sub(end) <= r.w.window {
			used++
		}
	}
	for _, p := range intent.Priorities {
		if snap.Pending[p] != perPriority[p] {
			r.t.Fatalf("snapshot: %d intents of priority %v, want %d", snap.Pending[p], p, perPriority[p])
		}
	}
	if r.s.Total() != len(r.w.live) || snap.Used != used || snap.Batches != r.s.batches() || len(snap.Waiting) != min(3, snap.Batches) {
		r.t.Fatalf("%d pending, snapshot %+v; want %d, %d used", r.s.Total(), snap, len(r.w.live), used)
	}
}

func (r *run) must(err error) {
	if err != nil {
		r.t.Fatalf("%v: %v", r.now.Sub(start), err)
	}
}

// same compares what two equal Schedulers said.
func (r *run) same(a, b any) {
	if x, y := tell(a), tell(b); x != y {
		r.t.Fatalf("same inputs, two decisions:\n%s\n%s", x, y)
	}
}

func tell(v any) string {
	var out strings.Builder
	batch := func(b *Batch) {
		if b == nil {
			return
		}
		fmt.Fprintf(&out, " batch %d %v %v %v %v %v", b.ID, b.Audience, b.Why, b.Due, b.Resend, b.Priority)
		for _, m := range b.Messages {
			fmt.Fprintf(&out, " %s", m.Text())
		}
		for _, c := range b.Covers {
			fmt.Fprintf(&out, " %d:%v", c.Intent.Origin.Position.Offset, c.Audience)
		}
	}
	ends := func(ended []Ended) {
		for _, e := range ended {
			fmt.Fprintf(&out, " %d ends %v %v", e.Intent.Origin.Position.Offset, e.Kind, e.Doubt)
			batch(e.Batch)
		}
	}
	switch v := v.(type) {
	case Decision:
		batch(v.Batch)
		fmt.Fprint(&out, v.WakeAt)
		ends(v.Ended)
	case []Ended:
		ends(v)
	}
	return out.String()
}
