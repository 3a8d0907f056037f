package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// readSite wants what goes to a city to be read by two.
const readSite = `version: 1
rules:
  - name: notice
    match: {type: app.notice}
    audience: {tags_any: ["${data.city}"]}
    message: [{text: "${data.text}"}]
    online_only: true
    approve: {by: 2, within: 1h}
    delivery: {priority: high, max_delay: 2s, expire_after: 6h}
`

// From a message that waits to its push, as those who approve of it go.
func TestApproveCommands(t *testing.T) {
	t.Attr("guards", "nothing is pushed that nobody has read where somebody must")
	t.Parallel()
	s := embeddedSite(t)
	s.rewrite(readSite)
	i := s.run()
	i.owns()
	if out, talk, code := command(t, "approve", "list", "--url", i.url); code != 0 || out != "" || talk != "Nothing waits for approval.\n" {
		t.Errorf("list of nothing: %d %s%s", code, out, talk)
	}
	s.emit(nil, happening("1", "app.notice", "oslo", "We “move”"), happening("2", "app.notice", "oslo", "We stay"))
	var list approvals
	eventually(t, "both wait", func() bool {
		out, _, _ := command(t, "approve", "list", "--url", i.url, "-o", "json")
		return json.Unmarshal([]byte(out), &list) == nil && list.Total == 2
	})
	id := list.Waiting[0].ID
	if list.Waiting[0].Text != "We “move”" {
		id = list.Waiting[1].ID
	}
	out, talk, code := command(t, "approve", "grant", id, "--url", i.url, "--author", "ann", "--comment", "facts are right")
	if code != 0 || out != "" || talk != "Approved by ann; one more person must approve too.\n" {
		t.Errorf("first: %d %s%s", code, out, talk)
	}
	out, _, code = command(t, "approve", "list", "--url", i.url)
	if code != 0 || !strings.Contains(out, id+"  notice  until ") || !strings.Contains(out, "1 of 2 approved\n  message   \"We “move”\"\n  audience  tags_any[oslo]\n  events    1\n") || !strings.Contains(out, ` by ann: "facts are right"`) {
		t.Errorf("list: %d\n%s", code, out)
	}
	if _, talk, code := command(t, "approve", "grant", id, "--url", i.url, "--author", " ann", "--comment", "again"); code != exitFindings || !strings.Contains(talk, "another one must") {
		t.Errorf("the same once more: %d %s", code, talk)
	}
	// Who says no name is the user of this machine.
	if _, talk, code := command(t, "approve", "grant", id, "--url", i.url, "--comment", "so am I"); code != 0 || !strings.Contains(talk, "1 event released.") {
		t.Errorf("second: %d %s", code, talk)
	}
	eventually(t, "it is pushed", func() bool { return s.received()["anna-oslo: We “move”"] == 1 })
	if calls := len(s.sim.Calls()); calls != 1 {
		t.Errorf("%d calls, want 1: nobody has read the other", calls)
	}
	if _, talk, code := command(t, "approve", "grant", id, "--url", i.url, "--author", "eve", "--comment", "late"); code != exitFindings || !strings.Contains(talk, "nothing of this id waits") {
		t.Errorf("what waits no longer: %d %s", code, talk)
	}

	// From elsewhere nobody approves.
	for name, tt := range map[string]struct {
		header, value string
		want          int
	}{
		"through a proxy": {"X-Forwarded-For", "192.0.2.1", http.StatusForbidden},
		"from a page":     {"Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"nothing said":    {"X-Nothing", "x", http.StatusBadRequest},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.url+"/api/v1/approvals", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(tt.header, tt.value)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != tt.want {
			t.Errorf("%s: %s, want %d", name, answer.Status, tt.want)
		}
	}
	i.stop()
}
