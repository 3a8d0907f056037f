package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/pushapi/pushsim"
)

// From events to results, through processes and sockets: everything that the
// issue calls the main job, once.
func TestRunFromEventsToResults(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	onBoth(t, func(t *testing.T, s *site) {
		i := s.run()
		i.owns()
		wantHealth(t, i, "owner")
		s.emit(nil, happening("a1", "region.alert", "oslo", "storm"), happening("a2", "region.alert", "lima", "storm"), happening("n1", "nobody.asks", "lima", "x"))
		s.emit([]string{"--binary"}, happening("p1", "member.promo", "quito", "sale"))
		s.produce(s.topic("events"), kafka.Message{Value: []byte("no event")})

		endings := s.ended("a1", "a2", "n1", "p1", "")
		for id, want := range map[string]string{"a1": "pushed", "a2": "pushed", "n1": "unmatched", "p1": "pushed", "": "dead-lettered"} {
			if got := endings[id].disposition; got != want {
				t.Errorf("event %q ended %s, want %s", id, got, want)
			}
		}
		wantReceived := map[string]int{
			"anna-oslo: storm": 1, "bo-oslo: storm": 1, "anna-lima: storm": 1, "bo-lima: storm": 1, "anna-quito: sale": 1, "bo-quito: sale": 1,
		}
		if diff := cmp.Diff(wantReceived, s.received()); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		if dead := s.read(s.topic("dlq")); len(dead) != 1 || string(dead[0]) != "no event" {
			t.Errorf("dead letters: %q", dead)
		}
		calls := len(s.sim.Calls())
		wantMetrics(t, i, calls)

		i.stop()
		s.wantCommitted()
		if _, told := s.results(); told != calls {
			t.Errorf("%d calls were told, want %d", told, calls)
		}
		state := s.recall()
		if len(state.Calls) != calls || len(state.InDoubt)+len(state.Partial) != 0 {
			t.Errorf("the journal knows %d calls of %d, %d in doubt, %d partial", len(state.Calls), calls, len(state.InDoubt), len(state.Partial))
		}
		s.wantBudget(calls)

		// A restart repeats nothing and remembers what is used.
		again := s.run()
		again.owns()
		eventually(t, "the budget is remembered", func() bool {
			return strings.Contains(get(t, again.url+"/metrics"), fmt.Sprintf("\nbridge_budget_used_calls{lane=\"default\"} %d\n", calls))
		})
		s.emit(nil, happening("a3", "region.alert", "berlin", "snow"))
		eventually(t, "the new event was pushed", func() bool { return s.received()["anna-berlin: snow"] == 1 })
		again.stop()
		wantReceived["anna-berlin: snow"], wantReceived["bo-berlin: snow"] = 1, 1
		if diff := cmp.Diff(wantReceived, s.received()); diff != "" {
			t.Errorf("received after the restart (-want +got):\n%s", diff)
		}
		s.wantBudget(calls + 1)
		s.wantCommitted()
	})
}

// produce writes a record as it is.
func (s *site) produce(topic string, m kafka.Message) {
	s.t.Helper()
	w := &kafka.Writer{Addr: s.client.Addr, Topic: topic, Transport: s.client.Transport, RequiredAcks: kafka.RequireAll, BatchSize: 1}
	defer w.Close() //nolint:errcheck // every write was acknowledged before
	if err := w.WriteMessages(s.t.Context(), m); err != nil {
		s.t.Fatal(err)
	}
}

func wantHealth(t *testing.T, i *instance, state string) {
	t.Helper()
	for _, path := range []string{"/livez", "/-/healthy"} {
		if body := get(t, i.url+path); body != "ok\n" {
			t.Errorf("%s: %q", path, body)
		}
	}
	eventually(t, "the instance is ready", func() bool {
		status, _ := fetch(t, i.url+"/readyz")
		return status == http.StatusOK
	})
	for _, path := range []string{"/readyz", "/-/ready"} {
		if body := get(t, i.url+path); body != "ok\n" {
			t.Errorf("%s: %q", path, body)
		}
	}
	want := regexp.MustCompile(`^\[\+\]rules: version [0-9a-f]{12}\n\[\+\]kafka: ` + state + `\n\[\+\]push\n\[\+\]results\n\[\+\]fetching\nok\n$`)
	if body := get(t, i.url+"/readyz?verbose"); !want.MatchString(body) {
		t.Errorf("/readyz?verbose:\n%s", body)
	}
	var s status
	if err := json.Unmarshal([]byte(get(t, i.url+"/api/v1/status")), &s); err != nil || s.State != state || len(s.Lanes) != 1 || s.Lanes[0].Quota != 100 {
		t.Errorf("/api/v1/status: %+v, %v", s, err)
	}
}

// wantMetrics checks names, form, and the values that this run must have.
func wantMetrics(t *testing.T, i *instance, calls int) {
	t.Helper()
	text := get(t, i.url+"/metrics")
	problems, err := promlint.New(bytes.NewReader([]byte(text))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("metric %s: %s", p.Metric, p.Text)
	}
	for name := range strings.FieldsSeq(`bridge_events_total bridge_events_received_total bridge_push_calls_total bridge_push_duration_seconds
		bridge_push_merged_events bridge_event_delay_seconds bridge_pending_intents bridge_pending_oldest_seconds bridge_budget_quota_calls
		bridge_budget_used_calls bridge_budget_remaining_calls bridge_budget_exhaustion_seconds bridge_next_call_seconds bridge_overlapping_calls_total bridge_breaker_state bridge_writer
		bridge_kafka_lag_records bridge_dlq_total bridge_push_blocked bridge_build_info go_goroutines process_open_fds`) {
		if !strings.Contains(text, "\n# TYPE "+name+" ") && !strings.HasPrefix(text, "# TYPE "+name+" ") {
			t.Errorf("no metric %s", name)
		}
	}
	for _, line := range []string{
		`bridge_events_total{disposition="pushed",rule="alert"} 2`, `bridge_events_total{disposition="pushed",rule="promo"} 1`,
		`bridge_events_total{disposition="unmatched",rule=""} 1`, `bridge_events_total{disposition="dead-lettered",rule=""} 1`,
		`bridge_events_total{disposition="rejected",rule="alert"} 0`,
		fmt.Sprintf(`bridge_push_calls_total{class="ok",lane="default"} %d`, calls), `bridge_push_calls_total{class="doubt",lane="default"} 0`,
		fmt.Sprintf(`bridge_budget_used_calls{lane="default"} %d`, calls), fmt.Sprintf(`bridge_budget_remaining_calls{lane="default"} %d`, 100-calls), `bridge_budget_quota_calls{lane="default"} 100`,
		`bridge_writer 1`, `bridge_pending_intents{lane="default",priority="critical"} 0`, `bridge_push_blocked{lane="default"} 0`, `bridge_breaker_state{lane="default"} 0`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("metrics do not say %s", line)
		}
	}
}

// One writes, the other is ready, and takes over.
func TestStandbyTakesOver(t *testing.T) {
	t.Attr("promise", "one-writer")
	onBoth(t, func(t *testing.T, s *site) {
		first := s.run()
		first.owns()
		second := s.run()
		second.find(`"msg":"group state","state":"standby"`)
		wantHealth(t, second, "standby")
		s.emit(nil, happening("a1", "region.alert", "oslo", "storm"))
		s.ended("a1")
		for i, want := range map[*instance]string{first: "bridge_writer 1", second: "bridge_writer 0"} {
			if !strings.Contains(get(t, i.url+"/metrics"), "\n"+want+"\n") {
				t.Errorf("want %s", want)
			}
		}
		first.stop()
		second.owns()
		s.emit(nil, happening("a2", "region.alert", "lima", "flood"))
		s.ended("a1", "a2")
		want := map[string]int{"anna-oslo: storm": 1, "bo-oslo: storm": 1, "anna-lima: flood": 1, "bo-lima: flood": 1}
		if diff := cmp.Diff(want, s.received()); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		second.stop()
		s.wantBudget(2)
		s.wantCommitted()
	})
}

// A process is killed while the API has taken its call and not yet answered.
// Whoever starts next loses nothing and repeats only what on_doubt says.
func TestKilledInACall(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	onBoth(t, func(t *testing.T, s *site) {
		i := s.run()
		i.owns()
		s.emit(nil, happening("a1", "region.alert", "oslo", "before"))
		s.ended("a1")

		for _, doubt := range []struct{ id, kind, text string }{{"p1", "member.promo", "dropped"}, {"a2", "region.alert", "resent"}} {
			made := len(s.sim.Calls())
			if err := s.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}); err != nil {
				t.Fatal(err)
			}
			s.emit(nil, happening(doubt.id, doubt.kind, "lima", doubt.text))
			eventually(t, "the API has taken the call", func() bool { return len(s.sim.Calls()) > made })
			i.signal(syscall.SIGKILL)
			if code := i.wait(); code != -1 {
				t.Fatalf("exit code %d after SIGKILL", code)
			}
			s.emit(nil, happening("while-dead-"+doubt.id, "region.alert", "quito", "after "+doubt.text))
			i = s.run()
			i.owns()
			eventually(t, "what came while nobody ran was pushed", func() bool { return s.received()["anna-quito: after "+doubt.text] == 1 })
		}
		endings := s.ended("a1", "p1", "a2", "while-dead-p1", "while-dead-a2")
		i.stop()
		for id, end := range endings {
			if end.disposition != "pushed" || end.doubt != (id == "p1") {
				t.Errorf("event %s ended %+v", id, end)
			}
		}
		want := map[string]int{
			"anna-oslo: before": 1, "bo-oslo: before": 1,
			"anna-lima: dropped": 1, "bo-lima: dropped": 1, // in doubt, taken as made
			"anna-lima: resent": 2, "bo-lima: resent": 2, // in doubt, made again
			"anna-quito: after dropped": 1, "bo-quito: after dropped": 1,
			"anna-quito: after resent": 1, "bo-quito: after resent": 1,
		}
		if diff := cmp.Diff(want, s.received()); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		s.wantBudget(6)
		s.wantCommitted()
		if used := len(s.recall().Calls); used != 6 {
			t.Errorf("the journal knows %d calls of 6", used)
		}
	})
}

// A first signal asks for an orderly end; who is in a hurry sends another.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Attr("guards", "bridge run can be stopped by hand")
	t.Parallel()
	s := embeddedSite(t)
	i := s.run("BRIDGE_PUSH_TIMEOUT=25s", "BRIDGE_KAFKA_SESSION_TIMEOUT=30s", "BRIDGE_KAFKA_REBALANCE_TIMEOUT=60s")
	i.owns()
	if err := s.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}); err != nil {
		t.Fatal(err)
	}
	s.emit(nil, happening("a1", "region.alert", "oslo", "stalled"))
	eventually(t, "the call is under way", func() bool { return len(s.sim.Calls()) == 1 })
	i.signal(syscall.SIGTERM)
	i.find(`"msg":"session ends: finishing what is under way"`)
	eventually(t, "the process has ended", func() bool { return i.cmd.Process.Signal(syscall.SIGTERM) != nil })
	if code := i.wait(); code != -1 {
		t.Errorf("exit code %d, want an end by the signal", code)
	}
}
