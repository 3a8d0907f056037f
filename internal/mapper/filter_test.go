package mapper

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// withFilters returns a rule file whose one rule has these filters, as YAML.
func withFilters(filters string) string {
	return "version: 1\nrules:\n  - name: r\n    filters: " + filters + "\n    audience: {tags_any: [a]}\n    message: [{text: hi}]\n"
}

func TestFilters(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	const subject = `{"type":"com.github.push","source":"/repos/spec","subject":"refs/heads/main","hop":5,"urgent":true,"region":"eu"}`
	for name, tt := range map[string]struct {
		filters string
		want    string // why it does not match; "": it matches
	}{
		"exact":                   {`[{exact: {type: com.github.push, subject: refs/heads/main}}]`, ""},
		"exact, one differs":      {`[{exact: {type: com.github.push, subject: main}}]`, `filters[0].exact: subject is "refs/heads/main"`},
		"exact minds case":        {`[{exact: {type: com.GitHub.push}}]`, `filters[0].exact: type is "com.github.push"`},
		"absent attribute":        {`[{exact: {partition: a}}]`, `filters[0].exact: partition is absent`},
		"prefix":                  {`[{prefix: {type: com.github., source: /repos}}]`, ""},
		"prefix, absent":          {`[{prefix: {type: com., partition: a}}]`, `filters[0].prefix: partition is absent`},
		"suffix":                  {`[{suffix: {type: .push}}]`, ""},
		"suffix differs":          {`[{suffix: {type: .pull}}]`, `filters[0].suffix: type is "com.github.push"`},
		"an extension's number":   {`[{exact: {hop: "5"}}]`, ""},
		"an extension's boolean":  {`[{exact: {urgent: "true"}}]`, ""},
		"several: all must hold":  {`[{prefix: {type: com.}}, {suffix: {type: .pull}}]`, `filters[1].suffix: type is "com.github.push"`},
		"all":                     {`[{all: [{prefix: {type: com.}}, {suffix: {type: .push}}]}]`, ""},
		"all, one is false":       {`[{all: [{prefix: {type: com.}}, {exact: {region: us}}]}]`, `filters[0].all[1].exact: region is "eu"`},
		"any":                     {`[{any: [{exact: {region: us}}, {exact: {region: eu}}]}]`, ""},
		"any, none":               {`[{any: [{exact: {region: us}}, {exact: {partition: x}}]}]`, `filters[0].any[0].exact: region is "eu"; filters[0].any[1].exact: partition is absent`},
		"not":                     {`[{not: {exact: {region: us}}}]`, ""},
		"not of what holds":       {`[{not: {exact: {region: eu}}}]`, `filters[0].not.exact holds: region is "eu"`},
		"not of what is absent":   {`[{not: {exact: {partition: x}}}]`, ""},
		"not not":                 {`[{not: {not: {exact: {region: us}}}}]`, `filters[0].not.not.exact: region is "eu"`},
		"not any":                 {`[{not: {any: [{exact: {region: us}}, {prefix: {region: e}}]}}]`, `filters[0].not.any[1].prefix holds: region is "eu"`},
		"not all":                 {`[{not: {all: [{exact: {region: eu}}, {prefix: {type: com}}]}}]`, `filters[0].not.all[0].exact holds: region is "eu"; filters[0].not.all[1].prefix holds: type is "com.github.push"`},
		"sql":                     {`[{sql: "source LIKE '/repos/%' AND EXISTS subject"}]`, ""},
		"sql, false":              {`[{sql: "region = 'us'"}]`, `filters[0].sql is false: region = 'us'`},
		"sql, an absent one":      {`[{sql: "partition = 'x'"}]`, `filters[0].sql is false, since it fails: missing attribute error: partition`},
		"sql, not an absent one":  {`[{not: {sql: "partition = 'x'"}}]`, ""},
		"sql, a number":           {`[{sql: "hop < 6"}]`, ""},
		"sql, a boolean":          {`[{sql: "urgent = TRUE"}]`, ""},
		"sql, a text is no truth": {`[{sql: "region"}]`, `filters[0].sql is false, since it fails: it gives eu of type String, want a Boolean`},
		"sql that panics":         {`[{sql: "SUBSTRING(type, 1, -1) = 'x'"}]`, `filters[0].sql is false, since it fails: runtime error: slice bounds out of range [:-1]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustParse(t, withFilters(tt.filters))
			e, o := mustEvent(t, subject)
			step := r.Explain(e, o).Steps[0]
			if step.Why != tt.want || (step.Finding == Matched) != (tt.want == "") {
				t.Errorf("%v: %q, want %q", step.Finding, step.Why, tt.want)
			}
			m := r.Map(e, o)
			if len(m.Intents) == 1 != (tt.want == "") {
				t.Errorf("Map = %+v, want the same answer", m)
			}
			if want := "no rule matches: r (filters)"; tt.want != "" && m.Why != want && m.Why != "no rule for type com.github.push" {
				t.Errorf("Map says why none: %q, want %q", m.Why, want)
			}
		})
	}
}

// A structured event may carry an extension as a number, a binary one cannot.
func TestFiltersSeeNoEncoding(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	for _, sql := range []string{"hop = 5", "hop = '5'", "hop IN (5, 6)", "urgent = TRUE", "urgent = 'true'", "EXISTS hop", "LENGTH(hop) = 1"} {
		r := mustParse(t, withFilters(fmt.Sprintf("[{sql: %q}]", sql)))
		for _, members := range []string{`{"hop":5,"urgent":true}`, `{"hop":"5","urgent":"true"}`} {
			e, o := mustEvent(t, members)
			if m := r.Map(e, o); len(m.Intents) != 1 {
				t.Errorf("%s of %s: %+v, want a match", sql, members, m)
			}
		}
	}
}

func TestFilterBesideMatchAndWhen(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	r := mustParse(t, `
version: 1
rules:
  - name: r
    match: {type: {any_of: [a, b]}}
    filter: {exact: {source: /s}}
    when: data.n > 1
    audience: {tags_any: [a]}
    message: [{text: hi}]
`)
	for members, want := range map[string]string{
		`{"type":"a","source":"/s","data":{"n":2}}`: "",
		`{"type":"c","source":"/s","data":{"n":2}}`: `type is "c"`,
		`{"type":"a","source":"/t","data":{"n":2}}`: `filter.exact: source is "/t"`,
		`{"type":"a","source":"/s","data":{"n":1}}`: `when is false: data.n > 1`,
		// What filters keep away cannot fail in when.
		`{"type":"a","source":"/t","data":{}}`: `filter.exact: source is "/t"`,
	} {
		e, o := mustEvent(t, members)
		if got := r.Explain(e, o).Steps[0]; got.Why != want || got.Finding == Failed {
			t.Errorf("%s: %v %q, want %q", members, got.Finding, got.Why, want)
		}
	}
}

// Extensions may be named like parts of a rule.
func TestExplainTellsExtensionsFromParts(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	r := mustParse(t, "version: 1\nrules: [{name: r, match: {when: now, filters: x}, audience: {tags_any: [a]}, message: [{text: hi}]}]\n")
	for members, want := range map[string]string{`{"filters":"x"}`: "when is absent", `{"when":"now","filters":"y"}`: `filters is "y"`} {
		e, o := mustEvent(t, members)
		if got := r.Explain(e, o).Steps[0]; got.Why != want {
			t.Errorf("%s: %q, want %q", members, got.Why, want)
		}
	}
}

// The types that a rule is asked about follow from match and filters together.
func TestFiltersIndex(t *testing.T) {
	t.Attr("guards", "an event costs no look at rules for other types")
	t.Parallel()
	for name, tt := range map[string]struct {
		match, filters string
		want           []string // nil: any
	}{
		"exact":              {"", `[{exact: {type: a, source: s}}]`, []string{"a"}},
		"prefix":             {"", `[{prefix: {type: a}}]`, nil},
		"any of exact":       {"", `[{any: [{exact: {type: a}}, {exact: {type: b, source: s}}]}]`, []string{"a", "b"}},
		"any with a stray":   {"", `[{any: [{exact: {type: a}}, {exact: {source: s}}]}]`, nil},
		"all":                {"", `[{all: [{any: [{exact: {type: a}}, {exact: {type: b}}]}, {not: {exact: {source: s}}}, {exact: {type: b}}]}]`, []string{"b"}},
		"not":                {"", `[{not: {exact: {type: a}}}]`, nil},
		"sql":                {"", `[{sql: "type = 'a'"}]`, nil},
		"match and filters":  {"type: {any_of: [a, b, c]}", `[{any: [{exact: {type: b}}, {exact: {type: c}}, {exact: {type: d}}]}]`, []string{"b", "c"}},
		"prefix in filters":  {"type: {any_of: [a, ab, b]}", `[{prefix: {type: a}}, {suffix: {type: b}}]`, []string{"ab"}},
		"prefix in match":    {"type: {prefix: a}", `[{any: [{exact: {type: ab}}, {exact: {type: b}}]}]`, []string{"ab"}},
		"filters of no type": {"type: a", `[{exact: {source: s}}]`, []string{"a"}},
		"no filters":         {"type: a", `[]`, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			match := ""
			if tt.match != "" {
				match = "match: {" + tt.match + "}, "
			}
			r := mustParse(t, "version: 1\nrules: [{name: r, "+match+"filters: "+tt.filters+", audience: {tags_any: [a]}, message: [{text: hi}]}]\n")
			if got := r.rules[0].types; !slices.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
				t.Errorf("types %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzSQL: any text is refused with a reason or gives a filter that answers; it
// prints nothing and never panics.
func FuzzSQL(f *testing.F) {
	for _, s := range []string{
		"type = 'a'", "type == 'a'", "type = ", "(type", "'abc", "a b", "EXISTS", "x IN ('a', \"b\")", "LEFT(type, 2) = 'co'", "SUBSTRING(type, 1, -1) = ''",
		"99999999999 = 1", "NOT (hop < 5 AND urgent) OR region LIKE 'e_%'", "-5 % 0 = 1", "NOW()", "CONCAT_WS(',', type) != \"\\\"\"", "type = 'a' ;", strings.Repeat("(", 60),
	} {
		f.Add(s)
	}
	e := event.New()
	e.SetType("com.github.push")
	e.SetID("1")
	e.SetSource("/a")
	e.SetExtension("hop", 5)
	e.SetExtension("urgent", true)
	f.Fuzz(func(t *testing.T, source string) {
		x, err := compileSQL(source)
		if err != nil {
			if x != nil || err.Error() == "" {
				t.Fatalf("compileSQL(%q) = %v, %v", source, x, err)
			}
			return
		}
		var s scope
		s.reset(&e, intent.Origin{Received: received})
		yes, err := x.holds(&s)
		if yes && err != nil {
			t.Fatalf("%q holds, and fails with %v", source, err)
		}
		if again, _ := x.holds(&s); again != yes {
			t.Fatalf("%q is %v, then %v", source, yes, again)
		}
	})
}
