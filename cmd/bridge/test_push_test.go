package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testedRules reach everyone, or one city that a test must not.
const testedRules = `version: 1
test_audience: {tags_any: [oslo]}
rules:
  - name: notice
    match: {type: app.notice}
    audience: {everyone: true}
    message: [{text: "${data.text}"}]
    online_only: true
    coalesce: {mode: latest, key: "${data.city}"}
    delivery: {priority: critical, max_delay: 4s, expire_after: 6h}
`

// The whole way: the plan writes nothing, the test reaches the testers alone, and
// what is meant afterwards is neither a duplicate of it nor revised by it.
func TestTestPush(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	s := embeddedSite(t)
	s.rewrite(testedRules)
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, []byte(happening("1", "app.notice", "lima", "Service tonight")), 0o600); err != nil {
		t.Fatal(err)
	}
	i := s.run()
	i.owns()

	code, out, talk := s.bridge("test-push", "--rules", s.rules, file)
	if code != 0 || !strings.Contains(out, `tags_any[oslo]`) || !strings.Contains(out, "Service tonight") || !strings.Contains(talk, "nothing is sent") {
		t.Errorf("plan: exit %d\n%s\n%s", code, out, talk)
	}
	for p := range sitePartitions {
		if end := s.end(s.topic("events"), p); end != 0 {
			t.Fatalf("the plan wrote %d records", end)
		}
	}
	_, out, talk = s.bridge("test-push", "--rules", s.rules, "--topic", s.topic("events"), "--brokers", s.addr, "--execute", file)
	if !strings.Contains(talk, "1 event written to "+s.topic("events")) {
		t.Errorf("--execute:\n%s\n%s", out, talk)
	}
	eventually(t, "the test is pushed", func() bool { return len(s.sim.Calls()) == 1 })
	want := map[string]int{"anna-oslo: Service tonight": 1, "bo-oslo: Service tonight": 1}
	if diff := cmp.Diff(want, s.received()); diff != "" {
		t.Errorf("who read what (-want +got):\n%s", diff)
	}

	s.emit(nil, happening("1", "app.notice", "lima", "Service tonight"))
	eventually(t, "what is meant is pushed", func() bool {
		endings, _ := s.results()
		return endings["1"].disposition == "pushed"
	})
	s.wantBudget(2)
	i.stop()
}
