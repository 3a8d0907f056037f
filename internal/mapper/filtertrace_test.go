package mapper

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Every part of a filter says what it came to and where it stands, in the words that
// the parts of when have.
func TestFilterTrace(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	const subject = `{"type":"order.created","source":"/crm/a","hop":5,"region":"eu"}`
	for filters, want := range map[string]string{
		`[{exact: {type: order.created}}, {prefix: {source: /crm/, region: us}}, {suffix: {type: .created}}]`: `
4:16 exact: {type: order.created} = bool true
  4:24 type = string "order.created"
4:48 prefix: {source: /crm/, region: us} = bool false
  4:57 prefix: {source: /crm/} = bool true
    4:57 source = string "/crm/a"
  4:72 prefix: {region: us} = bool false
    4:72 region = string "eu"
4:87 suffix: {type: .created} = bool true (unasked)
  4:96 type = string "order.created"
`,
		`[{not: {any: [{exact: {region: eu}}, {exact: {tenant: "a b"}}]}}]`: `
4:16 not: {any: [{exact: {region: eu}}, {exact: {tenant: "a b"}}]} = bool false
  4:22 any: [{exact: {region: eu}}, {exact: {tenant: "a b"}}] = bool true
    4:29 exact: {region: eu} = bool true
      4:37 region = string "eu"
    4:52 exact: {tenant: "a b"} = bool false (unasked)
      4:60 tenant =  
`,
		`[{all: [{sql: "hop < 6"}, {sql: "tenant = 'x'"}]}]`: `
4:16 all: [{sql: hop < 6}, {sql: tenant = 'x'}] = bool false
  4:23 sql: hop < 6 = bool true
    4:28 hop = string "5"
  4:41 sql: tenant = 'x' = ! missing attribute error: tenant
    4:46 tenant =  
`,
	} {
		e, o := mustEvent(t, subject)
		var got strings.Builder
		got.WriteString("\n")
		for _, f := range mustParse(t, withFilters(filters)).Explain(e, o).Steps[0].Filters {
			outline(&got, f, "")
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s: %s", filters, diff)
		}
	}
}

// drawFilter returns a filter as YAML, of attributes that events of drawnEvent have or
// have not.
func drawFilter(t *rapid.T, depth int) string {
	words := []string{"exact", "prefix", "suffix", "sql", "all", "any", "not"}
	if depth == 0 {
		words = words[:4]
	}
	attributes := []string{"type", "source", "region", "tenant"}
	value := rapid.SampledFrom([]string{"a", "b", "/a", "ab"})
	switch word := rapid.SampledFrom(words).Draw(t, "dialect"); word {
	case "sql":
		return fmt.Sprintf("{sql: \"%s = '%s'\"}", rapid.SampledFrom(attributes).Draw(t, "attribute"), value.Draw(t, "value"))
	case "not":
		return "{not: " + drawFilter(t, depth-1) + "}"
	case "all", "any":
		var parts []string
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			parts = append(parts, drawFilter(t, depth-1))
		}
		return fmt.Sprintf("{%s: [%s]}", word, strings.Join(parts, ", "))
	default:
		var parts []string
		for _, a := range attributes {
			if rapid.Bool().Draw(t, a) || a == "tenant" && parts == nil {
				parts = append(parts, a+": "+value.Draw(t, "value"))
			}
		}
		return fmt.Sprintf("{%s: {%s}}", word, strings.Join(parts, ", "))
	}
}

// What the parts came to is what the whole is made of, and the whole is what Map
// decides; coverage sees of an event what its trace says.
func TestFilterTraceAgreesWithMap(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var filters []string
		for range rapid.IntRange(1, 3).Draw(rt, "filters") {
			filters = append(filters, drawFilter(rt, 3))
		}
		r, err := Parse("r.yaml", []byte(withFilters("["+strings.Join(filters, ", ")+"]")), Limits{})
		if err != nil {
			rt.Skip(err) // no type passes
		}
		value := rapid.SampledFrom([]string{"a", "b", "/a", "ab"})
		members := fmt.Sprintf(`{"type":%q,"source":%q,"region":%q}`, value.Draw(rt, "type"), value.Draw(rt, "source"), value.Draw(rt, "region"))
		e, o := mustEvent(t, members)
		step := r.Explain(e, o).Steps[0]
		all := true
		for _, f := range step.Filters {
			all = all && f.is(true)
			checkParts(rt, &f)
		}
		if matched := len(r.Map(e, o).Intents) == 1; matched != all {
			rt.Errorf("%v of %s: the parts say %v, Map %v", filters, members, all, matched)
		}
		c, err := r.NewCoverage()
		if err != nil {
			rt.Fatal(err)
		}
		total, before := c.Report()
		c.Add(e, o)
		after, missing := c.Report()
		if len(before) != total || after != total || all && len(missing) == total {
			rt.Errorf("%v: %d and %d things to see, %d and %d not seen", filters, total, after, len(before), len(missing))
		}
	})
}

// checkParts holds each part against what it is made of.
func checkParts(t *rapid.T, x *Trace) {
	var yes, no int
	for i := range x.Parts {
		checkParts(t, &x.Parts[i])
		if p := &x.Parts[i]; p.Type == "bool" && p.is(true) {
			yes++
		} else if p.Type == "bool" {
			no++
		}
	}
	word, _, _ := strings.Cut(x.Text, ":")
	var want bool
	switch {
	case yes+no == 0:
		return
	case word == "not":
		want = no == 1
	case word == "any":
		want = yes > 0
	default:
		want = no == 0
	}
	if x.is(true) != want {
		t.Errorf("%s is %s, of its parts %d are true and %d false", x.Text, x.Value, yes, no)
	}
}

// What could go either way in filters is counted; what match could say is not.
func TestFilterCoverage(t *testing.T) {
	t.Attr("guards", "bridge test --coverage")
	t.Parallel()
	r := mustParse(t, withFilters(`[{exact: {type: a}}, {any: [{exact: {region: eu}}, {prefix: {region: u, source: /x}}]}, {not: {exact: {hop: "1"}}}]`))
	missing := func(events ...string) []string {
		c, err := r.NewCoverage()
		if err != nil {
			t.Fatal(err)
		}
		for _, members := range events {
			c.Add(mustEvent(t, members))
		}
		total, all := c.Report()
		if total != 9 { // the rule, and four parts of two values
			t.Errorf("%d things to see, want 9", total)
		}
		var out []string
		for i := range all {
			out = append(out, fmt.Sprintf("%d:%d %s", all[i].Line, all[i].Column, &all[i]))
		}
		return out
	}
	for _, c := range []struct {
		events []string
		want   []string
	}{
		{[]string{`{"type":"b","region":"eu"}`}, []string{
			`3:11 rule "r" took no event`,
			`4:43 rule "r": filters[1]: exact: {region: eu} was never true`, `4:43 rule "r": filters[1]: exact: {region: eu} was never false`,
			`4:75 rule "r": filters[1]: prefix: {region: u} was never true`, `4:75 rule "r": filters[1]: prefix: {region: u} was never false`,
			`4:86 rule "r": filters[1]: prefix: {source: /x} was never true`, `4:86 rule "r": filters[1]: prefix: {source: /x} was never false`,
			`4:109 rule "r": filters[2]: exact: {hop: "1"} was never true`, `4:109 rule "r": filters[2]: exact: {hop: "1"} was never false`,
		}},
		{[]string{`{"type":"a","region":"eu"}`, `{"type":"a","region":"us","source":"/x"}`, `{"type":"a","region":"us","source":"/y"}`}, []string{
			`4:75 rule "r": filters[1]: prefix: {region: u} was never false`,
			`4:109 rule "r": filters[2]: exact: {hop: "1"} was never true`,
		}},
		{[]string{`{"type":"a","region":"eu","hop":1}`, `{"type":"a","region":"us","source":"/x"}`, `{"type":"a","region":"us","source":"/y"}`, `{"type":"a"}`}, nil},
	} {
		if diff := cmp.Diff(c.want, missing(c.events...)); diff != "" {
			t.Errorf("%s: %s", c.events, diff)
		}
	}
}
