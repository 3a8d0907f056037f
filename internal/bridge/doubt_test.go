package bridge

import (
	"strings"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// A call in doubt is over when a request can no longer be on its way, and the next one
// waits for that and no longer: a slow journal, for which there is time before a call,
// was none here.
func TestFirstCallAfterACallInDoubt(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	const session, timeout = 12 * time.Second, 4 * time.Second
	hasty := func(o *options) {
		o.timeout = timeout
		o.group.SessionTimeout, o.group.RebalanceTimeout, o.group.HeartbeatInterval = session, 30*time.Second, time.Second
	}
	rules := strings.Replace(plainRules, "max_delay: 10s", "max_delay: 10s, on_doubt: resend", 1)
	inBubble(t, setup{rules: rules, users: people}, func(t *testing.T, w *world) {
		writer := w.start(hasty)
		sleep(5 * time.Second)
		w.start(hasty)
		sleep(5 * time.Second)
		w.emit(promo("first", "gold"))
		sleep(20 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
		w.emit(promo("sale", "gold"))
		for len(w.sim.Calls()) < 2 {
			sleep(100 * time.Millisecond)
		}
		died := time.Now()
		writer.wire.kill() // nothing that it does reaches anybody
		writer.stop()
		sleep(2 * time.Minute)
		calls := w.sim.Calls()
		if len(calls) != 3 {
			t.Fatalf("%d calls, want 3", len(calls))
		}
		if wait := calls[2].Received.Sub(died); wait > session+2*time.Second || wait < 2*timeout {
			t.Errorf("the next call came %v after the end of the writer", wait)
		}
		w.wantCommitted()
	})
}
