package bridge

import (
	"strings"
	"testing"
	"time"
)

const validatedRules = `version: 1
schemas: [builtin]
validate: {member.promo: reject, region.alert: warn}
rules:
  - name: promo
    match: {type: member.promo}
    audience: {tags_any: "${data.tiers}"}
    message: [{text: "${data.title}"}]
    delivery: {max_delay: 5s}
  - name: alert
    match: {type: region.alert}
    audience: {tags_any: ["${data.city}"]}
    message: [{text: "${data.headline}"}]
    delivery: {max_delay: 5s}
`

func TestDataThatBreaksItsSchemaIsRejectedOrWarnedOf(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: validatedRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		if got := i.metric("bridge_schema_violations_total", "type", "member.promo", "action", "reject"); got != 0 {
			t.Errorf("before any event %v violations, want the counter at 0", got)
		}
		w.emit(
			happening{Type: "member.promo", Data: map[string]any{"title": "Sale", "summary": "now", "tiers": []string{"gold"}, "discount": "0.3"}},
			happening{Type: "member.promo", Data: map[string]any{"title": "Sale", "summary": "now", "tiers": []string{"gold"}, "discount": 0.3}},
			happening{Type: "region.alert", Data: map[string]any{"city": "gold", "headline": "Rain"}},
			happening{Type: "region.alert", Data: map[string]any{"city": "gold", "headline": "Rain"}},
		)
		sleep(time.Minute)

		w.wantDispositions(map[string]string{"e1": "dead-lettered", "e2": "pushed", "e3": "pushed", "e4": "pushed"})
		w.wantCommitted()
		letters := w.read(dlqTopic)
		if len(letters) != 1 {
			t.Fatalf("%d dead letters, want 1", len(letters))
		}
		got := letters[0].Headers
		if got["bridge_dlq_reason"] != "invalid_data" || got["bridge_dlq_rule"] != "" || got["bridge_dlq_error"] != "data breaks the schema of member.promo at /discount: got string, want number" {
			t.Errorf("the dead letter has %v", got)
		}
		if reject, warn := i.metric("bridge_schema_violations_total", "type", "member.promo", "action", "reject"),
			i.metric("bridge_schema_violations_total", "type", "region.alert", "action", "warn"); reject != 1 || warn != 2 {
			t.Errorf("%v violations rejected and %v warned of, want 1 and 2", reject, warn)
		}
		// The second alert within a minute is counted and not logged.
		if n := strings.Count(i.log.String(), "breaks the schema of its type"); n != 2 {
			t.Errorf("%d lines of violations in the log, want 2:\n%s", n, i.log)
		}
	})
}
