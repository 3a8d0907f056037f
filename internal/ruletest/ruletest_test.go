package ruletest

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/mapper"
)

func testRules(t testing.TB) *mapper.Rules {
	t.Helper()
	rules, err := mapper.Load("testdata/rules.yaml", mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func run(t testing.TB, text []byte, drafts bool) (*File, Result) {
	t.Helper()
	f, err := Parse("testdata/all_test.yaml", text, drafts)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Run(testRules(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return f, r
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryKeyIsMet(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	f, r := run(t, read(t, "all_test.yaml"), false)
	for _, one := range r.Tests {
		for _, failure := range one.Failures {
			t.Errorf("%s: %+v", one.Name, failure)
		}
	}
	if len(r.Tests) != 3 || f.Rules != "testdata/rules.yaml" {
		t.Errorf("%d tests of %s, want 3 of testdata/rules.yaml", len(r.Tests), f.Rules)
	}
	if f.Update(&r) != nil {
		t.Error("a file whose tests pass is to change")
	}
	if _, again := run(t, read(t, "all_test.yaml"), false); cmp.Diff(r, again, cmp.AllowUnexported(Tested{}, change{}, item{}), cmp.Comparer(func(a, b mapper.Node) bool { return true })) != "" {
		t.Error("a second run of the same file is another")
	}
}

// Each expectation of the file, made wrong alone, is the one failure, and Update
// mends it to the byte but for the value.
func TestEveryKeyIsJudged(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	text := string(read(t, "all_test.yaml"))
	for _, c := range []struct {
		old, wrong string
		key        string
		mended     string // "": as it was
	}{
		{"{at: 1h59m..2h,", "{at: 1s..2s,", "at", "{at: 1h59m..2h,"},
		{`at: ">= 2026-03-02T08:14:00Z"`, `at: ">= 2026-03-02T12:14:00Z"`, "at", `at: ">= 2026-03-02T08:14:00Z"`},
		{"rule: alert, lane: default", "rule: storm, lane: default", "rule", ""},
		{"rule: alert, lane: default", "rule: alert, lane: other", "lane", ""},
		{"audience: {attrs_any: {city: Oslo}}", "audience: {attrs_any: {city: Bergen}}", "audience", ""},
		{`message: "会: storm!"`, `message: "会"`, "message", ""},
		{"events: [d]", "events: [c, d]", "events", ""},
		{"priority: critical, why", "priority: low, why", "priority", ""},
		{"why: critical}", "why: price}", "why", ""},
		{"rule: [promo]", "rule: [promo, alert]", "rule", "rule: promo"},
		{"condition: {TagsOr: [silver, gold]}", "condition: {TagsAnd: [silver, gold]}", "condition", "condition: {TagsOr: [gold, silver]}"},
		{"message: [Sale]", "message: [Sale, Sale]", "message", "message: Sale"},
		{"{pushed: 3, superseded: 1,", "{pushed: 4, superseded: 1,", "pushed", ""},
		{"{pushed: 3, superseded: 1,", "{pushed: 3,", "superseded", ""},
		{"disposition: superseded, by: d", "disposition: superseded, by: b", "by", ""},
		{"reason: promo (when)", "reason: promo (type)", "reason", `reason: "no rule matches: promo (when)"`},
		{"mode: digest", "mode: merge", "mode", ""},
		{"on_doubt: drop", "on_doubt: resend", "on_doubt", ""},
		{"expires: 24h", "expires: \"> 24h\"", "expires", "expires: \"> 23h59m\""},
		{"condition: everyone", "condition: {TagsOr: [a]}", "condition", ""},
		{"Latitude: 1.5, Longitude: 2}}]", "Latitude: 1.5, Longitude: 3}}]", "message", "by eye"},
		{"max_delay: 30m", "max_delay: 31m", "max_delay", ""},
		{"at: 6h..6h1m", "at: 5h..5h30m", "at", "at: 6h..6h1m"},
		{"- {data: {title: Other}}", "- {type: alert, data: {id: x, city: Oslo, title: News}}", "merges_with", "by hand"},
		{"- {type: alert, data: {id: x, city: Oslo, title: News}}", "- {data: {title: Other}}", "apart_from", "by hand"},
		{`dead_letters: ["source is missing"]`, "dead_letters: [no event]", "", "by regexp"},
	} {
		t.Run(c.wrong, func(t *testing.T) {
			t.Parallel()
			if strings.Count(text, c.old) != 1 {
				t.Fatalf("%q is %d times in the file", c.old, strings.Count(text, c.old))
			}
			wrong := strings.Replace(text, c.old, c.wrong, 1)
			f, r := run(t, []byte(wrong), false)
			var failures []Failure
			for _, one := range r.Tests {
				failures = append(failures, one.Failures...)
			}
			if len(failures) != 1 || failures[0].Key != c.key || failures[0].Got == failures[0].Want {
				t.Fatalf("failures %+v, want one of %q", failures, c.key)
			}
			at := 1 + strings.Count(text[:strings.Index(text, c.old)], "\n")
			if failures[0].Line != at {
				t.Errorf("failure at line %d, want %d", failures[0].Line, at)
			}
			got := string(f.Update(&r))
			switch c.mended {
			case "by hand":
				if got != "" {
					t.Errorf("updated to %s", got)
				}
				return
			case "by eye":
				if !strings.Contains(got, "message: [{MsgContent: {Desc: here, Latitude: 1.5, Longitude: 2}, MsgType: TIMLocationElem}]\n") {
					t.Errorf("updated to %s", got)
				}
				return
			case "by regexp":
				if !regexp.MustCompile(`dead_letters: \["invalid: [^\n]+"\]\n`).MatchString(got) {
					t.Errorf("updated to %s", got)
				}
				return
			case "":
				c.mended = c.old
			}
			want := strings.Replace(text, c.old, c.mended, 1)
			if got != want {
				t.Errorf("updated otherwise:\n%s", cmp.Diff(want, got))
			}
			if _, again := run(t, []byte(got), false); again.Failed() {
				t.Errorf("what was updated fails: %+v", again)
			}
		})
	}
}

// Calls that were made and not wanted, and the other way round, are told so, and
// only they are written anew.
func TestUpdateKeepsWhatIsThere(t *testing.T) {
	t.Attr("guards", "bridge test --update keeps comments, order and form")
	t.Parallel()
	const head = "tests:\n  - name: x\n    events:\n      - {event: {type: promo, data: {discount: 1, tiers: [a], title: A}}}\n" +
		"      - {at: 5h, event: {type: promo, data: {discount: 1, tiers: [b], title: B}}} # later\n"
	const a, b = `{at: "<= 44m", rule: promo, condition: {TagsOr: [a]}, message: A, events: ["1"]}`, `{at: "<= 5h44m", rule: promo, condition: {TagsOr: [b]}, message: B, events: ["2"]}`
	for name, c := range map[string]struct{ in, want string }{
		"none":        {"    expect:\n      calls: [] # none\n", "    expect:\n      calls:\n        - " + a + "\n        - " + b + " # none\n"},
		"the second":  {"    expect:\n      calls: # two?\n        - {message: A} # first\n", "    expect:\n      calls: # two?\n        - {message: A} # first\n        - " + b + "\n"},
		"the first":   {"    expect:\n      calls:\n        # the last\n        - message: B\n", "    expect:\n      calls:\n        - " + a + "\n        # the last\n        - message: B\n"},
		"no newline":  {"    expect:\n      calls:\n        - {message: A}", "    expect:\n      calls:\n        - {message: A}\n        - " + b},
		"a third":     {"    expect:\n      calls:\n        - {message: A}\n        # C?\n        - {message: C,\n           why: price}\n        - {message: B}\n", "    expect:\n      calls:\n        - {message: A}\n        # C?\n        - {message: B}\n"},
		"in brackets": {"    expect: {calls: [{message: A, why: deadline}]}\n", "    expect: {calls: [{message: A, why: price}, " + b + "]}\n"},
		"in lines":    {"    expect:\n      calls: [{message: B}]\n", "    expect:\n      calls:\n        - " + a + "\n        - {message: B}\n"},
		"a draft":     {"", "    expect:\n      calls:\n        - " + a + "\n        - " + b + "\n      dispositions: {pushed: 2}\n"},
		"block text":  {"    expect:\n      calls:\n        - message: |-\n            A\n            B\n          why: price\n        - {message: B}\n", "    expect:\n      calls:\n        - message: A\n          why: price\n        - {message: B}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, r := run(t, []byte(head+c.in), true)
			got := string(f.Update(&r))
			if diff := cmp.Diff(head+c.want, got); diff != "" {
				t.Fatal(diff)
			}
			if _, again := run(t, []byte(got), false); again.Failed() {
				t.Errorf("what was updated fails: %+v", again)
			}
		})
	}
	t.Run("lines of Windows", func(t *testing.T) {
		t.Parallel()
		in := head + "    expect:\n      calls:\n        - {message: A, why: deadline} # first\n"
		f, r := run(t, []byte(strings.ReplaceAll(in, "\n", "\r\n")), true)
		want := strings.ReplaceAll(head+"    expect:\n      calls:\n        - {message: A, why: price} # first\n        - "+b+"\n", "\n", "\r\n")
		if diff := cmp.Diff(want, string(f.Update(&r))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nobody any more", func(t *testing.T) {
		t.Parallel()
		text := "tests:\n  - name: x\n    event: {type: nobody}\n    expect:\n      calls:\n        - {message: A}\n        - {message: B}\n      dispositions: {unmatched: 1}\n"
		f, r := run(t, []byte(text), false)
		want := strings.Replace(text, "calls:\n        - {message: A}\n        - {message: B}", "calls: []", 1)
		if diff := cmp.Diff(want, string(f.Update(&r))); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBound(t *testing.T) {
	t.Attr("guards", "what a test says of times")
	t.Parallel()
	for text, c := range map[string]struct {
		yes, no []time.Duration
		again   string // for 90s
	}{
		"2h":                   {[]time.Duration{2 * time.Hour}, []time.Duration{2*time.Hour - 1, 2*time.Hour + 1}, "1m30s"},
		"<= 2h":                {[]time.Duration{0, 2 * time.Hour}, []time.Duration{2*time.Hour + 1}, "<= 1m30s"},
		"<2h":                  {[]time.Duration{0, 2*time.Hour - 1}, []time.Duration{2 * time.Hour}, "< 1m31s"},
		">= 2h":                {[]time.Duration{2 * time.Hour}, []time.Duration{2*time.Hour - 1}, ">= 1m30s"},
		"> 2h":                 {[]time.Duration{2*time.Hour + 1}, []time.Duration{2 * time.Hour}, "> 1m29s"},
		"1h..2h":               {[]time.Duration{time.Hour, 2 * time.Hour}, []time.Duration{time.Hour - 1, 2*time.Hour + 1}, "1m30s..1m31s"},
		"2026-01-05T13:00:00Z": {[]time.Duration{time.Hour}, []time.Duration{0}, "2026-01-05T12:01:30Z"},
	} {
		b, err := parseBound(text, monday)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range c.yes {
			if !b.holds(d) {
				t.Errorf("%s does not hold for %v", text, d)
			}
		}
		for _, d := range c.no {
			if b.holds(d) {
				t.Errorf("%s holds for %v", text, d)
			}
		}
		around := b.around(90 * time.Second)
		if got := around.text(monday); got != c.again || !around.holds(90*time.Second) {
			t.Errorf("%s around 90s is %q, want %q, which holds", text, got, c.again)
		}
	}
	for _, text := range []string{"", "5", "soon", "<= ", "1h..", "2h..1h", "< 1h..2h", "0"} {
		if b, err := parseBound(text, monday); err == nil {
			t.Errorf("%q is %+v, want an error", text, b)
		}
	}
}

// FuzzTests: any text is refused with places, or runs; what Update makes of it is a
// file of tests again.
func FuzzTests(f *testing.F) {
	for _, name := range []string{"all_test.yaml", "rules.yaml"} {
		f.Add(string(read(f, name)))
	}
	f.Add("tests:\n  - {name: x, event: {type: promo, data: {discount: 1, tiers: [a], title: A}}}\n")
	f.Add("tests:\n  - name: x\n    events: [{event: {type: article, data: {title: A}}}]\n    expect:\n      calls:\n        - at: 5m\n          message: |\n            x\n")
	rules := testRules(f)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("x_test.yaml", []byte(text), true)
		if err != nil {
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				if p, ok := errors.AsType[*mapper.FileError](e); !ok || p.Msg == "" {
					t.Fatalf("%v is no problem with a place", e)
				}
			}
			return
		}
		r, err := file.Run(rules, nil)
		if err != nil {
			return // a lane that the rules do not have
		}
		if changed := file.Update(&r); changed != nil {
			again, err := Parse("x_test.yaml", changed, false)
			if err != nil {
				t.Fatalf("%v\n%s\nwas\n%s", err, changed, text)
			}
			if len(again.tests) != len(file.tests) {
				t.Fatalf("%d tests, were %d", len(again.tests), len(file.tests))
			}
		}
	})
}
