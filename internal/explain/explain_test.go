package explain

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/schemas"
)

const ruleText = `version: 1
validate: {notice: warn, offer: reject}
schemas: [testdata/schemas]
time_intervals: [{name: daytime, time_intervals: [{times: [{start_time: "08:00", end_time: "22:00"}]}]}]
budget: {pools: {marketing: {at_most: 10}}}
rules:
  - name: promo
    match: {type: promo}
    when: data.discount >= 0.2 && (has(data.tiers) || data.all)
    audience: {tags_any: "${data.tiers}"}
    message: [{text: "${data.title}"}]
    delivery: {pool: marketing, active: [daytime], frequency: {at_most: 3, per: 24h}}
    continue: true
  - name: digest
    match: {type: {any_of: [promo, notice, offer]}}
    filters: [{not: {any: [{exact: {source: /b, subject: "1 2"}}, {prefix: {subject: x}}]}}, {not: {sql: "tenant = 'x'"}}]
    audience: {everyone: true}
    message: {item: [{location: {desc: "${event.id}", latitude: 1, longitude: 2}}]}
    coalesce: {mode: digest, at: "18:00"}
    suppresses: {pool: marketing, for: 15m}
`

var (
	received = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	events   = []string{
		`{"specversion":"1.0","id":"1","source":"/a","type":"promo","data":{"discount":0.3,"tiers":["a","b","c","d","e","f","g","h","i","j","k"],"title":"Sale"}}`,
		`{"specversion":"1.0","id":"2","source":"/a","type":"promo","data":{"discount":0.3,"tiers":[],"title":"Sale"}}`,
		`{"specversion":"1.0","id":"3","source":"/a","type":"promo","data":{"discount":0.1}}`,
		`{"specversion":"1.0","id":"4","source":"/a","type":"promo","data":{}}`,
		`{"specversion":"1.0","id":"5","source":"/a","type":"notice","data":{"title":5}}`,
		`{"specversion":"1.0","id":"6","source":"/a","type":"offer","data":{"title":5}}`,
		`{"specversion":"1.0","id":"7","source":"/a","type":"other"}`,
		`{"id":"8"}`,
		`[`,
	}
)

func testRules(t testing.TB) *mapper.Rules {
	t.Helper()
	rules, err := mapper.Parse("rules.yaml", []byte(ruleText), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func compile(t testing.TB) *jsonschema.Schema {
	t.Helper()
	raw, err := schemas.FS.ReadFile("explanation.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("explanation.v1.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("explanation.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check fails where the explanation's JSON is not as its schema says.
func check(t testing.TB, s *jsonschema.Schema, x Explanation) []byte {
	t.Helper()
	raw, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return raw
}

// The story of one event of each kind. GOLDEN=1 writes it anew.
func TestOf(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	rules, schema := testRules(t), compile(t)
	var got bytes.Buffer
	dead := ""
	for _, raw := range events {
		x, err := Of(rules, []byte(raw), received)
		if err != nil {
			t.Fatal(err)
		}
		if x.DeadLetter() {
			dead += x.Event.ID + " "
		}
		if err := json.Indent(&got, check(t, schema, x), "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteString("\n")
	}
	if dead != "2 4 6   " { // the last two are no events
		t.Errorf("dead letters %q", dead)
	}
	const golden = "testdata/explained.json"
	if os.Getenv("GOLDEN") != "" {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	hide := func(b []byte) string { return strings.ReplaceAll(string(b), rules.Version(), "") }
	if hide(want) != hide(got.Bytes()) {
		t.Errorf("%s is another; GOLDEN=1 writes it anew:\n%s", golden, got.Bytes())
	}
}

// FuzzOf: whatever an event holds, the explanation agrees with what the bridge does
// with it, and has its JSON.
func FuzzOf(f *testing.F) {
	for _, raw := range events {
		f.Add([]byte(raw))
	}
	rules, schema := testRules(f), compile(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := Of(rules, raw, received)
		if err != nil {
			t.Fatal(err)
		}
		check(t, schema, x)
		var e event.Event
		if x.Error != "" || e.UnmarshalJSON(raw) != nil {
			return
		}
		m := rules.Map(&e, intent.Origin{Source: e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: received})
		matched, requests := 0, 0
		for _, r := range x.Rules {
			if r.Finding == "matched" {
				matched++
				requests += len(r.Requests)
			}
		}
		if matched != len(m.Intents) || requests < matched || x.DeadLetter() != (len(m.Failures) > 0) {
			t.Fatalf("explained %+v, mapped %+v", x, m)
		}
	})
}
