package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/config"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// laneRules has a rule for each lane, with what is written before them.
const laneRules = `
version: 1
%s
rules:
  - name: news
    match: {type: news}
    audience: {everyone: true}
    message: [{text: hello}]
  - name: alarm
    match: {type: alarm}
    audience: {everyone: true}
    message: [{text: run}]
    delivery: {lane: alerts}
`

// lanesFor assembles the lanes of a rule file and an environment.
func lanesFor(t *testing.T, head string, environ ...string) (*pipeline, error) {
	t.Helper()
	rules, err := mapper.Parse("rules.yaml", []byte(strings.Replace(laneRules, "%s", head, 1)), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(append([]string{
		"BRIDGE_KAFKA_BROKERS=k:9092", "BRIDGE_KAFKA_TOPICS=a", "BRIDGE_PUSH_SDKAPPID=1400000000", "BRIDGE_PUSH_IDENTIFIER=admin",
		"BRIDGE_PUSH_SECRET_KEY=s3cret", "BRIDGE_PUSH_REGION=singapore", "BRIDGE_RULES_FILE=r.yaml",
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline{cfg: cfg, rules: rules, log: slog.New(slog.DiscardHandler), metrics: prometheus.NewRegistry()}
	t.Cleanup(p.close)
	return p, p.newLanes()
}

var alertsLane = []string{"BRIDGE_LANES=alerts", "BRIDGE_LANE_ALERTS_SDKAPPID=1400000001", "BRIDGE_LANE_ALERTS_SECRET_KEY=other", "BRIDGE_LANE_ALERTS_QUOTA=20"}

func TestTheRuleFileGoesBeforeTheEnvironment(t *testing.T) {
	t.Attr("guards", "lanes")
	t.Parallel()
	p, err := lanesFor(t, `
budget: {quota: 50, window: day, location: UTC, reserve: {critical: 5}}
lanes: [{name: alerts, budget: {pools: {storms: {at_least: 3}}}}]`, append(alertsLane, "BRIDGE_PUSH_QUOTA=500")...)
	if err != nil {
		t.Fatal(err)
	}
	type lane struct {
		Name  string
		App   uint32
		Terms intent.Terms
	}
	want := []lane{
		{"", 1400000000, intent.Terms{Calls: 50, Interval: 1100 * time.Millisecond, Day: time.UTC, Reserve: 5}},
		{"alerts", 1400000001, intent.Terms{
			Calls: 20, Interval: 1100 * time.Millisecond, Reserve: intent.AutoReserve, Pools: []intent.Pool{{Name: "storms", AtLeast: 3}},
		}},
	}
	var got []lane
	for _, l := range p.lanes {
		if l.Pusher == nil || l.CallTimeout != 10*time.Second {
			t.Errorf("lane %s: pusher %v, timeout %v", l.Label(), l.Pusher, l.CallTimeout)
		}
		got = append(got, lane{l.Name, l.App, l.Terms})
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *time.Location) bool { return a == b })); diff != "" {
		t.Errorf("lanes (-want +got):\n%s", diff)
	}
}

func TestLanesThatDoNotAddUpDoNotStart(t *testing.T) {
	t.Attr("guards", "lanes")
	t.Parallel()
	for name, tt := range map[string]struct {
		head    string
		environ []string
		want    string
	}{
		"not in the environment": {"lanes: [{name: alerts}]", nil,
			"BRIDGE_LANES: the rule file has the lane alerts, the environment has not (add alerts to it, and set BRIDGE_LANE_ALERTS_SDKAPPID and BRIDGE_LANE_ALERTS_SECRET_KEY)"},
		"more shares than quota":  {"lanes: [{name: alerts, budget: {pools: {storms: {at_least: 21}}}}]", alertsLane, "BRIDGE_LANE_ALERTS_QUOTA: 20 does not go with the rule file"},
		"nothing but the reserve": {"lanes: [{name: alerts}]\nbudget: {reserve: {critical: 100}}", alertsLane, "BRIDGE_PUSH_QUOTA: 100 does not go with the rule file"},
		"an unknown region":       {"lanes: [{name: alerts}]", append(alertsLane, "BRIDGE_LANE_ALERTS_REGION=atlantis"), "BRIDGE_LANE_ALERTS_*: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := lanesFor(t, tt.head, tt.environ...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q in it", err, tt.want)
			}
		})
	}
}
