package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page for newcomers says what the commands say: its rule file with two mistakes,
// those mended, and its tests, whose expectations the command writes.
func TestFirstRulesPage(t *testing.T) {
	t.Attr("guards", "docs/first-rules.md says what the commands say")
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "first-rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	var yaml, typed []string
	for _, m := range regexp.MustCompile("(?s)```(yaml|)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if m[1] == "yaml" {
			yaml = append(yaml, m[2])
		} else {
			typed = append(typed, m[2])
		}
	}
	if len(yaml) < 4 {
		t.Fatalf("%d blocks of YAML, want the rules, the tests, and what was written to both of them", len(yaml))
	}
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// said is what the page shows behind a command, which is all of it.
	said := func(command string) string {
		for _, block := range typed {
			for part := range strings.SplitSeq(block, "$ ") {
				if rest, ok := strings.CutPrefix(part, command+"\n"); ok {
					return rest
				}
			}
		}
		t.Fatalf("the page does not type %q", command)
		return ""
	}
	run := func(want int, args ...string) string {
		p := startBridge(t, nil, args...)
		if code := p.wait(); code != want {
			t.Fatalf("bridge %v: exit code %d, want %d\n%s%s", args, code, want, p.out.String(), p.stderr())
		}
		return p.out.String()
	}

	event := func(kind, data string) string {
		return `{"specversion":"1.0","id":"1","source":"/shop","type":"` + kind + `","time":"2026-11-26T09:00:00Z","data":` + data + "}\n"
	}
	write("events.jsonl", event("offer.made", `{"city":"beijing","title":"Spring sale","level":"gold","percent":30}`)+event("stock.low", `{"item":"Tea"}`))
	run(0, "schema", "infer", "--out", "schemas", "events.jsonl")

	write("candidate.yaml", yaml[0])
	if got, want := run(1, "check", "candidate.yaml"), said("bridge check candidate.yaml"); got != want {
		t.Errorf("check says\n%s\nthe page\n%s", got, want)
	}
	write("candidate.yaml", strings.NewReplacer("percnt", "percent", "mesage", "message").Replace(yaml[0]))
	if got := run(0, "check", "candidate.yaml"); !strings.Contains(string(page), "`"+strings.TrimSpace(got)+"`") {
		t.Errorf("check of what is mended says %q, the page does not", got)
	}

	write("candidate_test.yaml", yaml[1])
	if got, want := run(0, "test", "--update", "candidate_test.yaml"), said("bridge test --update candidate_test.yaml"); got != want {
		t.Errorf("test --update says\n%s\nthe page\n%s", got, want)
	}
	if got, want := run(0, "test", "candidate_test.yaml"), said("bridge test candidate_test.yaml"); got != want {
		t.Errorf("test says\n%s\nthe page\n%s", got, want)
	}
	written, err := os.ReadFile("candidate_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, expect := range yaml[2:4] {
		if !strings.Contains(string(written), expect) {
			t.Errorf("test --update has written\n%s\nthe page says\n%s", written, expect)
		}
	}
}
