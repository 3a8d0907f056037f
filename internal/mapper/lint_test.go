package mapper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lintNow is when the files of testdata/lint are checked.
var lintNow = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

func mustCheck(t testing.TB, file string, data []byte) (*Rules, []*FileError) {
	t.Helper()
	r, findings, err := Check(file, data, Limits{}, lintNow)
	if err != nil {
		t.Fatal(err)
	}
	return r, findings
}

// TestLint holds every finding about files that are legal to its golden file.
func TestLint(t *testing.T) {
	t.Attr("guards", "check says what a legal rule file does not do")
	t.Parallel()
	files, err := filepath.Glob("testdata/lint/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, findings := mustCheck(t, filepath.Base(file), data)
			if r == nil {
				t.Fatalf("the file is refused:\n%s", printed(findings))
			}
			if len(findings) == 0 {
				t.Error("nothing is found")
			}
			for _, f := range findings {
				if f.Line == 0 || f.Excerpt == "" || f.Do == "" {
					t.Errorf("%v has no place or no mend", f)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", printed(findings))
		})
	}
}

// What is refused is found by both, and what Parse warns of is found too.
func TestCheckFindsWhatParseDoes(t *testing.T) {
	t.Attr("guards", "check and run agree on what a rule file is")
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := Parse(file, data, Limits{})
		checked, findings := mustCheck(t, file, data)
		if (parsed == nil) != (checked == nil) {
			t.Errorf("%s: Parse gives %v, Check %v", file, parsed, checked)
		}
		want := map[string]bool{}
		if err != nil {
			for _, p := range problems(t, err) {
				want[p.Error()] = true
			}
		} else {
			for _, w := range parsed.Warnings() {
				want[w.Error()] = true
			}
		}
		for _, f := range findings {
			delete(want, f.Error())
		}
		if len(want) > 0 {
			t.Errorf("%s: Check does not find %v", file, want)
		}
	}
}

// The files that we ship are examples: they are clean.
func TestShippedRulesAreClean(t *testing.T) {
	t.Attr("guards", "the demo's and the benchmark's rules have no warning")
	t.Parallel()
	// The benchmarks' notices to everyone come from a generator and not from a
	// producer that could go wrong; a maximum would change what is measured.
	bounded := map[string]bool{"../../testdata/demo/rules.yaml": true, "../../bench/coalesce/rules.yaml": false, "../../bench/throughput/rules.yaml": false}
	for file, everyone := range bounded {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, findings := mustCheck(t, file, data)
		if r == nil {
			t.Errorf("%s is refused", file)
		}
		for _, f := range findings {
			if f.Severity != Note && (everyone || f.Field != "audience.everyone") {
				t.Error(f)
			}
		}
	}
}

// manyRules is a file of n rules for n/10 types, each of which ten rules share.
func manyRules(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - name: r%d\n    match: {type: t%d, source: {prefix: /s/%d}}\n    when: data.n > %d && has(data.title)\n", i, i/10, i%10, i)
		fmt.Fprintf(&b, "    audience: {tags_any: [\"region:${data.region}\", vip]}\n    message: [{text: \"${data.title}: ${data.text}\"}]\n    delivery: {expire_after: 6h}\n")
	}
	return []byte(b.String())
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		data := manyRules(n)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, findings := mustCheck(b, "rules.yaml", data); r == nil || len(findings) > 0 {
					b.Fatalf("%s", printed(findings))
				}
			}
		})
	}
}

func BenchmarkParse1000(b *testing.B) {
	data := manyRules(1000)
	for b.Loop() {
		if _, err := Parse("rules.yaml", data, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
