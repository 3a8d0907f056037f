package bridge

import (
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// again is an event that is emitted more than once.
func again(partition int) happening {
	h := promo("sale", "gold")
	h.ID, h.Partition = "again", partition
	return h
}

// What was seen is known to whoever becomes the writer, for the window.
func TestRepeatIsKnownAfterARestart(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(again(0))
		sleep(time.Minute)
		i.leave()
		w.emit(again(0))
		i = w.start()
		sleep(time.Minute)
		i.leave()
		time.Sleep(23 * time.Hour)
		i = w.start()
		w.emit(again(0))
		sleep(time.Minute)
		w.wantReceived(map[string]int{"ann": 1})
		w.wantCommitted()
		i.leave()
		time.Sleep(2 * time.Hour) // 25 since it was seen first: a new one
		w.start()
		w.emit(again(0))
		sleep(time.Minute)
		w.wantReceived(map[string]int{"ann": 2})
		w.wantClasses("ok", "ok")
		w.wantCommitted()
	})
}

// A crash leaves the first copy of an event open, or its call in doubt, and a copy
// that ended as its repeat. Whichever is read first then, one of them is pushed.
func TestFirstCopyIsNotLostByACrash(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, inDoubt := range map[string]bool{"open": false, "in doubt": true} {
		for _, first := range []int{0, 1} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				inBubble(t, setup{rules: plainRules, users: people, partitions: 2}, func(t *testing.T, w *world) {
					i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
					sleep(5 * time.Second)
					if inDoubt {
						w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
					}
					w.emit(again(first))
					sleep(2 * time.Second)
					w.emit(again(1 - first))
					for inDoubt && len(w.sim.Calls()) == 0 {
						sleep(100 * time.Millisecond)
					}
					w.emit(again(1 - first)) // not recorded before the crash
					w.crash(i)
					w.start()
					sleep(time.Minute)
					w.wantReceived(map[string]int{"ann": 1})
					events, _ := w.results()
					got := map[string]int{}
					for _, e := range events {
						got[e.Data.Disposition]++
					}
					if got["pushed"] != 1 || got["duplicate"] != 2 {
						t.Errorf("three copies ended as %v, want one pushed and two duplicates", got)
					}
					w.wantCommitted()
				})
			})
		}
	}
}

// A record that is deleted before it was read again was not the first copy.
func TestCopyOfALostRecordIsPushed(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, committed := range map[string]bool{"committed below it": true, "never committed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: twoRules, users: people, partitions: 2}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				want := map[string]string{"e1/fast": "pushed", "e1/slow": "pushed", "again/fast": "pushed", "again/slow": "pushed"}
				news := happening{Type: "news", Data: map[string]any{"text": "hello"}, Partition: 1}
				w.emit(news)
				if committed {
					want[w.emit(happening{Type: "gossip"})[0]] = "unmatched"
					sleep(1500 * time.Millisecond)
				}
				news.ID, news.Partition = "again", 0
				w.emit(news)
				want[w.emit(happening{Type: "gossip"})[0]] = "unmatched" // is written, and with it what was seen
				sleep(1500 * time.Millisecond)
				i.leave() // before the first of its rules calls
				if state := w.recall(); len(state.Calls) != 0 {
					t.Fatal("a call was made: the test proves nothing")
				}
				w.must(w.broker.Cluster().DeleteRecords(inTopic, 0, w.end(inTopic, 0)-1))
				i = w.start()
				sleep(2 * time.Second)
				news.Partition = 1
				w.emit(news)
				sleep(time.Minute)
				i.leave()
				time.Sleep(47 * time.Hour)
				w.start()
				sleep(2 * time.Hour)
				w.wantDispositions(want)
				w.wantCommitted()
			})
		})
	}
}
