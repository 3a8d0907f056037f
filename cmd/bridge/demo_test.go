package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pushbridge/testdata/demo"
)

func TestDemoPrintsItsSummaryAsJSON(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	p := startBridge(t, nil, "demo", "--json")
	if code := p.wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p.plain()
	if said := p.stderr(); said != "" {
		t.Errorf("stderr: %s", said)
	}

	var keys map[string]json.RawMessage
	if err := json.Unmarshal(p.out.Bytes(), &keys); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(`calls deliveries dispositions duration_ms events events_per_call kafka max_calls_in_24h
		min_interval_ms missed_deliveries repeated_deliveries users wrong_deliveries`)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(keys))); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	var s demoSummary
	if err := json.Unmarshal(p.out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	events := bytes.Count(bytes.TrimSpace(demo.Events), []byte("\n")) + 2 // and the record that is none
	ended := 0
	for _, n := range s.Dispositions {
		ended += n
	}
	if s.Events != events || ended != events {
		t.Errorf("%d events of which %d ended, want %d", s.Events, ended, events)
	}
	if s.WrongDeliveries+s.MissedDeliveries+s.RepeatedDeliveries != 0 || s.Deliveries < s.Users || s.Users == 0 {
		t.Errorf("deliveries: %+v", s)
	}
	if s.Calls < 2 || s.Calls > events/4 || s.MaxCallsIn24h != s.Calls || s.MinIntervalMS <= 1000 {
		t.Errorf("budget: %+v", s)
	}
	if per := float64(s.Dispositions["pushed"]) / float64(s.Calls); math.Abs(s.EventsPerCall-per) > 1e-9 {
		t.Errorf("%v events a call, want %v", s.EventsPerCall, per)
	}
	if s.Kafka != "embedded" || s.DurationMS <= 0 {
		t.Errorf("kafka %q, %d ms", s.Kafka, s.DurationMS)
	}
}

// Who bounds the demo has asked for events to be left.
func TestDemoCutShortIsNoFailure(t *testing.T) {
	t.Attr("guards", "bridge demo --for, and interrupted: it judges what was done")
	t.Parallel()
	for name, tt := range map[string]struct {
		args      []string
		interrupt bool
	}{
		"bounded":     {args: []string{"demo", "--for", "3s"}},
		"interrupted": {args: []string{"demo"}, interrupt: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startBridge(t, nil, tt.args...)
			if tt.interrupt {
				p.find(`^ +[0-9.]+s  push \(\S+\): \d+ events? → \d+ users?  \S+`)
				p.signal(syscall.SIGINT)
			}
			if code := p.wait(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			p.plain()
			for _, pattern := range []string{
				`^\d+ events → \d+ calls? \(`, `, \d+ events had not ended\n`, `\nusers reached exactly: yes, nobody wrongly, nobody missed, nobody twice\n`,
			} {
				if !regexp.MustCompile(pattern).MatchString(p.out.String()) {
					t.Errorf("the summary does not say %q", pattern)
				}
			}
		})
	}
}

func TestDemoKeepsRunning(t *testing.T) {
	t.Attr("guards", "bridge demo --keep")
	t.Parallel()
	p := startBridge(t, nil, "demo", "--keep")
	found := p.find(`^Kept running\. Console: http://\S+/  Metrics: (http://\S+/metrics)  Kafka: \[\S+\]  Push API: (http://\S+/sim/summary)$`)
	if metrics := get(t, found[1]); !strings.Contains(metrics, "bridge_writer 1") {
		t.Errorf("metrics of the kept demo:\n%s", metrics)
	}
	if summary := get(t, found[2]); !strings.Contains(summary, `"users": 2000,`) {
		t.Errorf("summary of the kept simulator: %s", summary)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.plain()
	if !strings.Contains(p.out.String(), "nobody wrongly, nobody missed, nobody twice") {
		t.Error("no summary on stdout")
	}
}

// get returns the body of an answer that must be 200.
func get(t *testing.T, url string) string {
	t.Helper()
	status, body := fetch(t, url)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d\n%s", url, status, body)
	}
	return body
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
