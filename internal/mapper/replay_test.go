package mapper

import (
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
	"pushbridge/internal/replay"
)

const replayRules = `
version: 1
budget: {quota: 100, pools: {crm: {at_most: 60}, ads: {at_most: 10}}}
rules:
  - name: urgent
    match: {type: promo}
    audience: {everyone: true}
    message: [{text: a}]
    coalesce: {mode: latest, key: "${event.id}"}
    delivery: {priority: critical, pool: crm, expire_at: "2026-03-01T12:00:00Z"}
    suppresses: {pool: ads, for: 15m}
    continue: true
  - name: calm
    match: {type: promo}
    audience: {everyone: true}
    message: [{text: b}]
    delivery: {priority: normal, frequency: {at_most: 3, per: 24h}, expire_after: 6h}
`

// What comes again is mapped as it would be today, without a say over what happens
// now.
func TestMapOfWhatComesAgain(t *testing.T) {
	t.Attr("guards", "a replay is under the rules, and beside what happens now")
	t.Parallel()
	rules, err := Parse("rules.yaml", []byte(replayRules), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	received := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	mapOf := func(t *testing.T, id string, m replay.Mark) Mapping {
		t.Helper()
		e := event.New()
		e.SetID("1")
		e.SetSource("/crm")
		e.SetType("promo")
		m.ID = "r1"
		marked, err := m.On(&e)
		if err != nil {
			t.Fatal(err)
		}
		return rules.Map(&marked, intent.Origin{ID: "1", Source: "/crm", Received: received, ReplayID: id})
	}

	t.Run("policy", func(t *testing.T) {
		t.Parallel()
		m := mapOf(t, "r1", replay.Mark{})
		if len(m.Intents) != 2 {
			t.Fatalf("%d intents, want 2: %s", len(m.Intents), m.Why)
		}
		urgent, calm := m.Intents[0].Policy, m.Intents[1].Policy
		for _, p := range []intent.Policy{urgent, calm} {
			if p.Priority != intent.Low || p.Gate == nil || p.Gate.Pool != intent.ReplayPool || p.Suppresses != nil {
				t.Errorf("policy %+v, gate %+v: want low, the pool of replays and no suppression", p, p.Gate)
			}
		}
		if calm.Gate.Frequency.Calls != 3 {
			t.Errorf("frequency %+v: what protects users holds for replays", calm.Gate.Frequency)
		}
		if urgent.Scope != "replay r1 urgent" {
			t.Errorf("scope %q: a replay must not revise what happens now", urgent.Scope)
		}
		if !urgent.Expires.Before(received) || !calm.Expires.Equal(received.Add(6*time.Hour)) {
			t.Errorf("expires %v and %v, want as written and 6h from its coming again", urgent.Expires, calm.Expires)
		}
		if again := mapOf(t, "r1", replay.Mark{}).Intents[1].Policy.Gate; again != calm.Gate {
			t.Error("equal gates are two pointers: replayed events would not share calls")
		}
	})
	for name, tt := range map[string]struct {
		mark replay.Mark
		want intent.Priority // of the rule that is critical
	}{
		"high is the most":        {replay.Mark{Priority: intent.High}, intent.High},
		"critical is none":        {replay.Mark{Priority: intent.Critical}, intent.High},
		"normal where it is said": {replay.Mark{Priority: intent.Normal}, intent.Normal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mapOf(t, "r1", tt.mark).Intents[0].Policy.Priority; got != tt.want {
				t.Errorf("priority %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("expiry ignored", func(t *testing.T) {
		t.Parallel()
		if got := mapOf(t, "r1", replay.Mark{IgnoreExpiry: true}).Intents[0].Policy.Expires; !got.Equal(received.Add(24 * time.Hour)) {
			t.Errorf("expires %v, want a day from its coming again", got)
		}
	})
	t.Run("rules left out", func(t *testing.T) {
		t.Parallel()
		m := mapOf(t, "r1", replay.Mark{Not: []string{"urgent"}})
		if len(m.Intents) != 1 || m.Intents[0].Rule != "calm" {
			t.Errorf("intents %+v, want that of calm alone", m.Intents)
		}
		m = mapOf(t, "r1", replay.Mark{Not: []string{"calm", "urgent"}})
		if m.Intents != nil || m.Why != "no rule is left: it has ended before under calm,urgent" {
			t.Errorf("%d intents, why %q", len(m.Intents), m.Why)
		}
	})
	t.Run("for the first time", func(t *testing.T) {
		t.Parallel()
		m := mapOf(t, "", replay.Mark{Not: []string{"urgent"}, IgnoreExpiry: true}) // a producer's own attributes
		if len(m.Intents) != 2 || m.Intents[0].Policy.Priority != intent.Critical || m.Intents[0].Policy.Suppresses == nil || !m.Intents[0].Policy.Expires.Before(received) {
			t.Errorf("intents %+v: the attributes of a replay count by a replay only", m.Intents)
		}
	})
}
