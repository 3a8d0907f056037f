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

// drawnTags is how many tags there are in random histories: some more than one
// call can name.
const drawnTags = 13

// focus is what a history is mostly about: drawn from everything, the ways that
// need several steps in a row are hardly ever walked.
type focus struct {
	modes   []intent.Mode
	rules   []string
	texts   int
	lives   []time.Duration
	delays  []time.Duration
	results []Result
	mask    uint32 // of the hash by which messages are found: few bits make them clash
	gates   []*intent.Gate
	keys    []string
	scopes  []string
	room    string // the audience, in a script's word, with which a request is as large as allowed; "": no limit
	tags    bool   // audiences are one tag or two
	more    int    // bytes allowed beyond that

	suppresses bool // some hold the pool p back
	clock      bool // the wall clock is set now and then
}

var (
	gates = []*intent.Gate{nil, {Pool: "p"}, {Pool: "q"}}
	// Open from 9:00 to 9:02, 9:05 to 9:30 and from 22:00 on.
	nowAndThen = must(intent.NewCalendar("now and then", intent.Span{Times: []intent.DayTime{{Start: 540, End: 542}, {Start: 545, End: 570}, {Start: 1320, End: 1440}}}))
	holding    = []*intent.Gate{
		nil, {Pool: "p"}, {Active: nowAndThen}, {NotBefore: start.Add(3 * time.Minute)}, {Active: nowAndThen, NotBefore: start.Add(time.Minute)},
		{Frequency: intent.Frequency{Calls: 1, Per: time.Minute}}, {Pool: "p", Frequency: intent.Frequency{Calls: 2, Per: time.Hour}},
	}
	keys = []string{"k", "l"}
	none = []*intent.Gate{nil}
	own  = []string{""}
)

var focuses = map[string]focus{
	"everything": {
		mask: 1, gates: gates, keys: keys, scopes: []string{"", "s"},
		modes: []intent.Mode{intent.Merge, intent.Merge, intent.Latest, intent.Alone, intent.Digest, intent.Digest}, rules: []string{"r", "q"}, texts: 6,
		lives:   []time.Duration{0, time.Second, time.Minute, time.Hour, 30 * time.Hour},
		delays:  []time.Duration{0, 2 * time.Second, 30 * time.Second, 10 * time.Minute, 5 * time.Hour},
		results: []Result{Pushed, Pushed, Rejected, Again, Doubt},
	},
	"revisions": {
		mask: ^uint32(0), gates: none, keys: keys, scopes: []string{"", "s", "s"},
		modes: []intent.Mode{intent.Latest}, rules: []string{"r", "q"}, texts: 2,
		lives:   []time.Duration{5 * time.Second, time.Minute, time.Hour, 30 * time.Hour},
		delays:  []time.Duration{0, 2 * time.Second, 30 * time.Second},
		results: []Result{Pushed, Rejected, Again, Again, Doubt, Doubt},
	},
	"merging": {
		mask: ^uint32(0), gates: none, keys: keys, scopes: own,
		modes: []intent.Mode{intent.Merge}, rules: []string{"r"}, texts: 1,
		lives:   []time.Duration{5 * time.Second, time.Minute, time.Hour},
		delays:  []time.Duration{30 * time.Second, 10 * time.Minute, 5 * time.Hour},
		results: []Result{Pushed, Again, Again},
	},
	"small requests": {
		mask: 1, gates: none, keys: keys, scopes: own,
		modes: []intent.Mode{intent.Merge, intent.Merge, intent.Latest}, rules: []string{"r"}, texts: 2, room: "any:a,b,c,d",
		lives:   []time.Duration{5 * time.Second, time.Minute, time.Hour},
		delays:  []time.Duration{30 * time.Second, 10 * time.Minute, 5 * time.Hour},
		results: []Result{Pushed, Again, Again, Doubt},
	},
	"held back": {
		mask: ^uint32(0), gates: holding, keys: keys, scopes: own, suppresses: true,
		modes: []intent.Mode{intent.Merge, intent.Merge, intent.Latest, intent.Alone, intent.Digest}, rules: []string{"r"}, texts: 2,
		lives:   []time.Duration{5 * time.Second, time.Minute, time.Hour, 30 * time.Hour},
		delays:  []time.Duration{0, 30 * time.Second, 10 * time.Minute},
		results: []Result{Pushed, Pushed, Pushed, Again, Doubt},
	},
	"a clock that is set": {
		mask: ^uint32(0), gates: holding, keys: keys, scopes: own, suppresses: true, clock: true,
		modes: []intent.Mode{intent.Merge, intent.Merge, intent.Latest, intent.Alone, intent.Digest}, rules: []string{"r"}, texts: 2,
		lives:   []time.Duration{5 * time.Second, time.Minute, time.Hour, 30 * time.Hour},
		delays:  []time.Duration{0, 30 * time.Second, 10 * time.Minute},
		results: []Result{Pushed, Pushed, Pushed, Again, Doubt},
	},
	"digests": {
		mask: ^uint32(0), gates: none, keys: []string{"", "k"}, scopes: own,
		modes: []intent.Mode{intent.Digest}, rules: []string{"r"}, texts: 6,
		lives:   []time.Duration{5 * time.Second, time.Minute, time.Hour},
		delays:  []time.Duration{30 * time.Second, 10 * time.Minute, 5 * time.Hour},
		results: []Result{Pushed, Pushed, Again, Again, Doubt, Rejected},
	},
	// More tags than one call can name.
	"pages": {
		mask: ^uint32(0), gates: none, keys: []string{""}, scopes: own, tags: true,
		modes: []intent.Mode{intent.Digest}, rules: []string{"r"}, texts: 3,
		lives:   []time.Duration{time.Minute, time.Hour, time.Hour},
		delays:  []time.Duration{10 * time.Minute, 5 * time.Hour},
		results: []Result{Pushed, Pushed, Again},
	},
	"small pages": {
		mask: ^uint32(0), gates: none, keys: []string{""}, scopes: own, tags: true, room: "any:a,b", more: 58,
		modes: []intent.Mode{intent.Digest}, rules: []string{"r"}, texts: 2,
		lives:   []time.Duration{time.Hour},
		delays:  []time.Duration{10 * time.Minute, 5 * time.Hour},
		results: []Result{Pushed, Pushed, Again},
	},
	"small digests": {
		mask: ^uint32(0), gates: none, keys: []string{""}, scopes: own, room: "any:a,b,c,d", more: 70,
		modes: []intent.Mode{intent.Digest}, rules: []string{"r"}, texts: 3,
		lives:   []time.Duration{5 * time.Second, time.Minute, time.Hour},
		delays:  []time.Duration{30 * time.Second, 10 * time.Minute, 5 * time.Hour},
		results: []Result{Pushed, Again, Again, Doubt},
	},
}

func (r *run) draw() intent.Intent {
	t := r.t
	r.serial++
	n, repeated := r.serial, false
	if n > 1 && rapid.IntRange(0, 9).Draw(t, "repeat") == 0 {
		n, repeated = rapid.Int64Range(1, n-1).Draw(t, "of"), true
	}
	in := intent.Intent{
		Origin: intent.Origin{
			Position: offset.Position{Partition: offset.Partition{Topic: "t"}, Offset: r.serial},
			Source:   "/s", ID: fmt.Sprint(n),
			Received: r.now.Round(0).Add(-rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(t, "lag")),
			Time:     start.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "time")) * time.Second),
		},
		Rule:    rapid.SampledFrom(r.focus.rules).Draw(t, "rule"),
		Message: rapid.SampledFrom(r.texts[:r.focus.texts]).Draw(t, "message"),
		Policy: intent.Policy{
			Priority: rapid.SampledFrom(intent.Priorities[:]).Draw(t, "priority"),
			MaxDelay: rapid.SampledFrom(r.focus.delays).Draw(t, "max delay"),
			Expires:  r.now.Round(0).Add(rapid.SampledFrom(r.focus.lives).Draw(t, "life")),
			Mode:     rapid.SampledFrom(r.focus.modes).Draw(t, "mode"),
			OnDoubt:  rapid.SampledFrom([]intent.OnDoubt{intent.Resend, intent.Resend, intent.Drop}).Draw(t, "on doubt"),
		},
	}
	if r.focus.tags {
		in.Audiences = must(audience.Spread(rapid.SliceOfN(rapid.SampledFrom(strings.Split(worldTags[:drawnTags], "")), 1, 2).Draw(t, "tags")...))
	} else {
		in.Audiences = drawAudience(t)
	}
	in.Policy.Gate = rapid.SampledFrom(r.focus.gates).Draw(t, "gate")
	if r.focus.suppresses && (in.Policy.Gate == nil || in.Policy.Gate.Pool != "p") && rapid.IntRange(0, 3).Draw(t, "suppresses") == 0 {
		in.Policy.Suppresses = &intent.Suppression{Pool: "p", For: time.Minute}
	}
	if rapid.IntRange(0, 4).Draw(t, "with texts") == 0 {
		in.Origin.Key, in.Origin.Traceparent, in.Origin.CorrelationID = []byte{0, 'k'}, "00-trace", strings.Repeat("c", 200)
	}
	switch in.Policy.Mode {
	case intent.Latest:
		in.Policy.Key = rapid.SampledFrom(r.focus.keys).Draw(t, "key")
		in.Policy.Scope = rapid.SampledFrom(r.focus.scopes).Draw(t, "scope")
		if r.last.Rule != "" && rapid.IntRange(0, 4).Draw(t, "same record") == 0 {
			repeated = true
			in.Origin, in.Rule = r.last.Origin, map[string]string{"r": "q", "q": "r"}[r.last.Rule]
		}
	case intent.Digest:
		in.Policy.Key = rapid.SampledFrom(r.focus.keys).Draw(t, "key")
		in.Policy.MaxMessages = rapid.SampledFrom([]int{1, 2, 3, 3, 5}).Draw(t, "most messages")
		in.Policy.Overflow = rapid.SampledFrom([]intent.Overflow{intent.Next, intent.Newest}).Draw(t, "overflow")
	case intent.Merge, intent.Alone:
	}
	r.last = intent.Intent{}
	if !repeated && len(r.focus.rules) > 1 {
		r.last = in
	}
	return in
}

func drawAudience(t *rapid.T) []audience.Audience {
	tags := func(least, most int) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(strings.Split(worldTags[:drawnTags], "")), least, most, rapid.ID[string]).Draw(t, "tags")
	}
	pairs := func() map[string]string {
		return rapid.MapOfN(rapid.SampledFrom([]string{"x", "y"}), rapid.SampledFrom([]string{"1", "2"}), 1, 2).Draw(t, "pairs")
	}
	switch rapid.SampledFrom([]string{"any", "any", "any", "many", "all", "all", "attr", "attrs", "everyone"}).Draw(t, "audience") {
	case "any":
		return must(audience.Spread(tags(1, 4)...))
	case "many":
		return must(audience.Spread(tags(9, drawnTags)...))
	case "all":
		return []audience.Audience{must(audience.OfAllTags(tags(2, 3)...))}
	case "attr":
		return []audience.Audience{must(audience.OfAnyAttr(pairs()))}
	case "attrs":
		return []audience.Audience{must(audience.OfAllAttrs(pairs()))}
	}
	return []audience.Audience{audience.All()}
}

func TestPromisesHoldForAnyHistory(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	for name, f := range focuses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known := newWorld(drawnTags)
			rapid.Check(t, func(t *rapid.T) { anyHistory(t, known, f) })
		})
	}
}

func anyHistory(t *rapid.T, known *world, f focus) {
	r := newRun(t, known, rapid.IntRange(1, 5).Draw(t, "quota"), f)
	pass := func(t *rapid.T) {
		steps := []time.Duration{1, time.Millisecond, 500 * time.Millisecond, time.Second, time.Second + 1, 2 * time.Second, 5 * time.Second, time.Minute}
		r.now = r.now.Add(rapid.SampledFrom(steps).Draw(t, "time passes"))
	}
	add := func(*rapid.T) { r.add(r.draw()) }
	next := func(t *rapid.T) {
		if r.flight == nil {
			pass(t)
		}
		r.next()
	}
	done := func(t *rapid.T) {
		if r.flight == nil {
			t.Skip("no call is made")
		}
		pass(t)
		v := Verdict{Result: rapid.SampledFrom(r.focus.results).Draw(t, "result"), End: r.now}
		v.Counted = v.Result != Again || rapid.Bool().Draw(t, "counted")
		v.Reached = v.Counted || rapid.Bool().Draw(t, "reached")
		if v.Result == Again && rapid.Bool().Draw(t, "back off") {
			v.NotBefore = r.now.Add(time.Minute)
		}
		r.done(v)
	}
	t.Repeat(map[string]func(*rapid.T){
		"add":          add,
		"add more":     add,
		"add still":    add,
		"pass":         pass,
		"a day passes": func(*rapid.T) { r.now = r.now.Add(23*time.Hour + 59*time.Minute) },
		"sleep": func(t *rapid.T) {
			if !r.calm || r.wake.IsZero() {
				t.Skip("nothing to wait for")
			}
			r.rest()
			r.next()
		},
		"the clock is set": func(t *rapid.T) {
			if !f.clock {
				t.Skip("its wall clock is right")
			}
			by := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour, 25 * time.Hour}).Draw(t, "by")
			if rapid.Bool().Draw(t, "back") {
				by = -by
			}
			r.now, r.calm = stepped(r.now, by), false
		},
		"next":       next,
		"next again": next,
		"done":       done,
		"done again": done,
		"idle": func(*rapid.T) {
			d := r.s.Idle(r.now)
			r.same(d, r.twin.Idle(r.now))
			r.must(r.w.ended(r.now, d.Ended))
			r.calm = false
		},
		"terms": func(t *rapid.T) {
			terms := intent.Terms{Calls: r.w.quota, Interval: r.w.interval}
			for _, name := range []string{"p", "q"} {
				if rapid.Bool().Draw(t, "has a pool") {
					terms.Pools = append(terms.Pools, intent.Pool{Name: name, AtMost: rapid.IntRange(1, r.w.quota).Draw(t, "at most"), Borrow: rapid.Bool().Draw(t, "borrows")})
				}
			}
			r.s.SetTerms(r.now, terms)
			r.twin.SetTerms(r.now, terms)
			r.calm = false
		},
		"": func(*rapid.T) { r.check() },
	})
	r.drain()
}

// While no more comes than an even use of the quota could carry, nothing is late: every
// call starts before the first of its intents is due, however many are due at once.
func TestNothingIsLateInPlenty(t *testing.T) {
	t.Attr("guards", "deadlines")
	t.Parallel()
	known := newWorld(drawnTags)
	rapid.Check(t, func(t *rapid.T) {
		r := newRun(t, known, 10_000, focuses["everything"])
		for range rapid.IntRange(1, 60).Draw(t, "intents") {
			in := r.draw()
			in.Policy.Priority = rapid.SampledFrom([]intent.Priority{intent.Low, intent.Normal, intent.High}).Draw(t, "calm priority")
			in.Policy.MaxDelay = rapid.SampledFrom([]time.Duration{5 * time.Minute, 6 * time.Minute, time.Hour}).Draw(t, "max delay")
			if in.Policy.Mode == intent.Latest || in.Policy.Mode == intent.Digest {
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
			r.rest()
			continue
		}
		if late := r.now.Sub(r.flight.Due); late > 0 {
			r.t.Fatalf("batch %d starts %v late", r.flight.ID, late)
		}
		r.now = r.now.Add(100 * time.Millisecond)
		r.done(Verdict{Result: Pushed, End: r.now, Counted: true, Reached: true})
	}
}
