package mapper

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// who are rules of one file that only match; each is a rule's conditions.
func onlyConditions(conditions ...string) string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i, c := range conditions {
		fmt.Fprintf(&b, "  - {name: r%d, %s, audience: {tags_any: [a]}, message: [{text: m}]}\n", i, c)
	}
	return b.String()
}

func TestTakenBy(t *testing.T) {
	t.Attr("guards", "check names the rules that can never be asked, and no other")
	t.Parallel()
	for name, tt := range map[string]struct {
		earlier []string
		later   string
		want    string // the rules that take all of it; "": it cannot be seen
	}{
		"the same":                       {[]string{"match: {type: a}"}, "match: {type: a}", "r0"},
		"other types":                    {[]string{"match: {type: a}"}, "match: {type: b}", ""},
		"a wider list":                   {[]string{"match: {type: {any_of: [a, b, c]}}"}, "match: {type: {any_of: [c, a]}}", "r0"},
		"a narrower list":                {[]string{"match: {type: {any_of: [a, b]}}"}, "match: {type: {any_of: [a, b, c]}}", ""},
		"two rules together":             {[]string{"match: {type: a}", "match: {type: {any_of: [b, x]}}"}, "match: {type: {any_of: [a, b]}}", "r0 r1"},
		"two rules, crossed":             {[]string{"match: {type: a, source: s}", "match: {type: b, source: u}"}, "match: {type: {any_of: [a, b]}, source: {any_of: [s, u]}}", ""},
		"two rules, filled in":           {[]string{"match: {type: a}", "match: {type: b, source: u}", "match: {source: s}"}, "match: {type: {any_of: [a, b]}, source: {any_of: [s, u]}}", "r0 r2 r1"},
		"one attribute more":             {[]string{"match: {type: a}"}, "match: {type: a, source: s}", "r0"},
		"one attribute less":             {[]string{"match: {type: a, source: s}"}, "match: {type: a}", ""},
		"a shorter prefix":               {[]string{"match: {type: {prefix: a}}"}, "match: {type: {prefix: ab, suffix: z}}", "r0"},
		"a longer prefix":                {[]string{"match: {type: {prefix: ab}}"}, "match: {type: {prefix: a}}", ""},
		"values of a prefix":             {[]string{"match: {type: {prefix: ab}}"}, "match: {type: {any_of: [ab, abc]}}", "r0"},
		"one value is not of the prefix": {[]string{"match: {type: {prefix: ab}}"}, "match: {type: {any_of: [ab, bc]}}", ""},
		"a suffix that hangs on":         {[]string{"match: {type: {prefix: abc}}"}, "match: {type: {prefix: ab, suffix: bc}}", ""}, // ab-bc
		"an extension may be absent":     {[]string{"match: {type: a, region: {prefix: e}}"}, "match: {type: a}", ""},
		"filters are match":              {[]string{"filters: [{exact: {type: a}}, {prefix: {source: s}}]"}, "match: {type: a, source: {prefix: s1}}", "r0"},
		"any":                            {[]string{"filter: {any: [{exact: {type: a}}, {exact: {source: s}}]}"}, "match: {source: s}", "r0"},
		"any of both":                    {[]string{"match: {type: a}", "match: {source: s}"}, "filter: {any: [{exact: {type: a}}, {all: [{exact: {source: s}}, {prefix: {type: x}}]}]}", "r0 r1"},
		"not, disjoint value":            {[]string{"filter: {not: {exact: {type: a}}}"}, "match: {type: b}", "r0"},
		"not, disjoint prefix":           {[]string{"filter: {not: {prefix: {type: a}}}"}, "match: {type: {prefix: b}}", "r0"},
		"not, the same":                  {[]string{"filter: {not: {exact: {type: a}}}"}, "filter: {not: {prefix: {type: a}}}", "r0"},
		"not, narrower":                  {[]string{"filter: {not: {prefix: {type: a}}}"}, "filter: {not: {exact: {type: a}}}", ""},
		"not all":                        {[]string{"filter: {not: {all: [{exact: {type: a}}, {exact: {source: s}}]}}"}, "filter: {not: {exact: {source: s}}}", "r0"},
		"not of an absent attribute":     {[]string{"filter: {not: {exact: {region: eu}}}"}, "match: {type: a}", ""},
		"complement, unseen":             {[]string{"match: {type: a}", "filter: {not: {exact: {type: a}}}"}, "match: {source: s}", ""},
		"sql, the same":                  {[]string{`filter: {sql: "hop < 5"}`}, `filters: [{exact: {type: a}}, {sql: "hop < 5"}]`, "r0"},
		"sql, another":                   {[]string{`filter: {sql: "hop < 6"}`}, `filter: {sql: "hop < 5"}`, ""},
		"sql, not":                       {[]string{`filter: {not: {sql: "hop < 5"}}`}, `filter: {sql: "hop < 5"}`, ""},
		"when before":                    {[]string{"match: {type: a}, when: data.n > 1"}, "match: {type: a}", ""},
		"when after":                     {[]string{"match: {type: a}"}, "match: {type: a}, when: data.n > 1", "r0"},
		"the same when":                  {[]string{"match: {type: a}, when: data.n>1"}, "match: {type: a}, when: (data.n > 1)", "r0"},
		"a part of when":                 {[]string{"match: {type: a}, when: data.n > 1"}, "match: {type: a}, when: data.m == 2 && data.n > 1", "r0"},
		"more than when":                 {[]string{"match: {type: a}, when: data.n > 1 && data.m == 2"}, "match: {type: a}, when: data.n > 1", ""},
		"one of when":                    {[]string{"match: {type: a}, when: data.n > 1 || data.m == 2"}, "match: {type: a}, when: data.n > 1", "r0"},
		"when is true":                   {[]string{"match: {type: a}, when: true"}, "match: {type: a}", "r0"},
		"when is false":                  {[]string{"match: {type: a}, when: false"}, "match: {type: a}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustParse(t, onlyConditions(append(tt.earlier, tt.later)...))
			last := len(r.rules) - 1
			var names []string
			for _, by := range newCases().takenBy(r.rules[last], r.rules[:last]) {
				names = append(names, by.name)
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("taken by %q, want %q", got, tt.want)
			}
		})
	}
}

// Where a rule is said to be taken by others, no event shows otherwise.
func TestTakenByIsTrue(t *testing.T) {
	t.Attr("guards", "check calls no rule unreachable that an event can reach")
	t.Parallel()
	pattern := rapid.SampledFrom([]string{"a", "ab", "b", "{prefix: a}", "{suffix: b}", "{prefix: ab}", "{prefix: a, suffix: b}", "{any_of: [a, ab]}", "{any_of: [a, b, ab], prefix: a}"})
	leaf := rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"type", "region"}).Draw(t, "name")
		how := rapid.SampledFrom([]string{"exact", "prefix", "suffix"}).Draw(t, "how")
		text := fmt.Sprintf("{%s: {%s: %s}}", how, name, rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(t, "value"))
		return rapid.SampledFrom([]string{text, "{not: " + text + "}", `{sql: "hop = 1"}`, `{not: {sql: "hop = 1"}}`, "{exact: {type: a, region: b}}"}).Draw(t, "leaf")
	})
	tree := rapid.Custom(func(t *rapid.T) string {
		list := "[" + strings.Join(rapid.SliceOfN(leaf, 1, 3).Draw(t, "list"), ", ") + "]"
		return rapid.SampledFrom([]string{"{all: " + list + "}", "{any: " + list + "}", "{not: {all: " + list + "}}", "{not: {any: " + list + "}}"}).Draw(t, "tree")
	})
	atom := rapid.SampledFrom([]string{"data.n > 1", "data.s == 'x'", "has(data.n)", "true", "false"})
	when := rapid.Custom(func(t *rapid.T) string {
		a, b, c := atom.Draw(t, "a"), atom.Draw(t, "b"), atom.Draw(t, "c")
		return rapid.SampledFrom([]string{a, a + " && " + b, a + " || " + b, "(" + a + " || " + b + ") && " + c, a + " && " + b + " || " + c, "!(" + a + ")"}).Draw(t, "when")
	})
	conditions := rapid.Custom(func(t *rapid.T) string {
		c := []string{"match: {type: " + pattern.Draw(t, "type") + "}"}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			c = []string{"filters: [" + tree.Draw(t, "tree") + ", " + leaf.Draw(t, "leaf") + "]"}
		case 1:
			c = []string{"match: {region: " + pattern.Draw(t, "region") + "}, filter: " + leaf.Draw(t, "leaf")}
		case 2:
			c = append(c, "when: \""+when.Draw(t, "when")+"\"")
		}
		return strings.Join(c, ", ")
	})
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		file := onlyConditions(rapid.SliceOfN(conditions, 4, 8).Draw(t, "rules")...)
		r, err := Parse("rules.yaml", []byte(file), Limits{})
		if err != nil {
			t.Skip() // types that exclude each other are refused
		}
		known := newCases()
		for i, later := range r.rules {
			by := known.takenBy(later, r.rules[:i])
			if by == nil {
				continue
			}
			seen++
			for range 30 {
				members := fmt.Sprintf(`{"type":%q`, rapid.SampledFrom([]string{"a", "b", "ab", "aab", "abb", "aba", "c"}).Draw(t, "event type"))
				members += rapid.SampledFrom([]string{"", `,"region":"a"`, `,"region":"b"`, `,"region":"ab"`, `,"region":"axb"`, `,"region":"c"`}).Draw(t, "event region")
				members += rapid.SampledFrom([]string{"", `,"hop":1`, `,"hop":2`}).Draw(t, "event hop")
				members += rapid.SampledFrom([]string{"", `,"data":{"n":1,"s":"x"}`, `,"data":{"n":2}`, `,"data":{"n":2,"s":"y"}`, `,"data":{"n":"2","s":"x"}`}).Draw(t, "event data")
				e, o := mustEvent(t, members+"}")
				s := &scope{}
				s.reset(e, o)
				if v := later.apply(s); !v.matched && v.failure == nil {
					continue
				}
				decided := false
				for _, earlier := range by {
					v := earlier.apply(s)
					decided = decided || v.matched || v.failure != nil
				}
				if !decided {
					t.Fatalf("%s}\nreaches %s in\n%s", members, later.name, file)
				}
			}
		}
	})
	if seen < 20 {
		t.Errorf("only %d rules were taken by others: the test sees too little", seen)
	}
}
