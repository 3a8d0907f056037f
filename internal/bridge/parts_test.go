package bridge

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/pushapi/pushsim"
)

// An event in three calls of which the first was refused for good before a restart
// ends by that: no call is spent on what cannot be said whole.
func TestRestartAfterARefusedPart(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	users, tags := tagged(25)
	inBubble(t, setup{rules: twoRules, users: users}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 90001}))
		w.emit(promo("sale", tags...))
		for len(w.sim.Calls()) < 1 {
			sleep(100 * time.Millisecond)
		}
		i.leave()
		w.wantDispositions(map[string]string{})
		w.start()
		sleep(2 * time.Minute)
		w.wantDispositions(map[string]string{"e1": "rejected"})
		w.wantClasses("reject")
		events, pushes := w.results()
		if d := events[0].Data; d.Code != 90001 || d.PushID != pushes[0].Data.PushID || d.Parts != 3 {
			t.Errorf("the event says %+v, want push %s and code 90001", d, pushes[0].Data.PushID)
		}
		w.wantCommitted()
	})
}

// What superseded an event is said, though a crash came before it was told.
func TestWhatSupersededIsToldAfterACrash(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: patientRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.emit(happening{Type: "level", Data: map[string]any{"text": "two", "city": "paris"}})
		sleep(5 * time.Second)
		dead := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: resultsTopic, Err: kerr.NotEnoughReplicas, Count: -1})
		w.emit(happening{Type: "level", Data: map[string]any{"text": "three", "city": "paris"}})
		sleep(20 * time.Second)
		w.crash(i)
		dead.Remove()
		w.start()
		sleep(8 * time.Hour)
		w.wantDispositions(map[string]string{"e1": "superseded", "e2": "pushed"})
		events, _ := w.results()
		for _, e := range events {
			if d := e.Data; d.Disposition == "superseded" && !strings.HasSuffix(d.By, "#e2") {
				t.Errorf("superseded by %q, want e2", d.By)
			}
		}
		w.wantCommitted()
	})
}
