package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
)

// The figures of each rule against those that a reader of the log comes to.
func TestRulesAgreeWithLog(t *testing.T) {
	t.Attr("guards", "what the report says of each rule is what the log says")
	t.Parallel()

	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: 60, Interval: time.Second})
	r, log := play(t, c, days(t, 2000, 5))
	want := map[string]*Rule{}
	for _, name := range c.Rules.Rules() {
		want[name] = &Rule{Rule: name}
	}
	for _, l := range readLog(t, log) {
		for name := range strings.SplitSeq(l.Rule, ",") {
			u := want[name]
			switch {
			case u == nil:
			case l.Kind == "push": // no two of the tests' rules share a message
				u.Calls++
				u.Covered += len(l.Covers)
			case l.Disposition == "superseded":
				u.Ends.Superseded++
			case l.Disposition == "expired":
				u.Ends.Expired++
			case l.Disposition == "duplicate":
				u.Ends.Duplicate++
			case l.Disposition == "dead-lettered":
				u.Ends.DeadLettered++
			}
		}
	}
	pushed, intents := 0, 0
	for i, u := range r.Rules {
		pushed += u.Ends.Pushed
		intents += u.Intents
		w := want[u.Rule]
		if c.Rules.Rules()[i] != u.Rule || w.Calls != u.Calls || w.Covered != u.Covered {
			t.Errorf("rule %d, %s: %d calls carry %d; log: %d carry %d", i, u.Rule, u.Calls, u.Covered, w.Calls, w.Covered)
		}
		w.Ends.Pushed = u.Ends.Pushed // summed below
		if diff := cmp.Diff(w.Ends, u.Ends); diff != "" {
			t.Errorf("ends of %s (-log +report):\n%s", u.Rule, diff)
		}
		// Each rule of the tests has a priority of its own.
		n := slices.IndexFunc(r.Priorities, func(p Priority) bool { return p.Priority == u.Priority })
		p := r.Priorities[n]
		if p.Delay != u.Delay || p.Late != u.Late || p.Missed() != u.Missed() && u.Rule != "alert" { // of which some were superseded by what expired
			t.Errorf("%s: %+v, its priority: %+v", u.Rule, u, p)
		}
	}
	if pushed != r.Ends.Pushed || intents != r.Intents-r.Ends.Duplicate || pushed == 0 {
		t.Errorf("rules: %d pushed of %d intents; report: %d of %d", pushed, intents, r.Ends.Pushed, r.Intents-r.Ends.Duplicate)
	}
}

// The timeline against the calls and ends themselves.
func TestTimeline(t *testing.T) {
	t.Attr("guards", "the budget's timeline is what a reader of the log comes to")
	t.Parallel()

	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: 30, Interval: time.Second})
	var h History
	c.Watch = h.Watch()
	events := days(t, 1500, 11)
	r, err := Run(c, stream(events))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for i, m := range r.Timeline {
		if i > 0 && !m.At.After(r.Timeline[i-1].At) || m.At.Truncate(time.Hour) != m.At {
			t.Fatalf("moment %d is at %v", i, m.At)
		}
		calls += m.Calls
		used, waiting := 0, 0
		for _, call := range h.Calls {
			if call.Sent.Before(m.At) && call.Ends.Add(day).After(m.At) {
				used++
			}
		}
		for _, o := range h.Outcomes {
			if o.Received.Before(m.At) && !o.At.Before(m.At) && o.Rule != "" {
				waiting++
			}
		}
		if m.Used != used || m.Waiting != waiting || m.Quota != 30 {
			t.Errorf("at %v: %+v, want %d used and %d waiting of 30", m.At, m, used, waiting)
		}
	}
	if last := r.Timeline[len(r.Timeline)-1]; calls > r.Calls || r.To.Sub(last.At) > time.Hour || len(r.Timeline) < 24 {
		t.Errorf("%d moments with %d of %d calls, the last at %v of %v", len(r.Timeline), calls, r.Calls, last.At, r.To)
	}
}
