package mapper

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawReachRule returns a rule of which others may take everything.
func drawReachRule(t *rapid.T, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: r%d\n", n)
	word := rapid.SampledFrom([]string{"a", "b", "ab"})
	var match []string
	for _, name := range []string{"type", "source", "region"} {
		switch rapid.IntRange(0, 4).Draw(t, name) {
		case 0:
			match = append(match, name+": "+word.Draw(t, "value"))
		case 1:
			match = append(match, fmt.Sprintf("%s: {any_of: [%s]}", name, strings.Join(rapid.SliceOfNDistinct(word, 1, 3, rapid.ID).Draw(t, "values"), ", ")))
		case 2:
			match = append(match, fmt.Sprintf("%s: {prefix: %s}", name, word.Draw(t, "prefix")))
		}
	}
	filters := rapid.IntRange(0, 2).Draw(t, "filters")
	if len(match) > 0 {
		fmt.Fprintf(&b, "    match: {%s}\n", strings.Join(match, ", "))
	} else {
		filters = max(filters, 1)
	}
	var all []string
	for range filters {
		all = append(all, drawFilter(t, 2))
	}
	if len(all) > 0 {
		fmt.Fprintf(&b, "    filters: [%s]\n", strings.Join(all, ", "))
	}
	if when := rapid.SampledFrom([]string{"", "", "data.n > 1", "data.n > 1 && data.x == 2", "true"}).Draw(t, "when"); when != "" {
		fmt.Fprintf(&b, "    when: %s\n", when)
	}
	if rapid.IntRange(0, 3).Draw(t, "continue") == 0 {
		b.WriteString("    continue: true\n")
	}
	b.WriteString("    audience: {tags_any: [x]}\n    message: [{text: hi}]\n")
	return b.String()
}

// The rules that bridge check compares are few of all, and what it finds is what it
// would find if it compared each with each.
func TestReachIsThatOfAllPairs(t *testing.T) {
	t.Attr("guards", "bridge check finds rules that are never asked")
	t.Parallel()
	found, without, pairs, looked := 0, 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		text := "version: 1\nrules:\n"
		for n := range rapid.IntRange(2, 12).Draw(rt, "rules") {
			text += drawReachRule(rt, n)
		}
		r, err := Parse("r.yaml", []byte(text), Limits{})
		if err != nil {
			rt.Skip(err) // a rule that no type passes
		}
		near, known := newReach(r.rules), newCases()
		for i, this := range r.rules {
			var before []*rule
			for _, o := range r.rules[:i] {
				if !o.goOn && o.meets(this) {
					before = append(before, o)
				}
			}
			few := near.before(i)
			pairs, looked = pairs+len(before), looked+len(few)
			want, got := known.takenBy(this, before), near.known.takenBy(this, few)
			if !slices.Equal(want, got) {
				rt.Errorf("rule %s is taken by %v, of all pairs by %v:\n%s", this.name, namesOf(got), namesOf(want), text)
			}
			if want != nil {
				found++
			}
			on := slices.ContainsFunc(r.rules[i+1:], this.meets)
			if on != near.goesOn(i) {
				rt.Errorf("a later rule could take what %s takes: %v, of all pairs %v:\n%s", this.name, near.goesOn(i), on, text)
			}
			if !on {
				without++
			}
		}
	})
	if found == 0 || without == 0 || looked >= pairs {
		t.Errorf("%d rules are never asked, %d have none behind them, %d of %d pairs were compared: the test proves nothing", found, without, looked, pairs)
	}
}

func namesOf(rules []*rule) []string {
	var names []string
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}
