package bridge

import (
	"fmt"
	"testing"
	"time"
)

const patientRules = `
version: 1
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    delivery: {max_delay: 6h, expire_after: 12h}
  - name: alert
    match: {type: alert}
    audience: {attrs_any: {city: "${data.city}"}}
    message: [{text: "${data.text}"}]
    delivery: {priority: critical, max_delay: 10s, expire_after: 5m}
  - name: level
    match: {type: level}
    audience: {attrs_any: {city: "${data.city}"}}
    message: [{text: "${data.text}"}]
    coalesce: {mode: latest, key: "${data.city}"}
    delivery: {max_delay: 6h, expire_after: 12h}
`

// Memory is full of promos that may wait for hours. The alert behind them must not
// expire unread while calls are free.
func TestFullMemoryHurries(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: patientRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.MaxPending = 20 })
		sleep(5 * time.Second)
		want := map[string]string{}
		for n := range 30 {
			want[w.emit(promo(fmt.Sprintf("sale %d", n), "gold"))[0]] = "pushed"
		}
		sleep(time.Second)
		want[w.emit(alert("storm", "Bergen"))[0]] = "pushed"
		sleep(2 * time.Minute)
		status := i.status()
		if hurried := len(w.sim.Calls()); status.Paused || hurried > 25 {
			t.Errorf("paused %t after %d calls: want room, and the rest to wait", status.Paused, hurried)
		}
		sleep(7 * time.Hour)
		w.wantDispositions(want)
		w.wantCommitted()
	})
}
