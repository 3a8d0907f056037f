package bridge

import (
	"strings"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// Two events of one text whose tags do not fit into one request beside it: each
// is a legal call, both together would be refused, and neither is at fault.
func TestNoBatchIsTooLarge(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	quotes := strings.Repeat(`"`, 50) // 102 bytes of a request
	users := []pushsim.User{{ID: "ann", Tags: []string{"gold"}}, {ID: "bob", Tags: []string{quotes}}}
	long := strings.Repeat("x", 7763)
	inBubble(t, setup{rules: plainRules, users: users}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.MaxRequestBytes = 8000 })
		sleep(5 * time.Second)
		w.emit(promo(long, "gold"), promo(long, quotes), promo("short", "gold"), promo("short", quotes))
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "pushed", "e4": "pushed"})
		w.wantClasses("ok", "ok", "ok")
		w.wantReceived(map[string]int{"ann": 2, "bob": 2})
		i.leave()
	})
}
