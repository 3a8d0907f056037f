package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A newcomer's path, as it is typed: a schema from what is on the topic, a rule that is
// wrong at first, its test, yesterday played to it, the rule in use, and what was
// missed before that.
func TestNewcomersPath(t *testing.T) {
	t.Attr("promise", "explained")
	onBoth(t, func(t *testing.T, s *site) {
		dir := filepath.Dir(s.rules)
		in := func(name string) string { return filepath.Join(dir, name) }
		write := func(path, text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// The bridge runs already, with rules that know nothing of offers.
		i := s.run()
		i.owns()
		s.emit(nil, happening("o1", "offer.made", "oslo", "sale"), happening("o2", "offer.made", "lima", "sale"), happening("o3", "offer.made", "quito", "sale"))
		s.ended("o1", "o2", "o3")

		s.must("schema", "infer", "--topic", s.topic("events"), "--out", in("schemas"))
		var drafted struct {
			Properties map[string]struct{ Type string }
			Required   []string
		}
		raw, err := os.ReadFile(in("schemas/offer.made.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &drafted); err != nil {
			t.Fatal(err)
		}
		if drafted.Properties["city"].Type != "string" || drafted.Properties["text"].Type != "string" || len(drafted.Required) != 2 {
			t.Errorf("the drafted schema: %s", raw)
		}

		// What an editor completes by; the file names it in its first line.
		var keys struct{ Properties map[string]any }
		if err := json.Unmarshal([]byte(s.must("schema", "rules")), &keys); err != nil {
			t.Fatal(err)
		}
		candidate := in("candidate.yaml")
		wrong := "# yaml-language-server: $schema=./rules.v1.json\n" + strings.Replace(siteRules, "rules:\n", `schemas: ./schemas
rules:
  - name: offer
    match: {type: offer.made}
    audience: {tags_any: ["${data.citty}"]}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {max_delay: 10s, expire_after: 6h}
`, 1)
		for line := range strings.SplitSeq(wrong, "\n") {
			if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "#") && keys.Properties[key] == nil {
				t.Errorf("the schema of rules does not know %q", key)
			}
		}
		write(candidate, wrong)
		code, stdout, stderr := s.bridge("check", candidate)
		if said := stdout + stderr; code != 1 || !regexp.MustCompile(`candidate\.yaml:7:\d+: rule "offer": .*there is no data\.citty in the schema of offer\.made; did you mean .city.\?`).MatchString(said) {
			t.Errorf("check of a typo: exit code %d\n%s", code, said)
		}
		right := strings.Replace(wrong, "citty", "city", 1)
		write(candidate, right)
		s.must("check", candidate)

		tests := in("candidate_test.yaml")
		write(tests, `rules: candidate.yaml
tests:
  - name: one offer for two cities is one call
    events:
      - {at: 0s, event: {type: offer.made, source: /crm, id: "1", data: {city: oslo, text: sale}}}
      - {at: 1s, event: {type: offer.made, source: /crm, id: "2", data: {city: lima, text: sale}}}
`)
		s.must("test", "--update", tests)
		if updated, err := os.ReadFile(tests); err != nil || !regexp.MustCompile(`TagsOr: \[lima, oslo\]|tags_any: \[lima, oslo\]`).Match(updated) {
			t.Errorf("the updated test, %v:\n%s", err, updated)
		}
		s.must("test", tests)

		played := s.must("simulate", "--rules", candidate, "--topic", s.topic("events"), "--from", "-1h")
		if !regexp.MustCompile(`(?m)^events +3\b`).MatchString(played) || !regexp.MustCompile(`(?m)^ +pushed +3$`).MatchString(played) {
			t.Errorf("what the rule would have done:\n%s", played)
		}

		writeRules(t, s.rules, right)
		i.find(`"msg":"rules switched","rules_version":"`)
		if got := s.received(); len(got) > 0 {
			t.Errorf("received before the replay: %v", got)
		}

		plan := s.must("replay", "--disposition", "unmatched", "--type", "offer.made", "--from", "-1h", "--id", "first-offers")
		if !regexp.MustCompile(`(?m)^events +3$`).MatchString(plan) {
			t.Errorf("plan:\n%s", plan)
		}
		s.must("replay", "--disposition", "unmatched", "--type", "offer.made", "--from", "-1h", "--id", "first-offers", "--execute", "--wait")
		ends := map[string]string{"first-offers o1": "pushed", "first-offers o2": "pushed", "first-offers o3": "pushed"}
		if diff := cmp.Diff(ends, s.again()); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
		received := map[string]int{
			"anna-oslo: sale": 1, "bo-oslo: sale": 1, "anna-lima: sale": 1, "bo-lima: sale": 1, "anna-quito: sale": 1, "bo-quito: sale": 1,
		}
		if diff := cmp.Diff(received, s.received()); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		i.stop()
		s.wantCommitted()
	})
}
