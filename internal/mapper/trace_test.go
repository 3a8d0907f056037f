package mapper

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
)

func tracedRules(t testing.TB, when string) *Rules {
	t.Helper()
	text := "version: 1\nrules:\n  - name: r\n    match: {type: x}\n    when: " + when +
		"\n    audience: {tags_any: [\"${data.city}\"]}\n    message: [{text: 'It''s ${data.l[0] + \"!\"}'}]\n"
	r, err := Parse("r.yaml", []byte(text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tracedEvent(data string) *event.Event {
	e := event.New()
	e.SetType("x")
	e.SetID("1")
	e.SetSource("/a")
	e.DataEncoded = []byte(data)
	return &e
}

// outline writes a trace as a person would read it.
func outline(b *strings.Builder, t Trace, indent string) {
	value := t.Type + " " + string(t.Value)
	if t.Error != "" {
		value = "! " + t.Error
	}
	if t.Unasked {
		value += " (unasked)"
	}
	fmt.Fprintf(b, "%s%d:%d %s = %s\n", indent, t.Line, t.Column, t.Text, value)
	for _, p := range t.Parts {
		outline(b, p, indent+"  ")
	}
}

func TestTrace(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	const data = `{"n":3,"x":"v","a":{"b":[1.50]},"l":["a","b"],"city":"会","yes":true}`
	for when, want := range map[string]string{
		`data.n > 2 && (has(data.zz) || "a" in data.l) && size(data.x) == 1`: `
5:11 data.n > 2 && (has(data.zz) || "a" in data.l) && size(data.x) == 1 = bool true
  5:11 data.n > 2 = bool true
    5:11 data.n = int 3
  5:26 has(data.zz) || "a" in data.l = bool true
    5:26 has(data.zz) = bool false
    5:42 "a" in data.l = bool true
      5:49 data.l = list ["a","b"]
  5:60 size(data.x) == 1 = bool true
    5:60 size(data.x) = int 1
      5:65 data.x = string "v"
`,
		`"data.n > 4 || data.zz == 1\n  || data.yes"`: `
5:12 data.n > 4 || data.zz == 1 || data.yes = bool true
  5:12 data.n > 4 = bool false
    5:12 data.n = int 3
  5:26 data.zz == 1 = ! zz is absent
    5:26 data.zz = ! zz is absent
  5:45 data.yes = bool true
`,
		"|\n      data.n == 3 ?\n        data.l.exists(t, t == 'b') :\n        !data.yes": `
6:7 (data.n == 3) ? data.l.exists(t, t == "b") : !data.yes = bool true
  6:7 data.n == 3 = bool true
    6:7 data.n = int 3
  7:9 data.l.exists(t, t == "b") = bool true
    7:9 data.l = list ["a","b"]
  8:9 !data.yes = bool false (unasked)
    8:10 data.yes = bool true
`,
		`data.city.startsWith('会') && data.?q.orValue(2) == 2 && data.zz`: `
5:11 data.city.startsWith("会") && data.?q.orValue(2) == 2 && data.zz = ! zz is absent
  5:11 data.city.startsWith("会") = bool true
    5:11 data.city = string "会"
  5:40 data.?q.orValue(2) == 2 = bool true
    5:40 data.?q.orValue(2) = int 2
      5:40 data.?q = optional null
  5:67 data.zz = ! zz is absent
`,
		`data.yes`: "\n5:11 data.yes = bool true\n",
		`event.id == '2' && data.n == 3`: `
5:11 event.id == "2" && data.n == 3 = bool false
  5:11 event.id == "2" = bool false
    5:11 event.id = string "1"
  5:30 data.n == 3 = bool true (unasked)
    5:30 data.n = int 3
`,
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			steps := tracedRules(t, when).Explain(tracedEvent(data), intent.Origin{Received: received}).Steps
			var got strings.Builder
			got.WriteString("\n")
			outline(&got, *steps[0].When, "")
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Error(diff)
			}
			if m := steps[0].Finding == Matched; m != (len(steps[0].Values) == 2) {
				t.Errorf("%v with %d values", steps[0].Finding, len(steps[0].Values))
			} else if m && (steps[0].Values[0].Field != "audience.tags_any[0]" || string(steps[0].Values[1].Value) != `"a!"` || steps[0].Values[1].Field != "message[0].text") {
				t.Errorf("values %+v", steps[0].Values)
			}
		})
	}
}

// What a trace says of the whole is what Map decides.
func TestTraceAgreesWithMap(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	whens := []string{
		`data.n > 2`, `data.n > 2 && data.x == "v"`, `data.n > 2 || data.zz`, `data.x`, `has(data.x) && data.x == "v"`, `data.a.b[0] == 1.5`,
		`!(data.n > 2) ? data.x == "v" : data.l.all(t, t != "a")`, `"a" in data.l && size(data.l) == 2`, `event.type == "x"`, `data.yes`, `data.n in [1, 2, 3]`,
	}
	datas := []string{
		`{}`, `{"n":3}`, `{"n":1,"x":"v"}`, `{"n":3,"x":"v","a":{"b":[1.5]},"l":["a","b"],"city":"c","yes":true}`, `{"n":3,"x":1,"l":[],"yes":false,"city":"c"}`, `[`, `null`,
	}
	for _, when := range whens {
		r := tracedRules(t, "'"+when+"'")
		for _, data := range datas {
			e := tracedEvent(data)
			m := r.Map(e, intent.Origin{Received: received})
			step := r.Explain(e, intent.Origin{Received: received}).Steps[0]
			admitted := len(m.Intents) > 0 || len(m.Failures) > 0 && m.Failures[0].Field != "when"
			failed := len(m.Failures) > 0 && m.Failures[0].Field == "when"
			if step.When.is(true) != admitted || (step.When.Error != "" || step.When.Type != "bool") != failed {
				t.Errorf("%s of %s: traced %+v, mapped %+v", when, data, *step.When, m)
			}
		}
	}
}

func TestCoverage(t *testing.T) {
	t.Attr("guards", "bridge test --coverage")
	t.Parallel()
	const when = `data.n > 2 && (data.x == "v" || !data.yes) && (data.n > 8 ? data.a : true)`
	r := tracedRules(t, "'"+when+"'")
	missing := func(events ...string) []string {
		c, err := r.NewCoverage()
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range events {
			c.Add(tracedEvent(data), intent.Origin{Received: received})
		}
		total, all := c.Report()
		if total != 11 { // the rule, and five parts of two values
			t.Errorf("%d things to see, want 11", total)
		}
		var out []string
		for _, m := range all {
			out = append(out, fmt.Sprintf("%d:%d %s %v", m.Line, m.Column, m.Text, m.Value))
		}
		return out
	}
	const full = `"l":["a"],"city":"c"`
	for _, c := range []struct {
		events []string
		want   []string
	}{
		{nil, []string{"3:11  false", "5:12 data.n > 2 true", "5:12 data.n > 2 false", `5:27 data.x == "v" true`, `5:27 data.x == "v" false`, "5:44 !data.yes true", "5:44 !data.yes false", "5:59 data.n > 8 true", "5:59 data.n > 8 false", "5:72 data.a true", "5:72 data.a false"}},
		// The first operand decides: nothing else was asked.
		{[]string{`{"n":1,"x":"v"}`}, []string{"3:11  false", "5:12 data.n > 2 true", `5:27 data.x == "v" true`, `5:27 data.x == "v" false`, "5:44 !data.yes true", "5:44 !data.yes false", "5:59 data.n > 8 true", "5:59 data.n > 8 false", "5:72 data.a true", "5:72 data.a false"}},
		{[]string{
			`{"n":1}`, `{"n":3,"x":"v",` + full + `}`, `{"n":3,"x":"w","yes":true}`, `{"n":9,"x":"w","yes":false,"a":true,` + full + `}`,
		}, []string{"5:72 data.a false"}},
		{[]string{
			`{"n":1}`, `{"n":3,"x":"v",` + full + `}`, `{"n":3,"x":"w","yes":true}`, `{"n":9,"x":"w","yes":false,"a":true,` + full + `}`, `{"n":9,"x":"v","a":false}`,
		}, nil},
	} {
		if diff := cmp.Diff(c.want, missing(c.events...)); diff != "" {
			t.Errorf("%s: %s", c.events, diff)
		}
	}
}

// FuzzTrace: whatever compiles is traced, with places in the file, and comes to what
// Map says.
func FuzzTrace(f *testing.F) {
	for _, s := range []string{`data.n > 2 && has(data.x)`, `data.l.map(x, x + "a").size() > 1 ? data.yes : !data.yes`, `{"a": data.n}.a == 3 || [data.n][0] == 1`, `data.?x.hasValue()`, `"会" == data.x && r'\' != ''`} {
		f.Add(s, `{"n":3,"x":"v","l":["a"],"city":"c","yes":true}`)
	}
	f.Fuzz(func(t *testing.T, when, data string) {
		text := fmt.Sprintf("version: 1\nrules:\n  - name: r\n    match: {type: x}\n    when: %q\n    audience: {everyone: true}\n    message: [{text: hi}]\n", when)
		r, err := Parse("r.yaml", []byte(text), Limits{})
		if err != nil {
			return
		}
		e := tracedEvent(data)
		m := r.Map(e, intent.Origin{Received: received})
		trace := r.Explain(e, intent.Origin{Received: received}).Steps[0].When
		if trace.is(true) != (len(m.Intents) == 1) {
			t.Fatalf("%s of %s: traced %+v, mapped %+v", when, data, *trace, m)
		}
		if trace.Line != 5 || trace.Column < 11 {
			t.Fatalf("%s begins at %d:%d", when, trace.Line, trace.Column)
		}
		c, err := r.NewCoverage()
		if err != nil {
			t.Fatal(err)
		}
		c.Add(e, intent.Origin{Received: received})
		if total, missing := c.Report(); len(missing) > total {
			t.Fatalf("%d of %d not seen", len(missing), total)
		}
	})
}
