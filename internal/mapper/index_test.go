package mapper

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// exactRules is n rules: of ten types, told apart by source, by an extension or by a
// list of subjects, and if inexact one in a hundred by nothing but a prefix.
func exactRules(n int, inexact bool) string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range n {
		match := fmt.Sprintf("{type: type-%d, source: /team/%d}", i%10, i)
		switch {
		case i%100 == 50 && inexact:
			match = fmt.Sprintf("{type: type-%d, source: {prefix: /nobody/}}", i%10)
		case i%3 == 1:
			match = fmt.Sprintf("{type: type-%d, tenant: t%d, source: {prefix: /team/}}", i%10, i)
		case i%3 == 2:
			match = fmt.Sprintf("{source: {prefix: /team/}, subject: {any_of: [s%d, s%d]}}", i, i+1)
		}
		fmt.Fprintf(&b, "  - name: rule-%d\n    match: %s\n    when: data.n >= 0\n    audience: {everyone: true}\n    message: [{text: \"rule %d\"}]\n", i, match, i)
	}
	return b.String()
}

// eventFor is an event that the nth of so many rules could take.
func eventFor(t testing.TB, i, n int) *event.Event {
	t.Helper()
	i %= n
	e := event.New()
	e.SetID(fmt.Sprint(i))
	e.SetType(fmt.Sprintf("type-%d", i%10))
	e.SetSource(fmt.Sprintf("/team/%d", i))
	e.SetSubject(fmt.Sprintf("s%d", i))
	e.SetExtension("tenant", fmt.Sprintf("t%d", i))
	if err := e.SetData(event.ApplicationJSON, map[string]int{"n": 1}); err != nil {
		t.Fatal(err)
	}
	return &e
}

func parsed(t testing.TB, text string) *Rules {
	t.Helper()
	rules, err := Parse("rules.yaml", []byte(text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// candidatesOf counts the rules that are asked about an event, if none takes it.
func candidatesOf(r *Rules, e *event.Event) (names []string) {
	s := &scope{}
	s.reset(e, intent.Origin{})
	all := r.index.candidates(s)
	for rule := all.next(); rule != nil; rule = all.next() {
		names = append(names, rule.name)
	}
	return names
}

// Ten times as many rules, of which an event could match no more: no more are asked,
// but for those that say nothing exactly.
func TestCandidatesAreThoseThatCouldMatch(t *testing.T) {
	t.Attr("guards", "an event's cost grows with the rules that could match it, not with all")
	t.Parallel()
	for _, n := range []int{10, 100, 1000, 10_000} {
		rules := parsed(t, exactRules(n, true))
		inexact := n / 100 / 10 // of the event's type, by a prefix alone
		for i := range 50 {
			names := candidatesOf(rules, eventFor(t, i*7, n))
			if most := 4 + max(1, 10*inexact); len(names) > most || len(names) == 0 {
				t.Errorf("%d rules, event %d: %d candidates, want 1 to %d: %v", n, i*7, len(names), most, names)
			}
		}
	}
}

// The index against asking every rule: it leaves out none that would match, keeps
// their order, and asks none twice.
func TestIndexAgreesWithAskingAll(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	values := []string{"a", "b", "ab", "ba"}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		pick := func() string { return values[r.IntN(len(values))] }
		pattern := func() string {
			return []string{pick(), "{prefix: " + pick() + "}", "{suffix: " + pick() + "}", "{any_of: [a, " + pick() + "]}", "{any_of: [a, ba, ab, b], suffix: " + []string{"a", "b"}[r.IntN(2)] + "}"}[r.IntN(5)]
		}
		var b strings.Builder
		b.WriteString("version: 1\nrules:\n")
		for i := range 1 + r.IntN(30) {
			var match []string
			for _, attribute := range []string{"type", "source", "subject", "tenant"} {
				if r.IntN(2) == 0 {
					match = append(match, attribute+": "+pattern())
				}
			}
			if len(match) == 0 {
				match = append(match, "type: a")
			}
			fmt.Fprintf(&b, "  - name: rule-%d\n    match: {%s}\n    continue: true\n    audience: {everyone: true}\n    message: [{text: hello}]\n", i, strings.Join(match, ", "))
		}
		rules := parsed(t, b.String())
		for range 50 {
			e := event.New()
			e.SetID("1")
			e.SetType(pick())
			e.SetSource(pick())
			if r.IntN(3) > 0 {
				e.SetSubject(pick())
			}
			if r.IntN(3) > 0 {
				e.SetExtension("tenant", pick())
			}
			asked := candidatesOf(rules, &e)
			var want []string
			for _, step := range rules.Explain(&e, intent.Origin{}).Steps {
				if step.Finding == Matched {
					want = append(want, step.Rule)
				}
			}
			var got []string
			m := rules.Map(&e, intent.Origin{})
			for _, in := range m.Intents {
				got = append(got, in.Rule)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %v:\n%s\nMap takes %v, every rule asked: %v", seed, e, &b, got, want)
			}
			order := func(name string) int { return slices.Index(rules.Rules(), name) }
			if !slices.IsSortedFunc(asked, func(a, b string) int { return order(a) - order(b) }) || len(slices.Compact(slices.Clone(asked))) != len(asked) {
				t.Fatalf("seed %d: candidates %v: want the file's order, each once", seed, asked)
			}
		}
	}
}

// BenchmarkMapManyRules is the mapping of events of which each is taken by a rule of
// many. ns/op is what one event costs.
func BenchmarkMapManyRules(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		rules := parsed(b, exactRules(n, false))
		events := make([]*event.Event, 1000)
		for i := range events {
			events[i] = eventFor(b, i*7919, n)
		}
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e := events[i%len(events)]
				rules.Map(e, intent.Origin{Source: e.Source(), ID: e.ID(), Type: e.Type()})
			}
		})
	}
}

// BenchmarkParseManyRules is the loading of a file of many rules, which is most of
// `bridge check`.
func BenchmarkParseManyRules(b *testing.B) {
	for _, n := range []int{100, 1000} {
		text := []byte(exactRules(n, true))
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Parse("rules.yaml", text, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
