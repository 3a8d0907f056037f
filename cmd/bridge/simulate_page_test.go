package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// simulatePage runs the command on events and returns its page.
func simulatePage(t *testing.T, rules string, events []map[string]any, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	file, page := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, e := range events {
		e["specversion"] = "1.0"
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	cmd := newSimulateCmd()
	cmd.SetArgs(append([]string{"--rules", file, "--events", "-", "--html", page}, args...))
	cmd.SetIn(&in)
	cmd.SetOut(new(bytes.Buffer))
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What events say is text on the page, wherever it stands, and never markup, a style,
// a script or an address.
func TestPageEscapesEvents(t *testing.T) {
	t.Attr("guards", "nothing of an event can act on the page of a simulation")
	t.Parallel()
	attacks := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></svg><svg onload=alert(1)>`, `javascript:alert(1)`,
		`';alert(1);//`, `{{.}}`, `</style><style>*{display:none}`, `<a href="http://evil.example">x</a>`, "\u202e\u0000",
	}
	var events []map[string]any
	for i, a := range attacks {
		events = append(events, map[string]any{
			"id": a, "source": "/x" + fmt.Sprint(i), "type": "member.promo", "time": "2026-03-02T10:00:00Z",
			"data": map[string]any{"level": a, "city": a, "title": a, "text": a},
		})
	}
	page := simulatePage(t, burstRules, events)
	clean := simulatePage(t, burstRules, []map[string]any{{
		"id": "1", "source": "/x", "type": "member.promo", "time": "2026-03-02T10:00:00Z", "data": map[string]any{"level": "l", "city": "c", "title": "t", "text": "x"},
	}})
	tags := func(page string) map[string]bool {
		all := map[string]bool{}
		for _, m := range regexp.MustCompile(`<[a-zA-Z!/][^>]*`).FindAllString(page, -1) {
			all[regexp.MustCompile(`"[^"]*"|[0-9.]+`).ReplaceAllString(m, "")] = true
		}
		return all
	}
	known := tags(clean)
	for tag := range tags(page) {
		if !known[tag] {
			t.Errorf("the page has %q, which the page of a harmless event has not", tag)
		}
	}
	for _, text := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", "javascript:alert(1)", "{{.}}"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not show %q as text", text)
		}
	}
}

// The page needs nothing else, and its figures are there without a script.
func TestPageStandsAlone(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	var events []map[string]any
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for i := range 60 {
		events = append(events, map[string]any{
			"id": fmt.Sprint("m", i), "source": "/crm", "type": "member.promo", "time": start.Add(time.Duration(i) * time.Minute).Format(time.RFC3339),
			"data": map[string]any{"level": "gold", "city": "Rome", "title": "Sale", "text": fmt.Sprint(i / 30)},
		})
	}
	page := simulatePage(t, burstRules, events)
	for _, bad := range []string{"http:", "https:", "src=", "@import", "url(", "<link"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q: it must need nothing else", bad)
		}
	}
	without := regexp.MustCompile(`(?s)<script>.*?</script>`).ReplaceAllString(page, "")
	for _, want := range []string{
		"<b>60</b>", "<td>promo</td>", "quota 100; at most", "intents that wait", "/crm#m59", "<blockquote>Sale\n0</blockquote>", `id="call-1"`, `href="#call-1"`, "prefers-color-scheme: dark",
	} {
		if !strings.Contains(without, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// Days without a call, one event alone: there is always a page.
func TestPageOfLittle(t *testing.T) {
	t.Attr("guards", "a simulation without a call has a page too")
	t.Parallel()
	unmatched := map[string]any{"id": "1", "source": "/x", "type": "other", "time": "2026-03-02T10:00:00Z"}
	for name, events := range map[string][]map[string]any{"one event": {unmatched}, "no call": {unmatched, unmatched}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := simulatePage(t, burstRules, events)
			if !strings.Contains(page, "No call is made.") || strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
				t.Errorf("the page of %s:\n%s", name, page)
			}
		})
	}
}
