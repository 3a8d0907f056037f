package mapper

import (
	"os"
	"strings"
	"testing"
)

// TestDocs compiles the examples of the operators' page: each is a whole file, its
// top-level keys, or rules.
func TestDocs(t *testing.T) {
	t.Attr("guards", "what the documentation shows is what the bridge reads")
	t.Parallel()
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	const rule = "rules: [{name: r, match: {type: x}, audience: {everyone: true}, message: [{text: hi}]}]\n"
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("%d examples, want at least 5", len(blocks))
	}
	for _, block := range blocks {
		text, _, ended := strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(text, "  - "):
			text = "version: 1\nrules:\n" + text
		case strings.Contains(text, "version: 1"):
			text += rule
		case strings.Contains(text, "rules:\n"):
			text = "version: 1\n" + text
		default:
			text = "version: 1\n" + text + rule
		}
		r, err := Parse("rules.md", []byte(text), Limits{})
		if err != nil || !ended {
			t.Errorf("%s%v", text, err)
			continue
		}
		if w := r.Warnings(); len(w) > 0 {
			t.Errorf("%s%v", text, w)
		}
	}
}
