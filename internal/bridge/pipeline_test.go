package bridge

import (
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// people are three users of two tags and one attribute.
var people = []pushsim.User{
	{ID: "ann", Tags: []string{"gold", "beta"}, Attrs: map[string]string{"city": "paris"}},
	{ID: "bob", Tags: []string{"silver"}, Attrs: map[string]string{"city": "rome"}},
	{ID: "eve", Tags: []string{"beta"}, Attrs: map[string]string{"city": "paris"}},
}

const plainRules = `
version: 1
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {max_delay: 10s, expire_after: 6h}
  - name: alert
    match: {type: alert}
    audience: {attrs_any: {city: "${data.city}"}}
    message: [{text: "${data.text}"}]
    online_only: true
    coalesce: {mode: latest, key: "${data.city}"}
    delivery: {priority: critical, max_delay: 4s, expire_after: 6h}
`

func promo(text string, tags ...string) happening {
	return happening{Type: "promo", Data: map[string]any{"text": text, "tags": tags}}
}

func alert(text, city string) happening {
	return happening{Type: "alert", Data: map[string]any{"text": text, "city": city}}
}

func TestEventsBecomeOneCall(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("sale", "gold"), promo("sale", "silver"), alert("storm", "paris"))
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "pushed"})
		w.wantClasses("ok", "ok")
		w.wantReceived(map[string]int{"ann": 2, "bob": 1, "eve": 1})
		w.wantCommitted()
		w.wantBudget(100)
		i.leave()
	})
}

// tagged returns n users with one tag each, of the same names.
func tagged(n int) (users []pushsim.User, tags []string) {
	for i := range n {
		tag := fmt.Sprintf("t%02d", i)
		tags = append(tags, tag)
		users = append(users, pushsim.User{ID: tag, Tags: []string{tag}})
	}
	return users, tags
}
