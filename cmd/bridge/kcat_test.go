package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/kafkatest"
)

// A client that is not ours, in another language, writes the events and reads
// what became of them.
func TestKcatWritesEventsAndReadsResults(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct {
		env     []string
		headers []string // of a result that kcat must see
	}{
		"structured results": {headers: []string{"content-type=application/cloudevents+json"}},
		"binary results": {
			env:     []string{"BRIDGE_RESULTS_BINARY=true", "BRIDGE_RESULTS_TYPE_PREFIX=com.example"},
			headers: []string{"ce_specversion=1.0", "ce_type=com.example.bridge.event.disposed.v1", "ce_source=/bridge/1400000000"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kafkatest.Address(t, kafkatest.Plain))
			if _, err := exec.LookPath("kcat"); err != nil {
				kafkatest.Missing(t, "kcat: apt-get install kcat")
			}
			i := s.run(tt.env...)
			i.owns()
			for _, event := range []struct{ id, city string }{{"k1", "oslo"}, {"k2", "lima"}} {
				s.kcat(`{"city":"`+event.city+`","text":"from kcat"}`, "-P", "-t", s.topic("events"), "-k", event.city,
					"-H", "ce_specversion=1.0", "-H", "ce_id="+event.id, "-H", "ce_source=/kcat", "-H", "ce_type=region.alert",
					"-H", "ce_time=2026-11-22T10:00:00+01:00", "-H", "content-type=application/json; charset=utf-8")
			}
			eventually(t, "both users of both cities have read it", func() bool { return len(s.received()) == 4 })
			i.stop()

			type result struct {
				event, disposition, rule string
			}
			got := map[result]int{}
			pushes := map[string]int{}
			values := s.kcat("", "-C", "-t", s.topic("results"), "-e", "-q", "-o", "beginning")
			for line := range bytes.Lines([]byte(values)) {
				var r struct {
					Data json.RawMessage
				}
				if err := json.Unmarshal(line, &r); err != nil {
					t.Fatalf("kcat read %q: %v", line, err)
				}
				if r.Data == nil { // binary: the value is the data
					r.Data = line
				}
				var data struct {
					EventID     string `json:"event_id"`
					Disposition string
					Rule        string
					Class       string
				}
				if err := json.Unmarshal(r.Data, &data); err != nil {
					t.Fatal(err)
				}
				if data.Disposition == "" {
					pushes[data.Class]++
					continue
				}
				got[result{data.EventID, data.Disposition, data.Rule}]++
			}
			want := map[result]int{{"k1", "pushed", "alert"}: 1, {"k2", "pushed", "alert"}: 1}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]int{"ok": len(s.sim.Calls())}, pushes); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			headers := s.kcat("", "-C", "-t", s.topic("results"), "-e", "-q", "-o", "beginning", "-f", `%h\n`)
			for _, header := range tt.headers {
				if !strings.Contains(headers, header) {
					t.Errorf("no result has the header %s:\n%s", header, headers)
				}
			}
			s.wantCommitted()
		})
	}
}

// kcat runs kcat against the site's broker and returns what it prints.
func (s *site) kcat(stdin string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "kcat", append([]string{"-b", s.addr}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("kcat %v: %v\n%s", args, err, stderr.String())
	}
	return stdout.String()
}
