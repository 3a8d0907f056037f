package infer

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

var update = flag.Bool("update", false, "write the golden files")

// eventOf returns an event with the data.
func eventOf(eventType, contentType string, data []byte) *event.Event {
	e := event.New()
	e.SetType(eventType)
	e.SetID("1")
	e.SetSource("/a")
	if contentType != "" {
		e.SetDataContentType(contentType)
	}
	e.DataEncoded = data
	return &e
}

func draftsOf(t rapid.TB, events []*event.Event) []Draft {
	var d Drafts
	for _, e := range events {
		if err := d.Add(e); err != nil {
			t.Fatalf("Add(%s): %v", e.DataEncoded, err)
		}
	}
	all, err := d.Drafts()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rulesWith loads a rule file that rejects what breaks the drafts.
func rulesWith(t testing.TB, drafts []Draft) *mapper.Rules {
	t.Helper()
	dir := t.TempDir()
	rules := "version: 1\nschemas: .\nvalidate:\n"
	for _, d := range drafts {
		if err := os.WriteFile(filepath.Join(dir, url.PathEscape(d.Type)+".json"), d.JSON, 0o600); err != nil {
			t.Fatal(err)
		}
		rules += fmt.Sprintf("  %q: reject\n", d.Type)
	}
	rules += "rules: [{name: all, match: {source: /a}, audience: {everyone: true}, message: [{text: x}]}]\n"
	r, err := mapper.Parse(filepath.Join(dir, "rules.yaml"), []byte(rules), mapper.Limits{})
	if err != nil {
		t.Fatalf("the drafts do not load:\n%v\n%s", err, drafts[0].JSON)
	}
	return r
}

// drawValue draws JSON of the kinds that producers send.
func drawValue(t *rapid.T, depth int) any {
	kinds := 7
	if depth < 3 {
		kinds = 9
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return json.Number(rapid.SampledFrom([]string{"0", "-0", "1", "-7", "12345678901234567890", "9223372036854775808"}).Draw(t, "whole"))
	case 3:
		return json.Number(rapid.SampledFrom([]string{"0.5", "1.0", "-1e3", "1E-7", "1e300", "-0.0"}).Draw(t, "decimal"))
	case 4:
		return rapid.SampledFrom([]string{"gold", "silver", "", "red"}).Draw(t, "word")
	case 5:
		return rapid.SampledFrom([]string{
			"2026-03-01T09:00:00Z", "2026-03-01T09:00:00.123+08:00", "2026-02-29T00:00:00Z", "2026-03-01T24:00:00Z", "2026-12-31T23:59:60Z",
			"2026-03-01T09:00:00,5Z", "2026-03-01t09:00:00z", "2026-03-01", "2026-13-01", "0000-01-01", "00000000-0000-4000-8000-00000000000a", "2026-03-01T09:00:00+24:00",
		}).Draw(t, "form")
	case 6:
		return rapid.String().Draw(t, "text")
	case 7:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, drawValue(t, depth+1))
		}
		return list
	}
	return drawObject(t, depth+1)
}

func drawObject(t *rapid.T, depth int) map[string]any {
	object := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := rapid.SampledFrom([]string{"a", "b", "city", "level", "x-y", "", "$ref", "~/"}).Draw(t, "name")
		object[name] = drawValue(t, depth)
	}
	return object
}

// TestDraftsHoldForTheirEvents: the draft loads at once, and no event that it was
// made of breaks it, in whatever order they came.
func TestDraftsHoldForTheirEvents(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var events []*event.Event
		for range rapid.IntRange(1, 12).Draw(rt, "events") {
			name := rapid.SampledFrom([]string{"a", "com.example/b", "c d"}).Draw(rt, "type")
			data, err := json.Marshal(drawValue(rt, 0))
			if err != nil {
				rt.Fatal(err)
			}
			e := eventOf(name, "", data)
			for range rapid.IntRange(1, 6).Draw(rt, "times") { // so that words come back
				events = append(events, e)
			}
		}
		drafts := draftsOf(rt, events)
		r := rulesWith(t, drafts)
		for _, e := range events {
			if m := r.Map(e, intent.Origin{}); m.Violation != nil {
				rt.Fatalf("%s breaks its draft: %v\n%s", e.DataEncoded, m.Violation, drafts[0].JSON)
			}
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		rng.Shuffle(len(events), func(i, k int) { events[i], events[k] = events[k], events[i] })
		again := draftsOf(rt, events)
		if diff := cmp.Diff(drafts, again); diff != "" {
			rt.Fatalf("in another order (-want +got):\n%s", diff)
		}
	})
}

// TestDraft holds a draft of events as producers send them to its golden file.
func TestDraft(t *testing.T) {
	t.Attr("guards", "what a drafted schema says")
	t.Parallel()
	var events []*event.Event
	for i := range 40 {
		data := map[string]any{
			"order":  fmt.Sprintf("o-%d", i),
			"level":  []string{"gold", "silver", "bronze"}[i%3],
			"price":  json.Number([]string{"10", "9.5"}[i%2]),
			"count":  i,
			"at":     fmt.Sprintf("2026-03-01T09:%02d:00+08:00", i),
			"day":    "2026-03-01",
			"tiers":  []any{"a", "b"}[:i%3],
			"note":   any("n"),
			"lines":  []any{map[string]any{"sku": "s1", "gift": true}, map[string]any{"sku": "s2"}},
			"by_id":  map[string]any{fmt.Sprintf("u%d", i): i, fmt.Sprintf("v%d", i): i},
			"either": []any{1, "one"}[i%2],
		}
		if i%4 == 0 {
			delete(data, "day")
			data["note"] = nil
		}
		raw, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, eventOf("order.placed", "application/json", raw))
	}
	events = append(events, eventOf("a.text", "text/plain", []byte("hello")), eventOf("no.data", "", nil))
	var got strings.Builder
	for _, d := range draftsOf(t, events) {
		got.Write(d.JSON)
	}
	const golden = "testdata/drafts.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-golden +got; rewrite with -update):\n%s", diff)
	}
}

// TestWhatIsLeftOut: what rules could not use says nothing about a schema, and
// what is remembered has bounds.
func TestWhatIsLeftOut(t *testing.T) {
	t.Attr("guards", "bounds of what is remembered of events")
	t.Parallel()
	var d Drafts
	for name, e := range map[string]*event.Event{
		"bytes": eventOf("x", "application/octet-stream", []byte{0xff}), "no JSON": eventOf("x", "", []byte(`{"a":`)),
		"surrogate": eventOf("x", "", []byte(`{"a":"\ud800"}`)), "huge": eventOf("x", "", []byte(`{"a":1e9999}`)),
	} {
		if err := d.Add(e); err == nil {
			t.Errorf("Add takes %s", name)
		}
	}
	wide := map[string]any{}
	for i := range 10 * maxMembers {
		wide[fmt.Sprintf("k%05d", i)] = i
	}
	deep := any("end")
	for range 2 * maxDepth {
		deep = []any{deep}
	}
	raw, err := json.Marshal(map[string]any{"wide": wide, "deep": deep, "words": strings.Fields(strings.Repeat("w", 1) + strings.Repeat(" x", 500))})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Add(eventOf("x", "", raw)); err != nil {
		t.Fatal(err)
	}
	if d.nodes > 4*maxMembers {
		t.Errorf("%d nodes for one event", d.nodes)
	}
	for i := range maxTypes + 5 {
		err = d.Add(eventOf(fmt.Sprintf("t%d", i), "", []byte(`{}`)))
	}
	if err == nil || len(d.types) != maxTypes {
		t.Errorf("%d types, %v", len(d.types), err)
	}
	drafts, err := d.Drafts()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(drafts, func(d Draft) bool { return d.Type == "x" })
	if text := string(drafts[i].JSON); !strings.Contains(text, "additionalProperties") || !strings.Contains(text, "what is deeper was not looked at") {
		t.Errorf("a wide and deep event gives\n%.2000s", text)
	}
	if m := rulesWith(t, drafts[i:i+1]).Map(eventOf("x", "", raw), intent.Origin{}); m.Violation != nil {
		t.Error(m.Violation)
	}
}
