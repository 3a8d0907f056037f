package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi/pushsim"
	"pushbridge/internal/replay"
)

// replayed writes an event to the replays' topic, as the mark says.
func (w *world) replayed(h happening, m replay.Mark) {
	w.t.Helper()
	if h.ID == "" {
		h.ID = m.Of.String()
	}
	value := w.encode(h)
	var e map[string]any
	w.must(json.Unmarshal(value, &e))
	e[replay.AttrID], e[replay.AttrOf] = m.ID, m.Of.String()
	if m.Priority != 0 {
		e[replay.AttrPriority] = m.Priority.String()
	}
	w.control(e)
}

func (w *world) control(e map[string]any) {
	w.t.Helper()
	value, err := json.Marshal(e)
	w.must(err)
	_, err = w.tryProduceTo(replayTopic, 0, value)
	w.must(err)
}

func (w *world) cancelReplay(id string) {
	w.t.Helper()
	w.control(map[string]any{
		"specversion": "1.0", "type": replay.TypeCancelled, "source": replay.Source, "id": id, replay.AttrID: id,
	})
}

// original is the original's place.
func original(n int64) offset.Position {
	return offset.Position{Partition: offset.Partition{Topic: inTopic}, Offset: n}
}

// ends is how events that came again ended, by replay and original.
func (w *world) ends() map[string]string {
	events, _ := w.results()
	got := map[string]string{}
	for _, e := range events {
		if e.ReplayID == "" {
			continue
		}
		key := e.ReplayID + " " + e.ReplayOf
		if got[key] != "" {
			got[key] += ", "
		}
		got[key] += e.Data.Disposition
	}
	return got
}

// An event that comes again is no repeat of its original. The same replay of it is,
// also to the next writer.
func TestReplayIsNoRepeatOfItsOriginal(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people, replays: true}, func(t *testing.T, w *world) {
		i := w.start(inPlenty)
		sleep(5 * time.Second)
		sale := promo("sale", "gold")
		sale.ID = "e1"
		w.emit(sale)
		sleep(time.Minute)
		w.replayed(sale, replay.Mark{ID: "r1", Of: original(0)})
		w.replayed(sale, replay.Mark{ID: "r1", Of: original(0)})
		sleep(time.Minute)
		i.leave()
		w.replayed(sale, replay.Mark{ID: "r1", Of: original(0)})
		w.replayed(sale, replay.Mark{ID: "r2", Of: original(0)})
		w.emit(sale) // nor is the original's repeat one of the replay's
		w.start(inPlenty)
		sleep(10 * time.Minute)
		w.wantReceived(map[string]int{"ann": 3})
		want := map[string]string{"r1 events/0@0": "duplicate, pushed, duplicate", "r2 events/0@0": "pushed"}
		if diff := cmp.Diff(want, w.ends()); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
		w.wantCommitted()
	})
}

// What a cancelled replay has pending ends, what comes of it later too, and the
// next writer knows.
func TestReplayIsCancelled(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people, replays: true}, func(t *testing.T, w *world) {
		few := func(o *options) { o.terms.Calls = 10 } // of which replays have one
		i := w.start(few)
		sleep(5 * time.Second)
		for n := range int64(4) {
			w.replayed(promo(fmt.Sprint("sale ", n), "gold"), replay.Mark{ID: "r1", Of: original(n)})
		}
		w.replayed(promo("other", "silver"), replay.Mark{ID: "r2", Of: original(9)})
		sleep(time.Minute)
		w.cancelReplay("r1")
		sleep(time.Second)
		w.replayed(promo("sale 5", "gold"), replay.Mark{ID: "r1", Of: original(5)})
		sleep(time.Minute)
		i.leave()
		w.replayed(promo("sale 6", "gold"), replay.Mark{ID: "r1", Of: original(6)})
		i = w.start(few)
		sleep(time.Minute)

		events, _ := w.results()
		reasons, got := 0, map[string]int{}
		for _, e := range events {
			if e.ReplayID != "r1" {
				continue
			}
			got[e.Data.Disposition]++
			if e.Data.Reason == "replay r1 was cancelled" {
				reasons++
			}
		}
		if want := map[string]int{"pushed": 1, "expired": 5, "unmatched": 1}; !maps.Equal(got, want) || reasons != 5 {
			t.Errorf("r1 ended as %v, %d with the reason, want %v with 5", got, reasons, want)
		}
		if n := i.status().Pending.Batches; n != 1 {
			t.Errorf("%d batches wait, want that of r2", n)
		}
	})
}

// A crash in the middle of a replay loses none of its events, pushes none of them twice
// where its rule says drop, and its results say the replay all the same.
func TestCrashDuringAReplay(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people, replays: true}, func(t *testing.T, w *world) {
		i := w.start(inPlenty, func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
		w.replayed(promo("first", "gold"), replay.Mark{ID: "r1", Of: original(0)})
		for len(w.sim.Calls()) == 0 {
			sleep(100 * time.Millisecond)
		}
		w.replayed(promo("second", "silver"), replay.Mark{ID: "r1", Of: original(1)})
		w.replayed(promo("first", "gold"), replay.Mark{ID: "r1", Of: original(0)}) // once too often
		w.crash(i)
		i = w.start(inPlenty)
		sleep(10 * time.Minute)
		w.wantReceived(map[string]int{"ann": 1, "bob": 1})
		want := map[string]string{"r1 events/0@0": "pushed, duplicate", "r1 events/0@1": "pushed"}
		got := w.ends()
		if got["r1 events/0@0"] == "duplicate, pushed" {
			got["r1 events/0@0"] = "pushed, duplicate"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
		for _, u := range i.status().Pools {
			if u.Name == intent.ReplayPool && u.Used != 2 {
				t.Errorf("replays have used %d calls, want 2, that in doubt among them", u.Used)
			}
		}
	})
}

// What is no event that comes again is said so, and stops nothing.
func TestReplaysTopicHoldsReplaysOnly(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people, replays: true}, func(t *testing.T, w *world) {
		w.start()
		sleep(5 * time.Second)
		var stray map[string]any
		h := promo("stray", "gold")
		h.ID = "stray"
		w.must(json.Unmarshal(w.encode(h), &stray))
		w.control(stray)
		w.control(map[string]any{"no": "event"})
		w.control(map[string]any{"specversion": "1.0", "type": replay.TypeBegun, "source": replay.Source, "id": "r1", replay.AttrID: "r1"})
		w.replayed(promo("sale", "gold"), replay.Mark{ID: "r1", Of: original(0)})
		sleep(time.Minute)
		events, _ := w.results()
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprintf("%d %s", e.Data.Offset, e.Data.Disposition))
		}
		want := []string{"0 dead-lettered", "1 dead-lettered", "2 unmatched", "3 pushed"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
	})
}

// Whatever a replay brings, the events that happen now are read, go first and have
// the calls: they end as they would have without it.
func TestReplayDoesNotStarveWhatHappensNow(t *testing.T) {
	t.Attr("guards", "a replay has a share of the calls and of the memory, and no more")
	t.Parallel()
	const live, flood = 60, 3000
	type end struct {
		Disposition string
		Late        bool // more than a call's time beyond its max_delay
	}
	run := func(t *testing.T, flooded bool) map[string]end {
		got := map[string]end{}
		inBubble(t, setup{rules: plainRules, users: people, replays: true}, func(t *testing.T, w *world) {
			i := w.start(func(o *options) { o.terms.Calls, o.limits.MaxPending = 1000, 1000 })
			sleep(5 * time.Second)
			for n := range int64(flood) {
				if flooded { // urgent by its rule, and none like another
					h := alert("old storm", fmt.Sprint("city", n))
					h.ID = fmt.Sprint("old", n)
					w.replayed(h, replay.Mark{ID: "r1", Of: original(n), Priority: intent.High})
				}
			}
			born := map[string]time.Time{}
			for n := range live {
				h := promo(fmt.Sprint("sale ", n), "gold")
				h.ID = fmt.Sprint("live", n)
				born[h.ID] = time.Now()
				w.emit(h)
				sleep(time.Minute)
			}
			sleep(20 * time.Minute)
			events, _ := w.results()
			for _, e := range events {
				if at, ok := born[e.Data.EventID]; ok {
					got[e.Data.EventID] = end{e.Data.Disposition, e.Data.Decided.Sub(at) > 15*time.Second}
				}
			}
			w.wantBudget(1000)
			calls := 0
			for _, p := range i.status().Pools {
				if p.Name == intent.ReplayPool {
					calls = p.Used
				}
			}
			if flooded && calls == 0 || calls > 100 {
				t.Errorf("the replay has used %d calls of 100", calls)
			}
		})
		return got
	}
	alone, beside := run(t, false), run(t, true)
	if len(alone) != live {
		t.Fatalf("%d of %d events ended", len(alone), live)
	}
	if diff := cmp.Diff(alone, beside); diff != "" {
		t.Errorf("live events beside a replay (-without +with):\n%s", diff)
	}
}
