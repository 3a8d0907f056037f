package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pushbridge/internal/mapper"
	"pushbridge/internal/ruletest"
)

// The cookbook as its reader would try it: every recipe checks without a warning, its
// tests pass and cover its rules, and its page is in the index.
func TestCookbook(t *testing.T) {
	t.Attr("guards", "the docs' recipes do what they say")
	t.Parallel()
	const book = "../../docs/cookbook"
	recipes, err := filepath.Glob(book + "/[0-9]*")
	if err != nil || len(recipes) < 12 {
		t.Fatalf("%d recipes: %v", len(recipes), err)
	}
	index, err := os.ReadFile(book + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, recipe := range recipes {
		name := filepath.Base(recipe)
		page, err := os.ReadFile(recipe + "/README.md")
		if err != nil {
			t.Error(err)
		}
		title, rest, _ := strings.Cut(strings.TrimPrefix(string(page), "# "), "\n")
		if !strings.Contains(string(index), "| ["+title+"]("+name+"/README.md) |") || len(rest) < 200 {
			t.Errorf("%s: no page of this title in the index, or nothing on it", name)
		}
		out, code := runCommand(t, newCheckCmd(), "", recipe+"/rules.yaml")
		if code != 0 || strings.Contains(out, "warning") {
			t.Errorf("check %s: exit %d\n%s", name, code, out)
		}
	}
	out, code := runCommand(t, newTestCmd(), "", "--coverage-min", "100", "-o", "json", book+"/...")
	var all testReport
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	if len(all.Files) != len(recipes) || len(all.Coverage) != len(recipes) {
		t.Errorf("%d files of tests and %d of rules, want %d", len(all.Files), len(all.Coverage), len(recipes))
	}
}

// TestTestingPage runs the example of the page about tests against the rules that it
// is about.
func TestTestingPage(t *testing.T) {
	t.Attr("guards", "what the documentation shows is what the bridge reads")
	t.Parallel()
	page, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ended := strings.Cut(example, "```")
	if !ended {
		t.Fatal("no example on the page")
	}
	rules, err := mapper.Parse("rules.yaml", bytes.TrimSpace([]byte(`
version: 1
rules:
  - name: member-promo
    match: {type: member.promo}
    when: data.discount >= 0.2
    audience: {tags_any: "${data.tiers}"}
    message: [{text: "${data.title}"}]
    delivery: {max_delay: 2h}
`)), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	tests, err := ruletest.Parse("rules_test.yaml", []byte(example), false)
	if err != nil {
		t.Fatal(err)
	}
	r, err := tests.Run(rules, nil)
	if err != nil || r.Failed() || len(r.Tests) != 4 {
		t.Errorf("%+v, %v", r, err)
	}
}
