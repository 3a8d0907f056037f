package bridge

import (
	"testing"
	"time"
)

const rareRules = `
version: 1
rules:
  - name: rare
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {max_delay: 10s, expire_after: 72h, frequency: {at_most: 1, per: 6h}}
`

// Whom a call reached before the start counts for what may reach them after it.
func TestRestartKeepsFrequencies(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: rareRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("one", "gold"))
		sleep(time.Minute)
		i.leave()
		w.start()
		sleep(5 * time.Second)
		w.emit(promo("two", "gold"))
		sleep(5 * time.Hour)
		w.wantClasses("ok")
		sleep(time.Hour)
		w.wantClasses("ok", "ok")
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
	})
}
