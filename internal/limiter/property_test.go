package limiter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// run drives two Schedulers with the same inputs and shows all to a witness.
type run struct {
	t       *rapid.T
	s, twin *Scheduler
	w       *witness
	now     time.Time
	serial  int64
	texts   []intent.Message

	flight, twinFlight *Batch
	calm               bool      // nothing happened since Next last said when to ask again
	wake               time.Time // what it said; zero: never
}

func newRun(t *rapid.T, known *world, quota int) *run {
	w := &witness{
		world: known, interval: time.Second, window: 24 * time.Hour, quota: quota, dedup: time.Hour,
		live: map[askID]*claim{}, seen: map[intent.EventKey]sightingOf{}, byPlace: map[string]intent.Intent{}, sent: map[uint64]*Batch{},
	}
	r := &run{t: t, w: w, now: start}
	for _, s := range []**Scheduler{&r.s, &r.twin} {
		*s = New(Config{
			Budget: NewBudget(w.interval, w.window, w.quota), Settle: 2 * time.Second, DedupWindow: w.dedup, DedupMax: 1000,
		})
	}
	for n := range 3 {
		r.texts = append(r.texts, must(intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: fmt.Sprint(n)}}})))
	}
	return r
}

func (r *run) draw() intent.Intent {
	t := r.t
	r.serial++
	n := r.serial
	if n > 1 && rapid.IntRange(0, 9).Draw(t, "repeat") == 0 {
		n = rapid.Int64Range(1, n-1).Draw(t, "of")
	}
	in := intent.Intent{
		Origin: intent.Origin{
			Position: offset.Position{Partition: offset.Partition{Topic: "t"}, Offset: r.serial},
			Source:   "/s", ID: fmt.Sprint(n),
			Received: r.now.Add(-rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(t, "lag")),
			Time:     start.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "time")) * time.Second),
		},
		Rule:    rapid.SampledFrom([]string{"r", "q"}).Draw(t, "rule"),
		Message: rapid.SampledFrom(r.texts).Draw(t, "message"),
		Policy: intent.Policy{
			Priority: rapid.SampledFrom(intent.Priorities[:]).Draw(t, "priority"),
			MaxDelay: rapid.SampledFrom([]time.Duration{0, 2 * time.Second, 30 * time.Second, 10 * time.Minute, 5 * time.Hour}).Draw(t, "max delay"),
			Expires:  r.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour, 30 * time.Hour, 300 * time.Hour}).Draw(t, "expires")),
			Mode:     rapid.SampledFrom([]intent.Mode{intent.Merge, intent.Merge, intent.Latest, intent.Alone}).Draw(t, "mode"),
			OnDoubt:  rapid.SampledFrom([]intent.OnDoubt{intent.Resend, intent.Drop}).Draw(t, "on doubt"),
		},
		Audiences: drawAudience(t),
	}
	if in.Policy.Mode == intent.Latest {
		in.Policy.Key = rapid.SampledFrom([]string{"k", "l"}).Draw(t, "key")
	}
	return in
}

func drawAudience(t *rapid.T) []audience.Audience {
	tags := func(least, most int) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(strings.Split(worldTags, "")), least, most, rapid.ID[string]).Draw(t, "tags")
	}
	pairs := func() map[string]string {
		return rapid.MapOfN(rapid.SampledFrom([]string{"x", "y"}), rapid.SampledFrom([]string{"1", "2"}), 1, 2).Draw(t, "pairs")
	}
	switch rapid.SampledFrom([]string{"any", "any", "any", "many", "all", "all", "attr", "attrs", "everyone"}).Draw(t, "audience") {
	case "any":
		return must(audience.Spread(tags(1, 4)...))
	case "many":
		return must(audience.Spread(tags(9, len(worldTags))...))
	case "all":
		return []audience.Audience{must(audience.OfAllTags(tags(2, 3)...))}
	case "attr":
		return []audience.Audience{must(audience.OfAnyAttr(pairs()))}
	case "attrs":
		return []audience.Audience{must(audience.OfAllAttrs(pairs()))}
	}
	return []audience.Audience{audience.All()}
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
		r.flight, r.twinFlight = d.Batch, e.Batch
	}
}

func (r *run) done(v Verdict) {
	b := r.flight
	ended := r.s.Done(r.now, b, v)
	r.same(ended, r.twin.Done(r.now, r.twinFlight, v))
	r.flight, r.twinFlight, r.calm = nil, nil, false
	r.must(r.w.done(r.now, b, v, ended))
}

// drain gives the budget time until nothing is pending.
func (r *run) drain() {
	for n := 0; len(r.w.live) > 0 || r.flight != nil; n++ {
		if n > 1000 {
			r.t.Fatalf("%d intents are left after %d steps", len(r.w.live), n)
		}
		if r.flight != nil {
			r.now = r.now.Add(time.Millisecond)
			r.done(Verdict{Result: Pushed, End: r.now, Counted: true, Reached: true})
		}
		r.next()
		r.check()
		if r.flight == nil && len(r.w.live) > 0 {
			if r.wake.IsZero() {
				r.t.Fatalf("%d intents are left and nothing is to happen", len(r.w.live))
			}
			r.now = r.wake
		}
	}
	if len(r.s.groups)+len(r.s.newest)+r.s.expiries.Len()+r.s.batches() > 0 {
		r.t.Fatalf("nothing is pending and this is kept: %v %v", r.s.groups, r.s.newest)
	}
}

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

func TestPromisesHoldForAnyHistory(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	known := newWorld()
	rapid.Check(t, func(t *rapid.T) {
		r := newRun(t, known, rapid.IntRange(1, 5).Draw(t, "quota"))
		pass := func(t *rapid.T) {
			steps := []time.Duration{1, time.Millisecond, 500 * time.Millisecond, time.Second, time.Second + 1, 5 * time.Second, time.Minute, time.Hour, 23 * time.Hour}
			r.now = r.now.Add(rapid.SampledFrom(steps).Draw(t, "time passes"))
		}
		add := func(*rapid.T) { r.add(r.draw()) }
		t.Repeat(map[string]func(*rapid.T){
			"add":       add,
			"add more":  add,
			"add still": add,
			"add again": add, // events outnumber calls
			"pass":      pass,
			"sleep": func(t *rapid.T) {
				if !r.calm || r.wake.IsZero() {
					t.Skip("nothing to wait for")
				}
				r.now = r.wake
				r.next()
			},
			"next": func(*rapid.T) { r.next() },
			"idle": func(*rapid.T) {
				d := r.s.Idle(r.now)
				r.same(d, r.twin.Idle(r.now))
				r.must(r.w.ended(r.now, d.Ended))
				r.calm = false
			},
			"done": func(t *rapid.T) {
				if r.flight == nil {
					t.Skip("no call is made")
				}
				pass(t)
				v := Verdict{Result: rapid.SampledFrom([]Result{Pushed, Pushed, Rejected, Again, Doubt}).Draw(t, "result"), End: r.now}
				v.Counted = v.Result != Again || rapid.Bool().Draw(t, "counted")
				v.Reached = v.Counted || rapid.Bool().Draw(t, "reached")
				if v.Result == Again && rapid.Bool().Draw(t, "back off") {
					v.NotBefore = r.now.Add(time.Minute)
				}
				r.done(v)
			},
			"": func(*rapid.T) { r.check() },
		})
		r.drain()
	})
}

// With calls in plenty nothing is late that critical ones do not overtake: every
// call starts before the first of its intents is due, however many are due at once.
func TestNothingIsLateInPlenty(t *testing.T) {
	t.Attr("guards", "deadlines")
	t.Parallel()
	known := newWorld()
	rapid.Check(t, func(t *rapid.T) {
		r := newRun(t, known, 1000)
		for range rapid.IntRange(1, 60).Draw(t, "intents") {
			in := r.draw()
			in.Policy.Priority = rapid.SampledFrom([]intent.Priority{intent.Low, intent.Normal, intent.High}).Draw(t, "calm priority")
			in.Policy.MaxDelay = rapid.SampledFrom([]time.Duration{5 * time.Minute, 6 * time.Minute, time.Hour}).Draw(t, "max delay")
			if in.Policy.Mode == intent.Latest {
				in.Policy.MaxDelay = 6 * time.Minute // one for all: what is due in an hour cannot be hurried to 5 minutes
			}
			in.Policy.Expires = r.now.Add(100 * time.Hour)
			in.Origin.Received = r.now
			r.add(in)
			r.sleep(r.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 20 * time.Second}).Draw(t, "pause")))
		}
		r.sleep(r.now.Add(2 * time.Hour))
		if len(r.w.live) > 0 {
			t.Fatalf("%d intents are left", len(r.w.live))
		}
	})
}

// sleep lets time pass as the loop does: it wakes when Next said, and every call
// takes a tenth of a second.
func (r *run) sleep(until time.Time) {
	for {
		r.next()
		if r.flight == nil {
			if r.wake.IsZero() || r.wake.After(until) {
				r.now = latest(r.now, until)
				return
			}
			r.now = r.wake
			continue
		}
		if late := r.now.Sub(r.flight.Due); late > 0 {
			r.t.Fatalf("batch %d starts %v late", r.flight.ID, late)
		}
		r.now = r.now.Add(100 * time.Millisecond)
		r.done(Verdict{Result: Pushed, End: r.now, Counted: true, Reached: true})
	}
}
