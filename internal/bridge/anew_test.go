package bridge

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A topic that is deleted and made anew has other records at old offsets. Neither a
// bridge that runs then, nor the next start, nor one after that takes them for the
// old ones.
func TestTopicMadeAnew(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, running := range map[string]bool{"while the bridge runs": true, "while nothing runs": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: twoRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				// The first has not ended under all its rules, and keeps the commit down.
				w.emit(happening{Type: "news", Data: map[string]any{"text": "hello"}})
				want := map[string]string{"e1": "pushed"}
				for n := range 5 {
					want[w.emit(promo(fmt.Sprint("old", n), "beta"))[0]] = "pushed"
				}
				sleep(time.Minute)
				again := func() {
					w.must(w.broker.Cluster().DeleteTopic(inTopic))
					w.must(w.broker.CreateTopic(inTopic, 1, nil))
				}
				if running {
					again()
					sleep(2 * time.Minute)
				} else {
					i.leave()
					again()
				}
				// Of the new ones too the first keeps the commit down.
				want[w.emit(happening{Type: "news", Data: map[string]any{"text": "news"}})[0]] = "pushed"
				for n := range 3 {
					want[w.emit(promo(fmt.Sprint("new", n), "silver"))[0]] = "pushed"
				}
				if running {
					sleep(time.Minute)
					i.leave()
				}
				for n := range 3 {
					i = w.start()
					sleep(2 * time.Minute)
					want[w.emit(promo(fmt.Sprint("newer", n), "silver"))[0]] = "pushed"
					sleep(time.Minute)
					i.leave()
				}
				// Old and new records share offsets, and so the ids of their results.
				got := map[string]string{}
				for _, r := range w.read(resultsTopic) {
					var e told
					w.must(json.Unmarshal(r.Value, &e))
					if id := e.Data.EventID; id != "" {
						got[id] += e.Data.Disposition
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("dispositions (-want +got):\n%s", diff)
				}
				w.wantReceived(map[string]int{"ann": 7, "eve": 5, "bob": 6})
			})
		})
	}
}
