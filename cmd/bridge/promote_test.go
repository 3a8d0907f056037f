package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/shadow"
	"pushbridge/schemas"
)

// command runs bridge to its end.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bridge", args...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	_ = cmd.Run() // the exit code says it
	return out.String(), talk.String(), cmd.ProcessState.ExitCode()
}

// From a candidate beside the live rules to the candidate in use, as an operator goes.
func TestPromote(t *testing.T) {
	t.Attr("promise", "explained")
	onBoth(t, func(t *testing.T, s *site) {
		candidate := filepath.Join(t.TempDir(), "candidate.yaml")
		broken := strings.Replace(edition("next"), "tags_any", "tags_eny", 1)
		writeRules(t, candidate, broken)
		i := s.run("BRIDGE_SHADOW_RULES_FILE=" + candidate)
		i.owns()
		i.find(`"level":"WARN","msg":"shadow rule file not taken".*candidate.yaml:5:16: rule`)
		if _, talk, code := command(t, "promote", "--url", i.url); code != exitFindings || !strings.Contains(talk, "the shadow rule file is wrong:\n"+candidate+":5:16: rule ") {
			t.Errorf("promote of a broken candidate: %d %s", code, talk)
		}

		writeRules(t, candidate, edition("next"))
		i.find(`"msg":"shadow rules compared from now on".*"shadow_version":"` + versionOf(t, edition("next")))
		s.emit(nil, happening("a1", "region.alert", "oslo", "storm"), happening("n1", "nobody.asks", "oslo", "x"))
		status := func() (got shadowStatus) {
			t.Helper()
			if err := json.Unmarshal([]byte(get(t, i.url+"/api/v1/shadow")), &got); err != nil {
				t.Fatal(err)
			}
			return got
		}
		eventually(t, "both events were compared", func() bool { got := status(); return got.Events == 2 && got.Differing == 1 && got.Open == 0 })
		eventually(t, "the live rules pushed", func() bool { return s.received()["anna-oslo: storm"] == 1 })
		if got := status(); got.Examples[0].EventID != "a1" || strings.Join(got.Examples[0].Differs, " ") != "message" || got.Shadow.Calls != 1 {
			t.Errorf("status %+v", got.Status)
		}
		if calls := len(s.sim.Calls()); calls != 1 {
			t.Errorf("%d calls of the API, want 1: the candidate must make none", calls)
		}
		if text := get(t, i.url+"/metrics"); !strings.Contains(text, "\nbridge_shadow_differing_events{differs=\"message\"} 1\n") {
			t.Error("the metrics do not count the difference")
		}

		// A plan, until it is said to be executed.
		out, talk, code := command(t, "promote", "--url", i.url)
		if code != 0 || !strings.Contains(out, "2 events, 1 would end otherwise") || !strings.Contains(out, `shadow  alert pushed: "next storm" to tags_any[oslo], critical`) || !strings.Contains(talk, "Nothing was changed") {
			t.Errorf("promote: %d\n%s%s", code, out, talk)
		}
		out, talk, code = command(t, "promote", "--url", i.url, "--execute")
		if code != 0 || !strings.Contains(talk, "goes on by version "+versionOf(t, edition("next"))) {
			t.Errorf("promote --execute: %d\n%s%s", code, out, talk)
		}
		s.emit(nil, happening("a2", "region.alert", "lima", "snow"))
		eventually(t, "pushed by the candidate", func() bool { return s.received()["anna-lima: next snow"] == 1 })
		for path, want := range map[string]string{s.rules: edition("next"), s.rules + ".previous": siteRules} {
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", path, got, err)
			}
		}
		if _, talk, code := command(t, "promote", "--url", i.url, "--execute"); code != exitFindings || !strings.Contains(talk, "nothing to promote") {
			t.Errorf("promote again: %d %s", code, talk)
		}
		i.stop()

		// What was promoted is what a restart goes by.
		again := s.run()
		again.owns()
		s.emit(nil, happening("a3", "region.alert", "quito", "rain"))
		eventually(t, "pushed after a restart", func() bool { return s.received()["anna-quito: next rain"] == 1 })
		if _, talk, code := command(t, "promote", "--url", again.url); code != exitFindings || !strings.Contains(talk, "BRIDGE_SHADOW_RULES_FILE") {
			t.Errorf("promote without a candidate: %d %s", code, talk)
		}
		again.stop()
		wantDifferenceTold(t, s)
	})
}

// wantDifferenceTold finds the one difference on the results topic, by its schema.
func wantDifferenceTold(t *testing.T, s *site) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	const name = "bridge.shadow.differed.v1.json"
	raw, err := schemas.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource(name, document); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, value := range s.read(s.topic("results")) {
		var e struct {
			Type string
			Data json.RawMessage
		}
		if err := json.Unmarshal(value, &e); err != nil {
			t.Fatal(err)
		}
		if e.Type != "bridge.shadow.differed.v1" {
			continue
		}
		told++
		data, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Data))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.MustCompile(name).Validate(data); err != nil {
			t.Errorf("%s\n%v", value, err)
		}
		var d shadow.Difference
		if err := json.Unmarshal(e.Data, &d); err != nil || d.EventID != "a1" || d.Topic != s.topic("events") {
			t.Errorf("told: %s, %v", e.Data, err)
		}
	}
	if told != 1 {
		t.Errorf("%d differences told, want 1", told)
	}
}

// A mounted ConfigMap cannot be written: nothing changes, and it is said what to do.
func TestPromoteOfAConfigMap(t *testing.T) {
	t.Attr("guards", "no rules are in use that a restart would forget")
	t.Parallel()
	s := embeddedSite(t)
	mount, candidate := t.TempDir(), filepath.Join(t.TempDir(), "candidate.yaml")
	configMap(t, mount, edition("first"))
	s.rules = filepath.Join(mount, "rules.yaml")
	writeRules(t, candidate, edition("next"))
	i := s.run("BRIDGE_SHADOW_RULES_FILE=" + candidate)
	i.find(`"msg":"shadow rules compared from now on"`)
	_, talk, code := command(t, "promote", "--url", i.url, "--execute")
	if code != exitFindings || !strings.Contains(talk, "the rule file cannot be written: ") || !strings.Contains(talk, "put the candidate where the rule file comes from") {
		t.Errorf("promote --execute: %d %s", code, talk)
	}
	var st status
	if err := json.Unmarshal([]byte(get(t, i.url+"/api/v1/status")), &st); err != nil || st.RulesVersion != versionOf(t, edition("first")) {
		t.Errorf("rules in use: %s, %v", st.RulesVersion, err)
	}
	i.stop()
}

// wantFile checks what a file says; empty: there is none.
func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); string(got) != want || (want == "") != errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %q, %v, want %q", path, got, err, want)
	}
}

// What the journal is not kept long enough for is refused before the rule file is
// replaced: a restart would not start with it.
func TestPromoteOfWhatDoesNotFit(t *testing.T) {
	t.Attr("guards", "the rule file on disk is one that a restart can go by")
	t.Parallel()
	s := embeddedSite(t)
	created, err := s.client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: s.topic("journal"), NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "delete"}, {ConfigName: "retention.ms", ConfigValue: "108000000"}}, // 30 h
	}}})
	if err := errors.Join(err, created.Errors[s.topic("journal")]); err != nil {
		t.Fatal(err)
	}
	candidate := filepath.Join(t.TempDir(), "candidate.yaml")
	patient := strings.ReplaceAll(edition("next"), "expire_after: 6h", "expire_after: 72h")
	writeRules(t, candidate, patient)
	i := s.run("BRIDGE_SHADOW_RULES_FILE=" + candidate)
	i.owns()
	i.find(`"msg":"shadow rules compared from now on"`)
	_, talk, code := command(t, "promote", "--url", i.url, "--execute")
	if code != exitFindings || !strings.Contains(talk, "the rules stay as they were") || !strings.Contains(talk, `retention.ms is "108000000"`) || !strings.Contains(talk, "set retention.ms to ") {
		t.Errorf("promote --execute: %d %s", code, talk)
	}
	wantFile(t, s.rules, siteRules)
	wantFile(t, s.rules+".previous", "")
	i.stop()

	again := s.run()
	again.owns()
	again.stop()
}

// Where the bridge does not take over what stands in the rule file already, the file
// says again what it said.
func TestPromoteThatIsGivenUp(t *testing.T) {
	t.Attr("guards", "the rule file says what is in use")
	t.Parallel()
	s := embeddedSite(t)
	candidate := filepath.Join(t.TempDir(), "candidate.yaml")
	writeRules(t, candidate, edition("next"))
	p := s.assemble("BRIDGE_SHADOW_RULES_FILE=" + candidate)
	stopping, stop := context.WithCancelCause(t.Context())
	stop(errors.New("the process ends"))
	code, answer := p.reload.promote(stopping, versionOf(t, edition("next")))
	if code != http.StatusServiceUnavailable || answer.Reload == nil || len(answer.Reload.Problems) != 1 || !strings.Contains(answer.Reload.Problems[0], "the process ends") {
		t.Errorf("promote: %d %+v", code, answer)
	}
	wantFile(t, s.rules, siteRules)
	if got := p.bridge.Rules().Version(); got != versionOf(t, siteRules) {
		t.Errorf("rules in use: %s", got)
	}
}
