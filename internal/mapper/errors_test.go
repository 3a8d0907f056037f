package mapper

import (
	"strings"
	"testing"
)

func TestCaretOfALongLine(t *testing.T) {
	t.Attr("guards", "a finding in a line of any length shows its place, and no page of text")
	t.Parallel()
	for name, tt := range map[string]struct {
		line   string
		column int
		want   string
	}{
		"short":      {"a: bc", 4, "a: bc\n   ^"},
		"tab":        {"\ta: b", 5, "\ta: b\n\t   ^"},
		"beyond":     {"a:", 9, "a:\n  ^"},
		"at the end": {strings.Repeat("ü", 300) + "!", 301, "…" + strings.Repeat("ü", 239) + "!\n" + strings.Repeat(" ", 240) + "^"},
		"at first":   {"!" + strings.Repeat("x", 300), 1, "!" + strings.Repeat("x", 239) + "…\n^"},
		"inside":     {strings.Repeat("a", 500) + "!" + strings.Repeat("b", 500), 501, "…" + strings.Repeat("a", 120) + "!" + strings.Repeat("b", 119) + "…\n" + strings.Repeat(" ", 121) + "^"},
	} {
		e := &FileError{Line: 1, Column: tt.column, Excerpt: tt.line}
		if got := e.Caret(); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}
