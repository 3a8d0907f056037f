package simulate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// told is a run of rules with its history.
func told(t *testing.T, rules string, quota int, events []Arrival) *History {
	t.Helper()
	c := testConfig(t)
	if rules != "" {
		var err error
		if c.Rules, err = mapper.Parse("rules.yaml", []byte(rules), mapper.Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	c.Lanes = oneLane(intent.Terms{Calls: quota, Interval: time.Second})
	h := new(History)
	c.Watch = h.Watch()
	if _, err := Run(c, stream(events)); err != nil {
		t.Fatal(err)
	}
	return h
}

// The same rules change nothing; with fewer calls, what changes is when and whether
// events are pushed, and nothing of what they ask for.
func TestCompareQuotas(t *testing.T) {
	t.Attr("guards", "a comparison tells what is asked for from when it goes")
	t.Parallel()

	events := days(t, 1500, 7)
	many := told(t, "", 300, events)
	if c := Compare(many, told(t, "", 300, events), 0); c.Changed != 0 || c.Events != len(events) {
		t.Errorf("the same rules: %d of %d events change, want none of %d", c.Changed, c.Events, len(events))
	}
	few := told(t, "", 20, events)
	c := Compare(many, few, 0)
	if c.Changed == 0 || c.Changed != len(c.Differences) || c.ByKind[OtherDisposition] == 0 || c.ByKind[Later] == 0 {
		t.Fatalf("fewer calls: %+v", c.ByKind)
	}
	for _, k := range []DifferenceKind{OtherRule, OtherAudience, OtherMessage, OtherPriority} {
		if c.ByKind[k] > 0 {
			t.Errorf("fewer calls: %d of %q", c.ByKind[k], k)
		}
	}
	if back := Compare(few, many, 0); back.Changed != c.Changed || back.ByKind[Earlier] != c.ByKind[Later] || back.ByKind[Later] != c.ByKind[Earlier] {
		t.Errorf("one way %d change, %v; the other way %d, %v", c.Changed, c.ByKind, back.Changed, back.ByKind)
	}
	if short := Compare(many, few, 3); len(short.Differences) != 3 || short.Changed != c.Changed {
		t.Errorf("at most 3: %d of %d, want 3 of %d", len(short.Differences), short.Changed, c.Changed)
	}
	first := slices.IndexFunc(c.Differences, func(d Difference) bool { return d.Kinds[0] >= MoreCalls })
	if slices.ContainsFunc(c.Differences[max(0, first):], func(d Difference) bool { return d.Kinds[0] < MoreCalls }) && first >= 0 {
		t.Error("what is about time does not stand behind the rest")
	}
}

func TestDifferences(t *testing.T) {
	t.Attr("guards", "every way in which an event fares otherwise is named")
	t.Parallel()

	tags := func(names ...string) []audience.Audience {
		a, err := audience.OfAnyTag(names...)
		if err != nil {
			t.Fatal(err)
		}
		return []audience.Audience{a}
	}
	pushed := func(change func(*Outcome)) []Outcome {
		o := Outcome{Line: 1, Name: "/a#1", Rule: "promo", Priority: intent.Normal, Audiences: tags("gold"), Disposition: "pushed", Call: 7, Calls: 1, Sent: nine}
		if change != nil {
			change(&o)
		}
		return []Outcome{o}
	}
	for name, tt := range map[string]struct {
		before, after []Outcome
		want          []DifferenceKind
	}{
		"nothing":                     {pushed(nil), pushed(nil), nil},
		"another call, the same time": {pushed(nil), pushed(func(o *Outcome) { o.Call = 9 }), nil},
		"hardly later":                {pushed(nil), pushed(func(o *Outcome) { o.Sent = nine.Add(shiftLeast - 1) }), nil},
		"later":                       {pushed(nil), pushed(func(o *Outcome) { o.Sent = nine.Add(shiftLeast) }), []DifferenceKind{Later}},
		"earlier":                     {pushed(nil), pushed(func(o *Outcome) { o.Sent = nine.Add(-time.Hour) }), []DifferenceKind{Earlier}},
		"audience":                    {pushed(nil), pushed(func(o *Outcome) { o.Audiences = tags("gold", "silver") }), []DifferenceKind{OtherAudience}},
		"priority":                    {pushed(nil), pushed(func(o *Outcome) { o.Priority = intent.High }), []DifferenceKind{OtherPriority}},
		"rule alone":                  {pushed(nil), pushed(func(o *Outcome) { o.Rule = "vip" }), []DifferenceKind{OtherRule}},
		"more calls":                  {pushed(nil), pushed(func(o *Outcome) { o.Calls = 2 }), []DifferenceKind{MoreCalls}},
		"fewer calls":                 {pushed(func(o *Outcome) { o.Calls = 2 }), pushed(nil), []DifferenceKind{FewerCalls}},
		"expired": {pushed(nil), pushed(func(o *Outcome) { o.Disposition, o.Call, o.Calls, o.Sent = "expired", 0, 0, time.Time{} }),
			[]DifferenceKind{OtherDisposition}},
		"unmatched":     {pushed(nil), []Outcome{{Line: 1, Name: "/a#1", Disposition: "unmatched"}}, []DifferenceKind{OtherRule, OtherDisposition}},
		"one rule more": {pushed(nil), append(pushed(nil), pushed(func(o *Outcome) { o.Rule = "vip" })...), []DifferenceKind{OtherRule}},
		"one rule less, the other later": {append(pushed(nil), pushed(func(o *Outcome) { o.Rule = "vip" })...),
			pushed(func(o *Outcome) { o.Rule, o.Sent = "vip", nine.Add(time.Hour) }), []DifferenceKind{OtherRule, Later}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := differenceOf(tt.before, tt.after)
			if fmt.Sprint(d.Kinds) != fmt.Sprint(tt.want) || d.Line != 1 || d.Name != "/a#1" {
				t.Errorf("%+v: kinds %v, want %v", d, d.Kinds, tt.want)
			}
		})
	}
}

// An event of many tags takes as many calls as its outcome says.
func TestHistoryCountsCalls(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()

	many := make([]string, 23)
	for i := range many {
		many[i] = fmt.Sprint("t", i)
	}
	h := told(t, "", 100, []Arrival{at(t, 0, "promo", "1", map[string]any{"tiers": many, "text": "For many"})})
	if len(h.Outcomes) != 1 || h.Outcomes[0].Calls != 3 || len(h.Calls) != 3 || h.Outcomes[0].Call != 3 || len(h.carried) != 0 {
		t.Errorf("outcomes %+v of %d calls, want one of 3", h.Outcomes, len(h.Calls))
	}
}

func TestAdvise(t *testing.T) {
	t.Attr("guards", "what a call more buys is by the day and the call")
	t.Parallel()

	report := func(late, expired int, mean time.Duration) Report {
		return Report{From: nine, To: nine.Add(48 * time.Hour), Ends: Ends{Expired: expired, Pushed: 100 - expired}, Priorities: []Priority{
			{Priority: intent.Critical, Intents: 100, Late: late, Never: expired, Delay: Delay{Mean: mean}},
		}}
	}
	got := Advise([]int{10, 15}, []Report{report(20, 40, time.Hour), report(10, 20, 2*time.Hour)})
	if len(got) != 1 || got[0].Calls != 10 || got[0].More != (Gain{Expired: 2, Missed: 3, Critical: 3, Delay: 12 * time.Minute}) {
		t.Errorf("Advise: %+v", got)
	}
}
