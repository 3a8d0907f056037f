package mapper

import (
	"strings"
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// testPushRules have all that a test must not touch: revisions, suppression, hours.
const testPushRules = `
version: 1
test_audience: {tags_any: [testers]}
time_intervals:
  - name: sundays
    time_intervals: [{weekdays: [sunday]}]
budget: {pools: {marketing: {at_most: 5}, orders: {at_least: 1}}}
rules:
  - name: alert
    match: {type: alert}
    audience: {everyone: true}
    message: [{text: "${data.text}"}]
    coalesce: {mode: latest, key: "${data.alert}"}
    delivery: {priority: critical, max_delay: 10s, expire_after: 1h, pool: orders}
    suppresses: {pool: marketing, for: 15m}
  - name: digest
    match: {type: news}
    audience: {tags_any: "${data.tags}"}
    message: {item: [{text: "${data.text}"}]}
    coalesce: {mode: digest, at: "18:00"}
    delivery: {active: [sundays], frequency: {at_most: 1, per: 24h}, expire_after: 200h, pool: marketing, max_delay: 3h}
`

func TestPushToTestersOnly(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	r := mustParse(t, testPushRules)
	for name, tt := range map[string]struct {
		event string
		pool  string
		delay time.Duration
	}{
		"an alert to everyone": {`{"type":"alert","pushtest":"mia","data":{"text":"Storm","alert":"a1"}}`, "orders", 10 * time.Second},
		"a digest of a clock":  {`{"type":"news","pushtest":"mia","data":{"text":"Storm","tags":["a","b","c","d","e","f","g","h","i","j","k"]}}`, "marketing", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, o := mustEvent(t, tt.event)
			m := r.Map(e, o)
			if len(m.Intents) != 1 || len(m.Failures) != 0 {
				t.Fatalf("Map = %+v", m)
			}
			in := m.Intents[0]
			if len(in.Audiences) != 1 || in.Audiences[0].String() != "tags_any[testers]" || in.Message.Text() != "Storm" {
				t.Errorf("%v: %q, want the testers and the rule's message", in.Audiences, in.Message.Text())
			}
			p := in.Policy
			if p.Mode != intent.Alone || p.Key != "" || p.Scope != "" || p.Suppresses != nil || p.Priority == intent.Critical || p.MaxDelay != tt.delay || p.Expires.IsZero() {
				t.Errorf("policy %+v touches what is meant", p)
			}
			if p.Gate == nil || *p.Gate != (intent.Gate{Pool: tt.pool}) {
				t.Errorf("gate %+v, want the rule's pool and nothing else", p.Gate)
			}
			if x := r.Explain(e, o); tt.pool == "orders" && x.Steps[0].Intent.Audiences[0] != in.Audiences[0] {
				t.Errorf("Explain says %v", x.Steps)
			}
		})
	}
}

// An event that is a test never becomes a push that is none.
func TestPushWithoutTesters(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	r := mustParse(t, strings.Replace(testPushRules, "test_audience: {tags_any: [testers]}", "", 1))
	e, o := mustEvent(t, `{"type":"alert","pushtest":"","data":{"text":"Storm","alert":"a1"}}`)
	const want = `rule "alert": test_audience: the event is a test, and the rule file has no test_audience`
	if got := summary(r.Map(e, o)); got != want {
		t.Errorf("Map = %q, want %q", got, want)
	}
	if _, ok := r.TestAudience(); ok {
		t.Error("there is a test audience")
	}
}
