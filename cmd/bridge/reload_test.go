package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pushbridge/internal/mapper"
)

// edition is the site's rules with a word of its own before each text.
func edition(word string) string {
	return strings.ReplaceAll(siteRules, "${data.text}", word+" ${data.text}")
}

// writeRules replaces a file by another, as most editors and tools do.
func writeRules(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// configMap mounts a rule file as the kubelet does: the file is a link through the
// link ..data, which is turned from version to version.
func configMap(t *testing.T, dir, text string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	version, err := os.MkdirTemp(dir, "..2026_") //nolint:usetesting // its name is what Kubernetes gives
	must(err)
	must(os.WriteFile(filepath.Join(version, "rules.yaml"), []byte(text), 0o600))
	must(os.Symlink(filepath.Base(version), filepath.Join(dir, "..data_tmp")))
	must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	if old == "" {
		must(os.Symlink(filepath.Join("..data", "rules.yaml"), filepath.Join(dir, "rules.yaml")))
	} else {
		must(os.RemoveAll(filepath.Join(dir, old)))
	}
}

// post sends an action and returns its answer.
func post(t *testing.T, url string) (int, reloaded) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer reloaded
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

func versionOf(t *testing.T, text string) string {
	t.Helper()
	rules, err := mapper.Parse("rules.yaml", []byte(text), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return rules.Version()
}

// A process takes over other rules by each of the ways in which it may learn of
// them, and a broken file by none.
func TestReloadOfAProcess(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	onBoth(t, func(t *testing.T, s *site) {
		mount := t.TempDir()
		configMap(t, mount, edition("first"))
		s.rules = filepath.Join(mount, "rules.yaml")
		i := s.run()
		i.owns()
		pushed := func(id, text string) {
			t.Helper()
			s.emit(nil, happening(id, "region.alert", "oslo", id))
			eventually(t, "pushed by the rules of "+text, func() bool { return s.received()["anna-oslo: "+text+" "+id] == 1 })
		}
		status := func() (got status) {
			t.Helper()
			if err := json.Unmarshal([]byte(get(t, i.url+"/api/v1/status")), &got); err != nil {
				t.Fatal(err)
			}
			return got
		}
		pushed("a1", "first")

		configMap(t, mount, edition("mounted"))
		i.find(`"msg":"rules switched","rules_version":"` + versionOf(t, edition("mounted")))
		pushed("a2", "mounted")

		// A broken file is refused by its place, and does not take over.
		broken := strings.Replace(edition("broken"), "tags_any", "tags_eny", 1)
		configMap(t, mount, broken)
		i.find(`"level":"ERROR","msg":"rule file not taken.*rules.yaml:5:16: rule \\"alert\\": audience.tags_eny: unknown key; did you mean tags_any\?`)
		pushed("a3", "mounted")
		if got := get(t, i.url+"/metrics"); !strings.Contains(got, "\nbridge_config_last_reload_successful 0\n") {
			t.Error("the metric does not say that the file is refused")
		}
		if got := get(t, i.url+"/readyz?verbose"); !strings.Contains(got, "[+]rules: version "+versionOf(t, edition("mounted"))+"; the rule file is not taken, 1 problems, first: ") || !strings.HasSuffix(got, "\nok\n") {
			t.Errorf("/readyz?verbose:\n%s", got)
		}
		code, answer := post(t, i.url+"/-/reload")
		if code != http.StatusUnprocessableEntity || answer.Result != reloadRefused || len(answer.Problems) != 1 || !strings.Contains(answer.Problems[0], "rules.yaml:5:16") {
			t.Errorf("POST /-/reload of a broken file: %d %+v", code, answer)
		}
		if got := status(); got.RulesVersion != versionOf(t, edition("mounted")) || got.Reload.Result != reloadRefused || got.Reload.Cause != "request" {
			t.Errorf("status after a broken file: %+v", got.Reload)
		}

		// A lane that the environment does not have is refused as well.
		configMap(t, mount, strings.Replace(edition("laned"), "rules:", "lanes: [{name: partner}]\nrules:", 1))
		i.find(`"msg":"rule file not taken.*BRIDGE_LANES: the rule file has the lane partner, the environment has not`)

		configMap(t, mount, edition("signalled"))
		i.signal(syscall.SIGHUP)
		i.find(`"msg":"rules switched","rules_version":"` + versionOf(t, edition("signalled")))
		pushed("a4", "signalled")

		// The answer says it when the new rules are in use: the next event has them.
		configMap(t, mount, edition("asked"))
		eventually(t, "the file says what is in use", func() bool {
			code, answer = post(t, i.url+"/-/reload")
			return code == http.StatusOK && answer.RulesVersion == versionOf(t, edition("asked"))
		})
		pushed("a5", "asked")
		text := get(t, i.url+"/metrics")
		for _, want := range []string{"\nbridge_config_last_reload_successful 1\n", "\nbridge_config_hash ", "\nbridge_config_last_reload_success_timestamp_seconds "} {
			if !strings.Contains(text, want) {
				t.Errorf("metrics lack %q", want)
			}
		}
		if code, _ := fetch(t, i.url+"/-/reload"); code != http.StatusMethodNotAllowed {
			t.Errorf("GET /-/reload: %d, want 405", code)
		}
		i.stop()
		s.wantCommitted()
		var told []string
		for _, value := range s.read(s.topic("results")) {
			var e struct {
				Type string
				Data struct {
					Version string `json:"rules_version"`
				}
			}
			if err := json.Unmarshal(value, &e); err != nil {
				t.Fatal(err)
			}
			if e.Type == "bridge.rules.reloaded.v1" {
				told = append(told, e.Data.Version)
			}
		}
		if got, want := strings.Join(told, " "), strings.Join([]string{versionOf(t, edition("mounted")), versionOf(t, edition("signalled")), versionOf(t, edition("asked"))}, " "); got != want {
			t.Errorf("reloads told: %s, want %s", got, want)
		}
	})
}

// A plain file that is replaced is noticed without anybody saying so.
func TestReloadOfAReplacedFile(t *testing.T) {
	t.Attr("guards", "a rule file that was changed takes over, however it was changed")
	t.Parallel()
	s := embeddedSite(t)
	i := s.run()
	writeRules(t, s.rules, edition("replaced"))
	i.find(`"msg":"rule file read".*"cause":"file","result":"switched","rules_version":"` + versionOf(t, edition("replaced")))
	i.stop()
}
