package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestScreen(t *testing.T) {
	t.Attr("guards", "the demo's screen: in place on a terminal, lines without control characters elsewhere")
	t.Parallel()
	long := pushLine{at: 2 * time.Second, events: 24, reached: 1012, audience: "tags_any[" + strings.Repeat("x", 200) + "]", text: "\x1b[2J" + strings.Repeat("會", 200), why: "deadline"}
	first := view{quota: 100, dispositions: map[string]int{"pushed": 24}, pushes: []pushLine{long}}
	second := first
	second.pushes = append(second.pushes, pushLine{at: 3 * time.Second, events: 1, reached: 1, audience: "everyone", text: "two\x1b lines", why: "critical"})

	t.Run("terminal", func(t *testing.T) {
		t.Parallel()
		var b strings.Builder
		s := &screen{w: &b, live: true}
		s.draw(first)
		table := b.String()
		if strings.Contains(table, "\x1b") {
			t.Errorf("an event steers the terminal: %q", table)
		}
		for line := range strings.Lines(table) {
			if n := utf8.RuneCountInString(line); n > width+1 {
				t.Errorf("a line of %d characters wraps: %q", n, line)
			}
		}
		b.Reset()
		s.draw(second)
		if back := fmt.Sprintf("\x1b[%dA\x1b[J", strings.Count(table, "\n")); !strings.HasPrefix(b.String(), back) {
			t.Errorf("the second table does not overwrite the first: %.40q", b.String())
		}
	})
	t.Run("what is not known", func(t *testing.T) {
		t.Parallel()
		for known, want := range map[bool]string{
			false: "waiting    ? in ? future calls\n  calls used     ? of 100 in 24 h",
			true:  "waiting    3 in 2 future calls\n  calls used     0 of 100 in 24 h",
		} {
			if got := (view{quota: 100, known: known, pending: 3, batches: 2}).table(); !strings.Contains(got, want) {
				t.Errorf("known %t: no %q in\n%s", known, want, got)
			}
		}
	})
	t.Run("pipe", func(t *testing.T) {
		t.Parallel()
		var b strings.Builder
		s := newScreen(&b, demoOptions{})
		s.draw(first)
		s.draw(second)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != 2 || lines[1] != `  3.0s  push (critical): 1 event → 1 user  everyone  "two\x1b lines"` {
			t.Errorf("want each push once:\n%s", b.String())
		}
	})
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		var b strings.Builder
		s := newScreen(&b, demoOptions{asJSON: true})
		s.draw(second)
		s.close()
		if b.Len() != 0 {
			t.Errorf("talk beside JSON: %q", b.String())
		}
	})
}
