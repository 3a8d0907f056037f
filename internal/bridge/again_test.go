package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/pushapi/pushsim"
)

// What a crash left between the journal and the results topic is told by the next
// start, and said as it would have been.
func TestCrashBeforeTheResultsAreTold(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: twoRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.emit(promo("zero", "gold"))
		sleep(time.Minute)
		// The results take nothing, then the bridge crashes: first when a call has
		// ended, then when events ended without one.
		for _, emit := range []func(){
			func() {
				w.emit(happening{Type: "news", Data: map[string]any{"text": "hello"}}, promo("sale", "beta", "gold"))
			},
			func() {
				w.emit(happening{Type: "nothing"}, promo("nobody"))
				w.produce(0, []byte("{no event"))
			},
		} {
			told := len(w.read(resultsTopic))
			dead := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: resultsTopic, Err: kerr.NotEnoughReplicas, Count: -1})
			emit()
			sleep(20 * time.Second)
			if n := len(w.read(resultsTopic)); n != told {
				t.Fatalf("%d results before the crash, want %d", n, told)
			}
			w.crash(i)
			dead.Remove()
			if state := w.recall(); len(state.Untold) == 0 {
				t.Fatal("nothing is untold: the test proves nothing")
			}
			i = w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
			sleep(time.Minute)
		}
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "pushed", "e4": "unmatched", "e5": "dead-lettered", "@5": "dead-lettered"})
		w.wantReceived(map[string]int{"ann": 3, "eve": 1})
		w.wantClasses("ok", "ok", "ok")
		events, _ := w.results()
		for _, e := range events {
			switch d := e.Data; {
			case d.Disposition == "pushed" && (d.PushID == "" || d.TaskID == "" || d.Why == "" || d.Parts > 1):
				t.Errorf("told of a push: %+v", d)
			case d.Disposition != "pushed" && d.Reason == "":
				t.Errorf("told without a reason: %+v", d)
			case e.Source != fmt.Sprintf("/bridge/%d", testApp):
				t.Errorf("source %s", e.Source)
			}
		}
		if got, _ := w.committed(0); got != 1 {
			t.Errorf("committed %d, want 1: the event at 1 is open", got)
		}
		// What was told once is not told by every start.
		told := len(w.read(resultsTopic))
		for range 2 {
			i.leave()
			i = w.start()
			sleep(time.Minute)
		}
		if n := len(w.read(resultsTopic)); n != told {
			t.Errorf("%d results after two more starts, want %d", n, told)
		}
		i.leave()
		time.Sleep(48 * time.Hour)
		w.start()
		sleep(time.Minute)
		w.wantDispositions(map[string]string{
			"e1": "pushed", "e2/fast": "pushed", "e2/slow": "pushed", "e3": "pushed", "e4": "unmatched", "e5": "dead-lettered", "@5": "dead-lettered",
		})
		w.wantCommitted()
	})
}

// A crash tells again what it may not have told, and that is no more than the last
// write: while an old event keeps the offsets, thousands may have ended above it.
func TestNoMoreIsToldAgainThanTheLastWrite(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: twoRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.emit(happening{Type: "news", Data: map[string]any{"text": "hello"}})
		for n := range 20 {
			w.emit(promo(fmt.Sprint(n), "beta"))
			sleep(time.Minute)
		}
		told := len(w.read(resultsTopic))
		w.crash(i)
		w.start()
		sleep(time.Minute)
		if n := len(w.read(resultsTopic)) - told; n > 2 {
			t.Errorf("%d results were told again, want those of the last call at most", n)
		}
	})
}

// A call in doubt after a crash is told, with what is done about it.
func TestDecisionAboutDoubtIsTold(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct {
		event   happening
		classes []string
		onDoubt string
	}{
		"drop":   {promo("sale", "gold"), []string{"doubt"}, "drop"},
		"resend": {alert("storm", "paris"), []string{"doubt", "ok"}, "resend"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
				sleep(5 * time.Second)
				w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
				w.emit(tt.event)
				for len(w.sim.Calls()) == 0 {
					sleep(100 * time.Millisecond)
				}
				w.crash(i)
				w.start()
				sleep(2 * time.Minute)
				pushes := w.wantClasses(tt.classes...)
				if got := pushes[0].Data; got.OnDoubt != tt.onDoubt || !got.Counted || got.Attempt != 1 {
					t.Errorf("told %+v, want on_doubt %s", got, tt.onDoubt)
				}
				if got := pushes[len(pushes)-1].Data; got.Class == "ok" && got.OnDoubt != "" {
					t.Errorf("told %+v of a call without doubt", got)
				}
				if state := w.recall(); len(state.Unended) != 0 {
					t.Errorf("%d attempts have no outcome", len(state.Unended))
				}
			})
		})
	}
}
