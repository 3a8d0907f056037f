package bridge

import (
	"errors"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pushbridge/internal/audience"
	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi"
)

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	parts = offset.Partition{Topic: "events", ID: 3}
	// Sets and audiences are compared by what they hold.
	byText = cmp.Options{
		cmp.Comparer(func(a, b audience.Audience) bool { return a == b }),
		cmp.Comparer(func(a, b intent.Message) bool { return a == b }),
		cmp.Transformer("runs", func(s *offset.Set) []offset.Range { return s.Ranges() }),
		cmpopts.EquateEmpty(),
	}
)

func at(n int64) offset.Position { return offset.Position{Partition: parts, Offset: n} }

func anyTag(t testing.TB, tags ...string) audience.Audience {
	t.Helper()
	a, err := audience.OfAnyTag(tags...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func saying(t testing.TB, text string) intent.Message {
	t.Helper()
	m, err := intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: text}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOriginOf(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	e := event.New()
	e.SetID("7")
	e.SetSource("/crm")
	e.SetType("promo")
	full := e.Clone()
	full.SetTime(noon.Add(-time.Hour))
	full.SetExtension("correlationid", "c1")
	full.SetExtension("traceparent", "00-1")

	for name, tt := range map[string]struct {
		record consume.Record
		want   intent.Origin
	}{
		"all there": {
			consume.Record{Position: at(1), Key: []byte("k"), Time: noon.Add(-time.Minute), Event: &full},
			intent.Origin{
				Position: at(1), Key: []byte("k"), Source: "/crm", ID: "7", Type: "promo", Time: noon.Add(-time.Hour),
				Received: noon.Add(-time.Minute), CorrelationID: "c1", Traceparent: "00-1",
			},
		},
		"an event without a time has the record's": {
			consume.Record{Position: at(1), Time: noon.Add(-time.Minute), Event: &e},
			intent.Origin{Position: at(1), Source: "/crm", ID: "7", Type: "promo", Time: noon.Add(-time.Minute), Received: noon.Add(-time.Minute)},
		},
		"a producer's clock that runs ahead": {
			consume.Record{Position: at(1), Time: noon.Add(time.Minute), Event: &e},
			intent.Origin{Position: at(1), Source: "/crm", ID: "7", Type: "promo", Time: noon, Received: noon},
		},
		"no time at all": {
			consume.Record{Position: at(1), Event: &e},
			intent.Origin{Position: at(1), Source: "/crm", ID: "7", Type: "promo", Time: noon, Received: noon},
		},
		"no event": {
			consume.Record{Position: at(1), Key: []byte("k"), Time: noon.Add(-time.Minute), Err: errors.New("no JSON")},
			intent.Origin{Position: at(1), Key: []byte("k"), Time: noon.Add(-time.Minute), Received: noon.Add(-time.Minute)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, originOf(&tt.record, noon)); diff != "" {
				t.Errorf("originOf (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttemptOf(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	gold, both := anyTag(t, "gold"), []audience.Audience{anyTag(t, "gold"), anyTag(t, "silver")}
	cover := func(rule string, n int64, audiences ...audience.Audience) limiter.Cover {
		return limiter.Cover{Intent: &intent.Intent{Origin: intent.Origin{Position: at(n)}, Rule: rule, Audiences: audiences}, Audience: audiences[0]}
	}
	elsewhere := cover("a", 5, gold)
	elsewhere.Intent.Origin.Position.Partition.ID = 4
	set := func(runs ...offset.Range) *offset.Set {
		s := new(offset.Set)
		for _, r := range runs {
			s.AddRange(r)
		}
		return s
	}
	fourth := offset.Partition{Topic: "events", ID: 4}

	for name, tt := range map[string]struct {
		covers []limiter.Cover
		want   []journal.Cover
	}{
		"runs of one rule and partition": {
			[]limiter.Cover{cover("a", 1, gold), cover("a", 3, gold), cover("a", 2, gold), cover("a", 9, gold)},
			[]journal.Cover{{Rule: "a", Partition: parts, Offsets: set(offset.Range{First: 1, Last: 3}, offset.Range{First: 9, Last: 9})}},
		},
		"rules and partitions apart": {
			[]limiter.Cover{cover("a", 1, gold), cover("b", 1, gold), elsewhere},
			[]journal.Cover{
				{Rule: "a", Partition: parts, Offsets: set(offset.Range{First: 1, Last: 1})},
				{Rule: "b", Partition: parts, Offsets: set(offset.Range{First: 1, Last: 1})},
				{Rule: "a", Partition: fourth, Offsets: set(offset.Range{First: 5, Last: 5})},
			},
		},
		"parts of an audience apart from whole ones": {
			[]limiter.Cover{cover("a", 1, gold), cover("a", 2, both...)},
			[]journal.Cover{
				{Rule: "a", Partition: parts, Offsets: set(offset.Range{First: 1, Last: 1})},
				{Rule: "a", Partition: parts, Offsets: set(offset.Range{First: 2, Last: 2}), Part: true},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &limiter.Batch{Audience: gold, Messages: []intent.Message{saying(t, "hi")}, Covers: tt.covers, OnDoubt: intent.Drop, Why: limiter.WhyDeadline}
			want := journal.Attempt{
				ID: "p", Number: 2, Lane: "alerts", App: 8, At: noon, Deadline: noon.Add(10 * time.Second), UnderWay: 5 * time.Second, Random: 7, Condition: gold, Messages: b.Messages,
				RulesVersion: "v1", OnDoubt: intent.Drop, Why: "deadline", Covers: tt.want,
			}
			p := &push{identity: identity{id: "p", random: 7, attempts: 2}, lane: &lane{Lane: &Lane{Name: "alerts", App: 8, CallTimeout: 2 * time.Second}}, batch: b}
			got := attemptOf(p, "v1", noon, noon.Add(10*time.Second))
			if diff := cmp.Diff(want, got, byText); diff != "" {
				t.Errorf("attemptOf (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestOf(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	a := journal.Attempt{ID: "p", Random: 7, Condition: anyTag(t, "gold"), Messages: []intent.Message{saying(t, "hi")}}
	want := pushapi.Request{Random: 7, Audience: a.Condition, Messages: a.Messages}
	if diff := cmp.Diff(want, requestOf(a), byText); diff != "" {
		t.Errorf("requestOf (-want +got):\n%s", diff)
	}
}

func TestVerdictOf(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	safe := noon.Add(10 * time.Second)
	for name, tt := range map[string]struct {
		outcome pushapi.Outcome
		breaker time.Time
		want    limiter.Verdict
	}{
		"done":               {pushapi.Outcome{Class: pushapi.ClassOK}, time.Time{}, limiter.Verdict{Result: limiter.Pushed}},
		"refused for good":   {pushapi.Outcome{Class: pushapi.ClassReject}, time.Time{}, limiter.Verdict{Result: limiter.Rejected}},
		"in doubt":           {pushapi.Outcome{Class: pushapi.ClassDoubt}, time.Time{}, limiter.Verdict{Result: limiter.Doubt}},
		"again":              {pushapi.Outcome{Class: pushapi.ClassRetry}, time.Time{}, limiter.Verdict{Result: limiter.Again}},
		"too soon":           {pushapi.Outcome{Class: pushapi.ClassWait, RetryAfter: time.Second}, time.Time{}, limiter.Verdict{Result: limiter.Again, NotBefore: noon.Add(time.Second)}},
		"signature":          {pushapi.Outcome{Class: pushapi.ClassResign}, time.Time{}, limiter.Verdict{Result: limiter.Again}},
		"configuration":      {pushapi.Outcome{Class: pushapi.ClassConfig, RetryAfter: time.Hour}, time.Time{}, limiter.Verdict{Result: limiter.Again, NotBefore: noon.Add(time.Hour)}},
		"quota is probed":    {pushapi.Outcome{Class: pushapi.ClassQuota}, time.Time{}, limiter.Verdict{Result: limiter.Again, NotBefore: noon.Add(quotaProbe)}},
		"open breaker":       {pushapi.Outcome{Class: pushapi.ClassRetry, RetryAfter: time.Second}, noon.Add(time.Minute), limiter.Verdict{Result: limiter.Again, NotBefore: noon.Add(time.Minute)}},
		"pause over breaker": {pushapi.Outcome{Class: pushapi.ClassRetry, RetryAfter: time.Hour}, noon.Add(time.Minute), limiter.Verdict{Result: limiter.Again, NotBefore: noon.Add(time.Hour)}},
	} {
		for _, spent := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				tt.outcome.Ended, tt.outcome.SafeAfter = noon, safe
				tt.outcome.Sent, tt.outcome.Counted = true, spent
				tt.want.End, tt.want.Reached, tt.want.Counted = safe, true, spent
				if diff := cmp.Diff(tt.want, verdictOf(tt.outcome, tt.breaker)); diff != "" {
					t.Errorf("verdictOf (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestOutcomeOf(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	attempt := &journal.Attempt{ID: "p", Number: 2, Lane: "alerts", App: 8}
	got := outcomeOf(attempt, pushapi.Outcome{
		Class: pushapi.ClassDoubt, Code: 60008, Info: "slow", TaskID: "t",
		Started: noon, Ended: noon.Add(time.Second), SafeAfter: noon.Add(10 * time.Second), Counted: true,
	})
	want := journal.Outcome{
		ID: "p", Number: 2, Lane: "alerts", App: 8, Class: "doubt", Code: 60008, Info: "slow", TaskID: "t",
		Started: noon, Ended: noon.Add(10 * time.Second), Counted: true, // what is safe, so that a restart keeps the interval
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomeOf (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(journal.Outcome{ID: "p", Number: 2, Lane: "alerts", App: 8, Class: "void"}, voidOf(attempt)); diff != "" {
		t.Errorf("voidOf (-want +got):\n%s", diff)
	}
	// The journal tells these apart by their text.
	if got := pushapi.ClassOK.String() + " " + pushapi.ClassDoubt.String(); got != journal.ClassOK+" "+journal.ClassDoubt {
		t.Errorf("pushapi says %q, the journal %q", got, journal.ClassOK+" "+journal.ClassDoubt)
	}
}

func TestDispositionOf(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	in := &intent.Intent{Origin: intent.Origin{Position: at(1), ID: "7"}, Rule: "a", Audiences: []audience.Audience{anyTag(t, "gold"), anyTag(t, "silver")}}
	in.Policy.Lane, in.Policy.Priority = "alerts", intent.High
	batch := &limiter.Batch{ID: 1, Why: limiter.WhyCritical}
	other := &intent.Origin{Source: "/crm", ID: "8"}
	push := identity{id: "p"}
	outcome := pushapi.Outcome{Code: 90001, Info: "no JSON", TaskID: "t", Started: noon}
	carried := journal.Disposition{PushID: "p", Code: 90001, Info: "no JSON", Why: "critical", PushedAt: noon, Parts: 2}

	for name, tt := range map[string]struct {
		ended limiter.Ended
		push  identity
		want  journal.Disposition
	}{
		"pushed": {limiter.Ended{Kind: limiter.EndPushed, Batch: batch}, push, func() journal.Disposition {
			d := carried
			d.Kind, d.TaskID = journal.Pushed, "t"
			return d
		}()},
		"pushed, in doubt": {limiter.Ended{Kind: limiter.EndPushed, Batch: batch, Doubt: true}, push, func() journal.Disposition {
			d := carried
			d.Kind, d.TaskID, d.Doubt = journal.Pushed, "t", true
			return d
		}()},
		"rejected": {limiter.Ended{Kind: limiter.EndRejected, Batch: batch}, push, func() journal.Disposition {
			d := carried
			d.Kind = journal.Rejected
			return d
		}()},
		// A call that did not carry it to its end says nothing about it.
		"expired after a failed call":    {limiter.Ended{Kind: limiter.EndExpired, Batch: batch}, push, journal.Disposition{Kind: journal.Expired}},
		"superseded after a failed call": {limiter.Ended{Kind: limiter.EndSuperseded, Batch: batch, By: other}, push, journal.Disposition{Kind: journal.Superseded, By: "/crm#8"}},
		"duplicate":                      {limiter.Ended{Kind: limiter.EndDuplicate}, identity{}, journal.Disposition{Kind: journal.Duplicate}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.ended.Intent = in
			tt.want.Origin, tt.want.Rule, tt.want.At = in.Origin, "a", noon
			tt.want.Lane, tt.want.Priority = "alerts", intent.High
			if diff := cmp.Diff(tt.want, dispositionOf(tt.ended, tt.push, outcome, noon)); diff != "" {
				t.Errorf("dispositionOf (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemaining(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	first, second := anyTag(t, "a", "b"), anyTag(t, "c")
	attempt := func(id string, doubt intent.OnDoubt, condition audience.Audience, part bool, offsets ...int64) journal.Attempt {
		set := new(offset.Set)
		for _, o := range offsets {
			set.Add(o)
		}
		return journal.Attempt{ID: id, OnDoubt: doubt, Condition: condition, Covers: []journal.Cover{{Rule: "r", Partition: parts, Offsets: set, Part: part}}}
	}
	known := newKnown(&journal.State{
		Partial: []journal.Completed{{Attempt: attempt("whole", intent.Drop, first, false, 1)}, {Attempt: attempt("part", intent.Drop, anyTag(t, "a", "b", "x"), true, 2, 3)}},
		InDoubt: []journal.Attempt{attempt("dropped", intent.Drop, second, true, 3), attempt("resent", intent.Resend, first, false, 4)},
	})
	for name, tt := range map[string]struct {
		offset    int64
		audiences []audience.Audience
		want      []audience.Audience
		wantCall  string
		wantDoubt bool
	}{
		"nothing known":                       {9, []audience.Audience{first}, []audience.Audience{first}, "", false},
		"called for":                          {1, []audience.Audience{first}, nil, "whole", false},
		"one part called for":                 {2, []audience.Audience{first, second}, []audience.Audience{second}, "part", false},
		"both parts called for, one in doubt": {3, []audience.Audience{first, second}, nil, "dropped", true},
		"in doubt, to be sent again":          {4, []audience.Audience{first}, []audience.Audience{first}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			in := intent.Intent{Origin: intent.Origin{Position: at(tt.offset)}, Rule: "r", Audiences: tt.audiences}
			rest, call := known.remaining(in)
			if diff := cmp.Diff(tt.want, rest, byText); diff != "" {
				t.Errorf("remaining (-want +got):\n%s", diff)
			}
			if call == nil {
				if tt.wantCall != "" {
					t.Errorf("no call, want %s", tt.wantCall)
				}
				return
			}
			want := journal.Disposition{
				Origin: in.Origin, Rule: "r", Kind: journal.Pushed, At: noon, Parts: len(tt.audiences), PushID: tt.wantCall, Doubt: tt.wantDoubt,
			}
			if diff := cmp.Diff(want, dispositionOfMade(in, call, noon)); diff != "" {
				t.Errorf("dispositionOfMade (-want +got):\n%s", diff)
			}
		})
	}
}

// A frozen push takes its own events in and no others, and is called by the app
// that was called before.
func TestFrozenPushHoldsItsEvents(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	set := new(offset.Set)
	set.Add(1)
	set.Add(2)
	push := journal.Attempt{
		ID: "p", Number: 2, App: 7, Random: 7, OnDoubt: intent.Resend, Condition: anyTag(t, "gold"), Messages: []intent.Message{saying(t, "hi")},
		Covers: []journal.Cover{{Rule: "r", Partition: parts, Offsets: set}},
	}
	dropped, moved, old, part := push, push, push, push
	dropped.OnDoubt = intent.Drop
	moved.App, old.App = 8, 0
	part.Covers = []journal.Cover{{Rule: "r", Partition: parts, Offsets: set, Part: true}}
	for name, tt := range map[string]struct {
		push     journal.Attempt
		rule     string
		offset   int64
		audience audience.Audience
		want     bool
	}{
		"its event":                     {push, "r", 1, anyTag(t, "gold"), true},
		"its event, of changed rules":   {push, "r", 2, anyTag(t, "silver"), true},
		"another event":                 {push, "r", 3, anyTag(t, "gold"), false},
		"another rule's":                {push, "s", 1, anyTag(t, "gold"), false},
		"another app's":                 {moved, "r", 1, anyTag(t, "gold"), false},
		"before there were apps":        {old, "r", 1, anyTag(t, "gold"), true},
		"its rule says drop it":         {dropped, "r", 1, anyTag(t, "gold"), false},
		"the part that it carries":      {part, "r", 1, anyTag(t, "gold"), true},
		"a part that it does not carry": {part, "r", 1, anyTag(t, "silver"), false},
	} {
		t.Run(name, func(t *testing.T) {
			lanes := []*lane{{Lane: &Lane{App: 7}}}
			newKnown(&journal.State{InDoubt: []journal.Attempt{tt.push}}).adopt(lanes)
			got := false
			for _, f := range lanes[0].frozen {
				got = f.hold(intent.Intent{Origin: intent.Origin{Position: at(tt.offset)}, Rule: tt.rule, Audiences: []audience.Audience{tt.audience}})
				if a := f.again(&lane{Lane: &Lane{CallTimeout: 2 * time.Second}}, noon, noon.Add(time.Second)); a.ID != "p" || a.Number != 3 || a.Random != 7 || a.Condition != push.Condition || a.UnderWay != 5*time.Second || a.Why != "resend" {
					t.Errorf("called again as %+v", a)
				}
			}
			if got != tt.want {
				t.Errorf("held: %t, want %t", got, tt.want)
			}
		})
	}
}

func TestFences(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	got := fences([]consume.Assignment{{Metadata: "a.1"}, {}, {Metadata: "a.1"}, {Metadata: "b.2"}})
	if diff := cmp.Diff([]string{"a.1", "b.2"}, got); diff != "" {
		t.Errorf("fences (-want +got):\n%s", diff)
	}
}
