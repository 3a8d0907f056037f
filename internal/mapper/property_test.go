package mapper

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// drawRules writes a file of rules that overlap: few types, few sources.
func drawRules(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range rapid.IntRange(1, 8).Draw(t, "rules") {
		which := rapid.SampledFrom([]string{
			"match: {type: a}", "match: {type: b}", "match: {type: {any_of: [a, c]}}", "match: {type: {prefix: a}}", "match: {type: {suffix: c}}", "match: {source: /s}",
			"match: {type: a, source: {prefix: /s}}", "match: {type: {any_of: [a, ab, c], prefix: a}}",
			"filters: [{exact: {type: a}}]", "filter: {not: {exact: {type: a}}}", "filters: [{any: [{exact: {type: a}}, {exact: {type: c}}]}, {prefix: {source: /s}}]",
			`filter: {sql: "type LIKE 'a%' OR source = '/t'"}`, "match: {type: {any_of: [ab, bc, c]}}, filters: [{suffix: {type: c}}]", "match: {source: /s}, filter: {suffix: {type: c}}",
		}).Draw(t, "which")
		rest := rapid.SampledFrom([]string{"", "continue: true", "when: data.n > 1", "when: data.n > 1, continue: true", "when: has(data.n)"}).Draw(t, "rest")
		tags := rapid.SampledFrom([]string{`[x]`, `"${data.tags}"`}).Draw(t, "tags")
		fmt.Fprintf(&b, "  - {name: r%d, %s, audience: {tags_any: %s}, message: [{text: m}], %s}\n", i, which, tags, rest)
	}
	return b.String()
}

// TestMapIsExplain holds the indexed path to the one that asks every rule.
func TestMapIsExplain(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		file := drawRules(rt)
		r, err := Parse("rules.yaml", []byte(file), Limits{})
		if err != nil {
			rt.Fatalf("Parse:\n%s\n%v", file, err)
		}
		for range 5 {
			members := fmt.Sprintf(`{"type":%q,"source":%q,"data":%s}`,
				rapid.SampledFrom([]string{"a", "b", "c", "ab", "bc", "z"}).Draw(rt, "type"),
				rapid.SampledFrom([]string{"/s", "/s/1", "/t"}).Draw(rt, "source"),
				rapid.SampledFrom([]string{`{}`, `{"n":1,"tags":["t"]}`, `{"n":2,"tags":["t","u"]}`, `{"n":2,"tags":[]}`, `{"n":"2"}`}).Draw(rt, "data"))
			e, o := mustEvent(t, members)
			m := r.Map(e, o)
			got := summary(Mapping{Intents: m.Intents, Failures: m.Failures})

			var want Mapping
			for _, s := range r.Explain(e, o).Steps {
				switch s.Finding {
				case Matched:
					want.Intents = append(want.Intents, s.Intent)
				case Failed:
					want.Failures = append(want.Failures, s.Failure)
				case NotMatched, NotAsked:
				}
			}
			if diff := cmp.Diff(summary(want), got); diff != "" {
				rt.Fatalf("%s\n%s\nMap differs from Explain (-Explain +Map):\n%s", file, members, diff)
			}
			if (got == "") != (m.Why != "") {
				rt.Fatalf("Why = %q beside %q", m.Why, got)
			}
			for _, in := range m.Intents {
				if len(in.Audiences) == 0 || in.Audiences[0].IsZero() || in.Audiences[0].Kind() == audience.Everyone {
					rt.Fatalf("audience %v of a rule about tags", in.Audiences)
				}
			}
		}
	})
}

// TestMapConcurrently shares one Rules and one event; the race detector looks on.
func TestMapConcurrently(t *testing.T) {
	t.Attr("guards", "Map is a pure function, safe for concurrent use")
	t.Parallel()
	r, err := Load("testdata/rules/everything.yaml", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, o := mustEvent(t, mediaEvent)
	other, otherOrigin := mustEvent(t, `{"type":"media.published","source":"/cms/b","tenant":"a","data":{"title":"O"}}`)
	want, wantOther := r.Map(e, o), r.Map(other, otherOrigin)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if got := r.Map(e, o); summary(got) != summary(want) || got.Intents[0].Message != want.Intents[0].Message {
					t.Errorf("Map = %s, want %s", summary(got), summary(want))
				}
				if got := r.Map(other, otherOrigin); summary(got) != summary(wantOther) {
					t.Errorf("Map = %s, want %s", summary(got), summary(wantOther))
				}
			}
		})
	}
	wg.Wait()
}

func TestMappingOutlivesTheEvent(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	r := mustParse(t, oneRule(`audience: {tags_any: "${data.t}"}`, `message: [{text: "${data.m}"}]`))
	e, o := mustEvent(t, `{"data":{"t":["gold"],"m":"hello"}}`)
	m := r.Map(e, o)
	for i := range e.DataEncoded {
		e.DataEncoded[i] = '#'
	}
	r.Map(e, o) // takes the scratch space of the first call
	if got, want := summary(m), "r: tags_any[gold]: hello"; got != want {
		t.Errorf("after the record's bytes were reused: %s, want %s", got, want)
	}
}

func TestRuleErrorCauses(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	r := mustParse(t, oneRule(`audience: {tags_all: "${data.t}"}`))
	for name, tags := range map[string]string{"long": `["` + strings.Repeat("x", 51) + `"]`, "many": `["a","b","c","d","e","f","g","h","i","j","k"]`} {
		e, o := mustEvent(t, `{"data":{"t":`+tags+`}}`)
		m := r.Map(e, o)
		if len(m.Failures) != 1 {
			t.Fatalf("%s: Map = %s, want a failure", name, summary(m))
		}
		var err error = m.Failures[0]
		if f, ok := errors.AsType[*RuleError](err); !ok || f.Rule != "r" || f.Value == "" {
			t.Errorf("%s: %#v is no RuleError of rule r with a value", name, err)
		}
		if _, ok := errors.AsType[*audience.LimitError](err); !ok {
			t.Errorf("%s: %v has no LimitError", name, err)
		}
		if len(m.Failures[0].Value) > maxValueBytes+len("…") {
			t.Errorf("%s: the value has %d bytes", name, len(m.Failures[0].Value))
		}
	}
}

// TestOldEvents maps an event of CloudEvents 0.3 as consume may hand it on.
func TestOldEvents(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	e := event.New(event.CloudEventsVersionV03)
	e.SetType("x")
	e.SetID("1")
	e.SetSource("/a")
	m := mustParse(t, text("${event.specversion} ${event.id}")).Map(&e, intent.Origin{Received: received})
	if got, want := summary(m), "r: everyone: 1.0 1"; got != want {
		t.Errorf("Map = %s, want %s", got, want)
	}
}
