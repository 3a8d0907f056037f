package simulate

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// Two apps: each has its interval and its quota to itself, but the process makes
// one call at a time.
func TestLanesShareOneCall(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	text, err := os.ReadFile("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := testConfig(t)
	c.Rules, err = mapper.Parse("lanes.yaml", []byte(strings.NewReplacer(
		"rules:\n", "lanes: [{name: ops}]\nrules:\n", "priority: critical", "lane: ops, priority: critical",
	).Replace(string(text))), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	// Calls enough for an hour in which no two events can share one.
	quota := map[string]int{"": 300, "ops": 150}
	var events []Arrival
	for i := range 180 {
		id := fmt.Sprint(i)
		events = append(events,
			at(t, time.Duration(i)*13*time.Second, "promo", "p"+id, map[string]any{"tiers": []string{"gold"}, "text": "Offer " + id}),
			at(t, time.Duration(i)*17*time.Second, "alert", "a"+id, map[string]any{"region": "r" + id, "text": "Storm " + id}))
	}
	slices.SortStableFunc(events, func(a, b Arrival) int { return a.At.Compare(b.At) })
	c.Lanes = c.Rules.Lanes()
	for i := range c.Lanes {
		c.Lanes[i].Terms = intent.Terms{Calls: quota[c.Lanes[i].Name], Interval: 2 * time.Second}
	}
	c.Latency = Latency{Min: 0, Max: 9 * time.Second}
	r, log := play(t, c, events)

	var free time.Time // when the call before was answered, of whichever lane
	lanes, soon := make(map[string][]logged), 0
	for _, l := range readLog(t, log) {
		if l.Kind != "push" {
			continue
		}
		if l.SentAt.Before(free) {
			t.Errorf("a call was sent at %v, while another was under way until %v", l.SentAt, free)
		}
		if l.SentAt.Sub(free) < 2*time.Second {
			soon++
		}
		free = l.ResponseAt
		if (l.Lane == "ops") != (l.Rule == "alert") {
			t.Errorf("rule %q called in lane %q", l.Rule, l.Lane)
		}
		if before := lanes[l.Lane]; len(before) > 0 && l.SentAt.Sub(before[len(before)-1].ResponseAt) <= 2*time.Second {
			t.Errorf("lane %q called at %v, within 2s of its answer before", l.Lane, l.SentAt)
		}
		lanes[l.Lane] = append(lanes[l.Lane], l)
	}
	if soon == 0 {
		t.Error("no lane ever called soon after the other: this stream judges nothing")
	}
	if len(r.Lanes) != 2 || r.Lanes[0].Name != "" || r.Lanes[1].Name != "ops" {
		t.Fatalf("lanes %+v, want the default one and ops", r.Lanes)
	}
	for _, l := range r.Lanes {
		if l.Calls != len(lanes[l.Name]) || l.Calls == 0 || l.Worst24h > quota[l.Name] || l.Quota != quota[l.Name] {
			t.Errorf("lane %+v, want %d calls and no more than %d in 24 hours", l, len(lanes[l.Name]), quota[l.Name])
		}
	}
}
