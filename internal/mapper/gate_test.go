package mapper

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
)

func mustLoad(t testing.TB, file string) *Rules {
	t.Helper()
	r, err := Load(file, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// policyOf maps an event, of which one intent is wanted, that arrived then.
func policyOf(t testing.TB, r *Rules, members string, at time.Time) intent.Policy {
	t.Helper()
	e, o := mustEvent(t, members)
	o.Received = at
	m := r.Map(e, o)
	if len(m.Intents) != 1 {
		t.Fatalf("Map(%s) = %s, want one intent", members, summary(m))
	}
	return m.Intents[0].Policy
}

// held writes a policy for comparison: what of it is new beside mode and time.
func held(p intent.Policy) string {
	s := fmt.Sprintf("lane=%q %v key=%q scope=%q", p.Lane, p.Mode, p.Key, p.Scope)
	if p.Mode == intent.Digest {
		s += fmt.Sprintf(" %d %v", p.MaxMessages, p.Overflow)
	}
	if g := p.Gate; g != nil {
		s += fmt.Sprintf(" pool=%q", g.Pool)
		if g.Active != nil {
			s += fmt.Sprintf(" active=%q", g.Active.Name())
		}
		if g.Frequency != (intent.Frequency{}) {
			s += fmt.Sprintf(" %d/%v", g.Frequency.Calls, g.Frequency.Per)
		}
		if !g.NotBefore.IsZero() {
			s += " from=" + g.NotBefore.Format(time.RFC3339)
		}
	}
	if x := p.Suppresses; x != nil {
		s += fmt.Sprintf(" suppresses=%s/%v", x.Pool, x.For)
	}
	return s
}

func TestShares(t *testing.T) {
	t.Attr("guards", "what a rule says about shares, lanes, times and digests")
	t.Parallel()
	r := mustLoad(t, "testdata/rules/shares.yaml")
	for name, tt := range map[string]struct{ event, want string }{
		"critical takes no times and no frequency of the defaults": {
			`{"type":"region.alert","data":{"severity":"red","region":"R1","text":"a","alert_id":7}}`,
			`lane="" latest key="7" scope="region-alert" pool="marketing" suppresses=orders/15m0s`,
		},
		"another rule of the scope": {
			`{"type":"region.alert","data":{"severity":"grey","region":"R1","text":"a","alert_id":7}}`,
			`lane="" latest key="7" scope="region-alert" pool="orders" active="daytime, weekend" 3/24h0m0s`,
		},
		"a digest at a clock time": {
			`{"type":"article.published","data":{"title":"T","section":"news"}}`,
			`lane="" digest key="news" scope="evening-digest" 8 newest pool="marketing" active="daytime, weekend" 3/24h0m0s from=2026-03-01T10:00:00Z`,
		},
		"a digest whose key renders empty": {
			`{"type":"article.published","data":{"title":"T","section":""}}`,
			`lane="" digest key="" scope="evening-digest" 8 newest pool="marketing" active="daytime, weekend" 3/24h0m0s from=2026-03-01T10:00:00Z`,
		},
		"a digest of another lane": {
			`{"type":"video.published","data":{"title":"T"}}`,
			`lane="partner" digest key="" scope="digest" 5 next pool="marketing" active="season" 1/6h0m0s`,
		},
		"a pool of the defaults is no pool of another lane": {
			`{"type":"alarm","data":{"title":"T"}}`,
			`lane="alerts" merge key="" scope="" pool="" 10/1h0m0s`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := held(policyOf(t, r, tt.event, received)); got != tt.want {
				t.Errorf("policy\n%s, want\n%s", got, tt.want)
			}
		})
	}

	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	want := []Lane{
		{"", intent.Terms{Calls: 100, Day: shanghai, Reserve: 10, Pools: []intent.Pool{{Name: "marketing", AtMost: 60, Borrow: true}, {Name: "orders", AtLeast: 20}}}},
		{"alerts", intent.Terms{Reserve: intent.AutoReserve}},
		{"partner", intent.Terms{Calls: 10, Reserve: intent.AutoReserve, Pools: []intent.Pool{{Name: "marketing", AtLeast: 1, AtMost: 5}}}},
	}
	sameZone := gocmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() && (a == nil) == (b == nil) })
	if diff := gocmp.Diff(want, r.Lanes(), sameZone); diff != "" {
		t.Errorf("lanes (-want +got):\n%s", diff)
	}
	plain := mustParse(t, oneRule())
	if diff := gocmp.Diff([]Lane{{Terms: intent.Terms{Reserve: intent.AutoReserve}}}, plain.Lanes(), sameZone); diff != "" {
		t.Errorf("lanes of a file that says nothing (-want +got):\n%s", diff)
	}
	if p := policyOf(t, plain, `{}`, received); p.Gate != nil || p.Suppresses != nil {
		t.Errorf("a rule that says nothing has %s", held(p))
	}
}

func TestDefaultLane(t *testing.T) {
	t.Attr("guards", "what a rule says about shares, lanes, times and digests")
	t.Parallel()
	const top = "budget: {pools: {m: {}}}\nlanes: [{name: partner, budget: {pools: {o: {}}}}]\ndefaults: {lane: partner, pool: o}\n"
	for delivery, want := range map[string]string{
		"{}":                       `lane="partner" merge key="" scope="" pool="o"`,
		"{lane: partner}":          `lane="partner" merge key="" scope="" pool="o"`,
		"{lane: default}":          `lane="" merge key="" scope=""`,
		"{lane: default, pool: m}": `lane="" merge key="" scope="" pool="m"`,
	} {
		rules := "version: 1\n" + top + oneRule("delivery: " + delivery)[len("version: 1\n"):]
		if got := held(policyOf(t, mustParse(t, rules), `{}`, received)); got != want {
			t.Errorf("delivery: %s gives %s, want %s", delivery, got, want)
		}
	}
}

// gated is a file in which rules say one gate in different ways.
const gated = `version: 1
defaults: {expire_after: 48h}
time_intervals:
  - {name: a, time_intervals: [{weekdays: [monday]}]}
  - {name: b, time_intervals: [{weekdays: [sunday]}]}
budget: {pools: {m: {}}}
rules:
  - {name: r1, match: {type: r1}, audience: {everyone: true}, message: [{text: hi}], delivery: {expire_after: 200h, pool: m, active: [a, b]}}
  - {name: r2, match: {type: r2}, audience: {everyone: true}, message: [{text: hi}], delivery: {expire_after: 200h, pool: m, active: [b, a]}}
  - {name: r3, match: {type: r3}, audience: {everyone: true}, message: [{text: hi}], delivery: {expire_after: 200h, pool: m, active: [a]}}
  - {name: d1, match: {type: d1}, audience: {everyone: true}, message: [{text: hi}], delivery: {pool: m}, coalesce: {mode: digest, at: "18:00", location: Asia/Shanghai}}
  - {name: d2, match: {type: d2}, audience: {everyone: true}, message: [{text: hi}], delivery: {pool: m}, coalesce: {mode: digest, at: "10:00"}}
  - {name: d3, match: {type: d3}, audience: {everyone: true}, message: [{text: hi}], coalesce: {mode: digest, at: "10:00"}}
`

// The limiter compares gates as pointers, so equal ones must be one, whatever
// the zone they are said in and whoever asks.
func TestGatesAreOnePointer(t *testing.T) {
	t.Attr("guards", "intents share a call only if they share the gate")
	t.Parallel()
	r := mustParse(t, gated)
	gate := func(rule string, at time.Time) *intent.Gate {
		return policyOf(t, r, `{"type":"`+rule+`"}`, at).Gate
	}
	tokyo, now := time.FixedZone("", 9*3600), time.Now()
	same := map[string][2]*intent.Gate{
		"lists in another order":   {gate("r1", received), gate("r2", received)},
		"one instant in two zones": {gate("d1", received), gate("d2", received)},
		"two events of one day":    {gate("d1", received), gate("d1", received.Add(30*time.Minute).In(tokyo))},
		"a monotonic reading":      {gate("d1", now), gate("d1", now.Round(0))},
	}
	for name, pair := range same {
		if pair[0] == nil || pair[0] != pair[1] {
			t.Errorf("%s: %p %+v, %p %+v: want one pointer", name, pair[0], pair[0], pair[1], pair[1])
		}
	}
	for name, pair := range map[string][2]*intent.Gate{
		"other times":  {gate("r1", received), gate("r3", received)},
		"another day":  {gate("d1", received), gate("d1", received.Add(time.Hour))},
		"another pool": {gate("d2", received), gate("d3", received)},
	} {
		if pair[0] == pair[1] || *pair[0] == *pair[1] {
			t.Errorf("%s: both are %+v", name, pair[0])
		}
	}
	if want := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC); !gate("d1", received).NotBefore.Equal(want) {
		t.Errorf("released at %v, want %v", gate("d1", received).NotBefore, want)
	}

	pointers := make([]*intent.Gate, 8)
	var all sync.WaitGroup
	for i := range pointers {
		e, o := mustEvent(t, `{"type":"d1"}`)
		all.Go(func() {
			for day := range 20 {
				o.Received = received.AddDate(0, 0, day)
				pointers[i] = r.Map(e, o).Intents[0].Policy.Gate
			}
		})
	}
	all.Wait()
	if len(slices.Compact(pointers)) != 1 {
		t.Errorf("goroutines that ask for one day get %v", pointers)
	}
}

// A stream of years does not fill the memory, and what is dropped is the oldest.
func TestGatesAreBounded(t *testing.T) {
	t.Attr("guards", "memory")
	t.Parallel()
	r := mustParse(t, gated)
	e, o := mustEvent(t, `{"type":"d1"}`)
	gate := func(day int) *intent.Gate {
		o.Received = received.AddDate(0, 0, day)
		return r.Map(e, o).Intents[0].Policy.Gate
	}
	first, second := gate(0), gate(1)
	for day := range maxTimed + 1 {
		gate(day)
	}
	g := r.rules[3].delivery.clock.gates
	if g.timed != maxTimed || len(g.known) > maxTimed+2 {
		t.Errorf("%d gates are kept, %d with an instant, want at most %d", len(g.known), g.timed, maxTimed)
	}
	if gate(1) != second {
		t.Error("the second day's gate was dropped, and not the first's")
	}
	if gate(0) == first {
		t.Error("the first day's gate is still kept")
	}
}

func TestWarnings(t *testing.T) {
	t.Attr("guards", "check says what is legal and will surprise")
	t.Parallel()
	top := func(lines, rules string) string { return "version: 1\n" + lines + rules[len("version: 1\n"):] }
	const nights = "time_intervals: [{name: night, time_intervals: [{times: [{start_time: \"22:00\", end_time: \"24:00\"}]}]}]\n"
	for name, tt := range map[string]struct {
		rules string
		want  []string
	}{
		"nothing": {rules: oneRule()},
		"a digest that dies before its time": {
			oneRule(`coalesce: {mode: digest, at: "18:00"}`, "delivery: {expire_after: 6h}"),
			[]string{`rules.yaml:8:30: warning: rule "r": delivery.expire_after: 6h0m0s, and an event may wait a day for the digest's time; what comes early expires: make it 24h or more`},
		},
		"a digest that lives a day":    {rules: oneRule(`coalesce: {mode: digest, at: "18:00"}`)},
		"a digest with its own expiry": {rules: oneRule(`coalesce: {mode: digest, at: "18:00"}`, `delivery: {expire_after: 6h, expire_at: "${data.end}"}`)},
		"a digest without a time":      {rules: oneRule(`coalesce: {mode: digest}`, "delivery: {expire_after: 6h}")},
		"longer closed than it lives": {
			top(nights, oneRule("delivery: {expire_after: 22h, active: [night]}")),
			[]string{`rules.yaml:8:30: warning: rule "r": delivery.expire_after: 22h0m0s, and night is closed for up to 22h0m0s; what comes after its end expires: make it longer than that`},
		},
		"closed by the defaults": {
			top(nights+"defaults: {expire_after: 1h, active: [night]}\n", oneRule()),
			[]string{`rules.yaml:5:11: warning: rule "r": delivery.expire_after: 1h0m0s, and night is closed for up to 22h0m0s; what comes after its end expires: make it longer than that`},
		},
		"lives longer than it is closed": {rules: top(nights, oneRule("delivery: {expire_after: 22h1s, active: [night]}"))},
		"critical is never closed":       {rules: top(nights+"defaults: {expire_after: 1h, active: [night]}\n", oneRule("delivery: {priority: critical}"))},
		"closed for good in time":        {rules: top("time_intervals: [{name: night, time_intervals: [{years: [\"2026\"]}]}]\n", oneRule("delivery: {active: [night]}"))},
		"notifications that keep a digest's messages apart": {
			oneRule("coalesce: {mode: digest}", `offline: {title: "${data.title}"}`),
			[]string{`rules.yaml:8:14: warning: rule "r": offline: messages with different notifications never share a call; write it without ${…}, as the digest's own`},
		},
		"one notification for a digest": {rules: oneRule("coalesce: {mode: digest}", `offline: {title: "News"}`)},
		"a scope of one": {
			oneRule("coalesce: {mode: latest, key: k, scope: alrets}"),
			[]string{`rules.yaml:7:45: warning: rule "r": coalesce.scope: no other rule has this scope; take it out, or write it in the rules that carry later revisions`},
		},
		"the scope of a rule's name": {rules: oneRule("coalesce: {mode: latest, key: k, scope: s}") +
			"  - {name: s, match: {type: y}, audience: {everyone: true}, message: [{text: hi}], coalesce: {mode: latest, key: k}}\n"},
		"an event in a scope twice": {
			oneRule("coalesce: {mode: latest, key: k, scope: s}", "continue: true") +
				"  - {name: t, match: {type: x}, audience: {everyone: true}, message: [{text: hi}], coalesce: {mode: latest, key: k, scope: s}}\n",
			[]string{`rules.yaml:9:12: warning: rule "t": continue: every event that rule "r" takes comes here too, with a key of the same scope; take continue out there, or give this rule its own scope`},
		},
		"a rule that goes on after the other decided": {rules: oneRule("coalesce: {mode: latest, key: k, scope: s}") +
			"  - {name: t, match: {type: x}, audience: {everyone: true}, message: [{text: hi}], coalesce: {mode: latest, key: k, scope: s}, continue: true}\n"},
		"an event in a scope twice, perhaps": {rules: oneRule("coalesce: {mode: latest, key: k, scope: s}", "continue: true") +
			"  - {name: t, match: {type: x}, when: data.a, audience: {everyone: true}, message: [{text: hi}], coalesce: {mode: latest, key: k, scope: s}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, w := range mustParse(t, tt.rules).Warnings() {
				got = append(got, w.Error())
				if !strings.Contains(w.Caret(), "^") {
					t.Errorf("%v has no mark", w)
				}
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
