package bridge

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/pushapi/pushsim"
)

const twoRules = `
version: 1
rules:
  - name: fast
    match: {type: news}
    audience: {tags_any: [gold]}
    message: [{text: "fast ${data.text}"}]
    online_only: true
    continue: true
    delivery: {max_delay: 10s, expire_after: 72h}
  - name: slow
    match: {type: news}
    audience: {tags_any: [silver]}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {max_delay: 48h, expire_after: 72h}
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    # So that it is worth any call.
    delivery: {priority: critical, on_doubt: drop, max_delay: 10s, expire_after: 72h}
`

// An event that ended under one of its rules has one disposition under each,
// however often the bridge starts in between.
func TestRestartBetweenTwoRulesOfOneEvent(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: twoRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(happening{Type: "news", Data: map[string]any{"text": "hello"}})
		for range 3 {
			sleep(time.Minute)
			i.leave()
			i = w.start()
		}
		w.wantDispositions(map[string]string{"e1": "pushed"})
		i.leave()
		time.Sleep(48 * time.Hour)
		w.start()
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1/fast": "pushed", "e1/slow": "pushed"})
		w.wantReceived(map[string]int{"ann": 1, "bob": 1})
		w.wantCommitted()
	})
}

// What one old open event holds above the committed offset is remembered for as
// long as it is open.
func TestRestartAfterDaysRepeatsNothing(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: twoRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(happening{Type: "news", Data: map[string]any{"text": "hello"}}, promo("sale", "beta"))
		sleep(time.Minute)
		i.leave()
		time.Sleep(30 * time.Hour)
		w.start()
		sleep(20 * time.Minute)
		w.wantClasses("ok", "ok", "ok") // the slow one need not wait for its deadline
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
		w.wantReceived(map[string]int{"ann": 2, "bob": 1, "eve": 1})
	})
}

// Of an event that needs three calls only those are made that were not made.
func TestRestartBetweenTwoPartsOfOneAudience(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	users, tags := tagged(25)
	inBubble(t, setup{rules: twoRules, users: users}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("sale", tags...))
		for len(w.sim.Calls()) < 1 {
			sleep(100 * time.Millisecond)
		}
		i.leave()
		if n := len(w.sim.Calls()); n != 1 {
			t.Fatalf("%d calls before the restart, want 1", n)
		}
		w.wantDispositions(map[string]string{})
		i = w.start()
		for len(w.sim.Calls()) < 2 {
			sleep(100 * time.Millisecond)
		}
		i.leave()
		w.start()
		sleep(time.Minute)
		w.wantClasses("ok", "ok", "ok")
		w.wantDispositions(map[string]string{"e1": "pushed"})
		if events, _ := w.results(); events[0].Data.Parts != 3 {
			t.Errorf("the event says that it took %d calls, want 3", events[0].Data.Parts)
		}
		want := map[string]int{}
		for _, u := range users {
			want[u.ID] = 1
		}
		w.wantReceived(want)
		w.wantCommitted()
		w.wantBudget(100)
	})
}

// An event in three calls of which a crash took the first one's outcome is pushed
// as far as is known, whatever became of the others.
func TestRestartAfterAPartInDoubt(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	users, tags := tagged(25)
	inBubble(t, setup{rules: twoRules, users: users}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall}))
		w.emit(promo("sale", tags...))
		for len(w.sim.Calls()) < 1 {
			sleep(100 * time.Millisecond)
		}
		w.crash(i)
		w.start()
		sleep(2 * time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed"})
		if events, _ := w.results(); !events[0].Data.Doubt || len(w.sim.Calls()) != 3 {
			t.Errorf("after %d calls, the first in doubt, the event says %+v", len(w.sim.Calls()), events[0].Data)
		}
		w.wantCommitted()
	})
}

// The count of calls survives restarts.
func TestRestartKeepsTheBudget(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	sim := pushsim.Config{Quota: 3, Counting: pushsim.CountAll}
	inBubble(t, setup{rules: twoRules, users: people, sim: sim}, func(t *testing.T, w *world) {
		quota := func(o *options) { o.terms.Calls = 3 }
		want := map[string]string{}
		for n := range 8 {
			i := w.start(quota)
			sleep(5 * time.Second)
			want[w.emit(promo(fmt.Sprint(n), "gold"))[0]] = "pushed"
			sleep(20 * time.Second)
			i.leave()
			time.Sleep(2 * time.Hour)
		}
		for range 3 {
			time.Sleep(24 * time.Hour)
			i := w.start(quota)
			sleep(20 * time.Second)
			i.leave()
		}
		w.wantDispositions(want)
		w.wantClasses(slices.Repeat([]string{"ok"}, 8)...)
		w.wantBudget(3)
		w.wantCommitted()
	})
}

// So does the end of a call that does not count.
func TestRestartKeepsTheInterval(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		// Nothing but the interval may hold the call back.
		unsettled := func(o *options) { o.limits.Settle = 0 }
		i := w.start(unsettled)
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 90024}))
		w.emit(alert("storm", "paris"))
		for len(w.sim.Calls()) == 0 {
			sleep(50 * time.Millisecond)
		}
		i.leave()
		w.start(unsettled)
		sleep(time.Minute)
		w.wantClasses("wait", "ok")
		w.wantBudget(100)
	})
}

// crash ends an instance without a chance to say anything more: Kafka takes
// nothing from it.
func (w *world) crash(i *instance) {
	dead := w.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce, kmsg.OffsetCommit}, Err: kerr.NotEnoughReplicas, Count: -1,
	})
	i.leave()
	dead.Remove()
}

// A call of which a crash took the outcome counts, and what its rule says about
// doubt is done.
func TestCrashDuringACall(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, tt := range map[string]struct {
		event    happening
		calls    int
		received map[string]int
	}{
		"drop":   {promo("sale", "gold"), 1, map[string]int{"ann": 1}},
		"resend": {alert("storm", "paris"), 2, map[string]int{"ann": 1, "eve": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The older page's reading: a number is dropped for seven days.
			sim := pushsim.Config{DedupWindow: 7 * 24 * time.Hour}
			inBubble(t, setup{rules: plainRules, users: people, sim: sim}, func(t *testing.T, w *world) {
				i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
				sleep(5 * time.Second)
				w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
				w.emit(tt.event)
				for len(w.sim.Calls()) == 0 {
					sleep(100 * time.Millisecond)
				}
				w.crash(i)
				if state := w.recall(); len(state.InDoubt) != 1 || len(state.Calls) != 1 {
					t.Fatalf("the journal knows %d calls, %d in doubt; want 1 and 1", len(state.Calls), len(state.InDoubt))
				}
				again := w.start()
				sleep(2 * time.Minute)
				w.wantDispositions(map[string]string{"e1": "pushed"})
				w.wantReceived(tt.received)
				if got := again.status(); len(w.sim.Calls()) != tt.calls || got.Pending.Used != tt.calls {
					t.Errorf("%d calls, used %d; want %d", len(w.sim.Calls()), got.Pending.Used, tt.calls)
				}
				if calls := w.sim.Calls(); calls[0].MsgRandom != calls[len(calls)-1].MsgRandom {
					t.Errorf("the call was made again with the number %d, was %d", calls[1].MsgRandom, calls[0].MsgRandom)
				}
				w.wantCommitted()
				w.wantBudget(100)
			})
		})
	}
}

// A call in doubt is made again as it was: what came meanwhile, and would have
// joined it, waits for the next one.
func TestCrashDuringACallThatOthersJoin(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall}))
		w.emit(alert("storm", "paris"))
		for len(w.sim.Calls()) == 0 {
			sleep(100 * time.Millisecond)
		}
		w.crash(i)
		w.emit(happening{Type: "alert", ID: "e1b", Data: map[string]any{"text": "storm", "city": "rome"}}, alert("storm", "paris"))
		w.start()
		sleep(2 * time.Minute)
		if reuses := w.sim.Reuses(); len(reuses) > 0 {
			t.Errorf("numbers reused for other content: %+v", reuses)
		}
		calls := w.sim.Calls()
		if len(calls) != 4 || calls[0].MsgRandom != calls[1].MsgRandom || string(calls[0].Condition) != string(calls[1].Condition) {
			t.Errorf("calls %+v, want one, the same again, and two others", calls)
		}
		w.wantReceived(map[string]int{"ann": 2, "bob": 1, "eve": 2})
		w.wantClasses("doubt", "ok", "ok", "ok")
		w.wantCommitted()
	})
}

// An attempt that was promised and not fenced was never made: its event is
// pushed, not taken for dropped.
func TestCrashBeforeTheFence(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.emit(promo("first", "gold"))
		sleep(20 * time.Second)
		w.emit(promo("sale", "gold"))
		// Kafka takes the attempt, with the note before it, and nothing after it.
		var first []kmsg.Request // each asked about more than once
		dead := w.broker.Cluster().Fault(
			kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotEnoughReplicas, Count: -1},
			kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: journalTopic, Err: kerr.NotEnoughReplicas, Count: -1, When: func(r kmsg.Request) bool {
				if len(first) < 2 && !slices.Contains(first, r) {
					first = append(first, r)
				}
				return !slices.Contains(first, r)
			}},
		)
		sleep(15 * time.Second)
		i.leave()
		dead.Remove()
		if state := w.recall(); len(state.InDoubt) != 1 {
			t.Fatalf("the journal has %d attempts without an end, want 1", len(state.InDoubt))
		}
		w.start()
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
		w.wantReceived(map[string]int{"ann": 2})
		w.wantCommitted()
	})
}

// A commit that was given up may arrive late, and put an older attempt's name beside
// the offsets. The newer attempt was fenced all the same, and is not made again.
func TestCrashAfterALateCommit(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RequestTimedOut, Count: 1})
		w.emit(promo("first", "gold"))
		sleep(20 * time.Second)
		_, older := w.committed(0)
		if older == "" {
			t.Fatal("no attempt was fenced")
		}
		w.broker.Cluster().ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.Cluster().KeepControl()
			for _, topic := range r.(*kmsg.OffsetCommitRequest).Topics {
				for n := range topic.Partitions {
					topic.Partitions[n].Metadata = &older
				}
			}
			return nil, nil, false
		})
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
		w.emit(promo("sale", "gold"))
		for len(w.sim.Calls()) < 2 {
			sleep(100 * time.Millisecond)
		}
		w.crash(i)
		if _, name := w.committed(0); name != older {
			t.Fatalf("%q stands beside the offsets, want %q: the test proves nothing", name, older)
		}
		w.start()
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
		w.wantReceived(map[string]int{"ann": 2})
		w.wantClasses("ok", "doubt")
		w.wantCommitted()
	})
}

func TestStandbyTakesOver(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people, partitions: 3}, func(t *testing.T, w *world) {
		first := w.start()
		sleep(5 * time.Second)
		second := w.start()
		sleep(10 * time.Second)
		if !first.group.Writer() || second.group.Writer() {
			t.Fatalf("writers: first %t, second %t", first.group.Writer(), second.group.Writer())
		}
		want := map[string]string{}
		for n := range 6 {
			h := promo(fmt.Sprint(n), "gold")
			h.Partition = n % 3
			want[w.emit(h)[0]] = "pushed"
		}
		for len(w.sim.Calls()) < 2 {
			sleep(100 * time.Millisecond)
		}
		first.leave()
		if second.metric("bridge_writer") != 1 {
			sleep(10 * time.Second)
		}
		if got := second.metric("bridge_writer"); got != 1 {
			t.Errorf("ten seconds after the first left, bridge_writer of the second is %v", got)
		}
		sleep(time.Minute)
		w.wantDispositions(want)
		w.wantReceived(map[string]int{"ann": 6})
		w.wantClasses(slices.Repeat([]string{"ok"}, 6)...)
		w.wantBudget(100)
		w.wantCommitted()
	})
}

// A call in doubt that may not be made again, because its event expired while
// nobody ran, counts as made; one that is refused when it is made again may have
// been carried out all the same.
func TestDoubtIsToldAfterARestart(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct {
		down  time.Duration
		fault *pushsim.Fault // of the second call
		want  string
	}{
		"expired":          {7 * time.Hour, nil, "pushed"},
		"refused for good": {time.Second, &pushsim.Fault{Kind: pushsim.FaultCode, Code: 90056}, "rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
				sleep(5 * time.Second)
				w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
				w.emit(alert("storm", "paris"))
				for len(w.sim.Calls()) == 0 {
					sleep(100 * time.Millisecond)
				}
				w.crash(i)
				time.Sleep(tt.down)
				if tt.fault != nil {
					w.must(w.sim.Inject(*tt.fault))
				}
				w.start()
				sleep(5 * time.Minute)
				w.wantReceived(map[string]int{"ann": 1, "eve": 1})
				w.wantDispositions(map[string]string{"e1": tt.want})
				events, _ := w.results()
				for _, e := range events {
					if e.Data.Disposition == tt.want && (!e.Data.Doubt || e.Data.PushID == "") {
						t.Errorf("told %+v, want doubt and the push", e.Data)
					}
				}
			})
		})
	}
}

// A standby that joins begins a new session of the writer, which still knows what
// it has seen.
func TestDuplicateIsKnownAfterAStandbyJoined(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		w.start()
		sleep(5 * time.Second)
		again := promo("sale", "gold")
		again.ID = "again"
		w.emit(again)
		sleep(time.Minute)
		w.start()
		sleep(10 * time.Second)
		w.emit(again)
		sleep(time.Minute)
		w.wantReceived(map[string]int{"ann": 1})
		w.wantClasses("ok")
		w.wantCommitted()
	})
}

// A writer that lost the group without knowing makes no call: the broker refuses
// its fence.
func TestStaleWriterMakesNoCall(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	for _, refusal := range []*kerr.Error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress} {
		t.Run(refusal.Message, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				w.emit(promo("sale", "gold"))
				fence := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: refusal, Count: -1})
				sleep(30 * time.Second)
				if n := len(w.sim.Calls()); n != 0 || fence.Hits() == 0 {
					t.Errorf("%d calls after %d refused fences", n, fence.Hits())
				}
				fence.Remove()
				sleep(time.Minute)
				w.wantDispositions(map[string]string{"e1": "pushed"})
				w.wantClasses("ok")
				if got := i.status(); got.Pending.Used != 1 {
					t.Errorf("used %d, want 1", got.Pending.Used)
				}
				w.wantCommitted()
			})
		})
	}
}

func TestLostRecordsAreCountedAndReadingGoesOn(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("zero", "gold"))
		sleep(time.Minute)
		i.leave()
		for range 5 {
			w.emit(promo("lost", "gold"))
		}
		w.must(w.broker.Cluster().DeleteRecords(inTopic, 0, 4))
		i = w.start()
		sleep(time.Minute)
		if got := i.metric("bridge_kafka_lost_records_total", "topic", inTopic); got != 3 {
			t.Errorf("lost records: %v, want 3", got)
		}
		w.wantDispositions(map[string]string{"e1": "pushed", "e5": "pushed", "e6": "pushed"})
		w.wantCommitted()
	})
}

// A log that was deleted and made anew has other records at old offsets.
func TestRewoundLogIsReadFromItsStart(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		for n := range 5 {
			w.emit(promo(fmt.Sprint("old", n), "gold"))
		}
		sleep(time.Minute)
		w.must(w.broker.Cluster().DeleteTopic(inTopic))
		w.must(w.broker.CreateTopic(inTopic, 1, nil))
		sleep(2 * time.Minute)
		w.emit(promo("new", "silver"))
		sleep(5 * time.Minute)
		w.wantReceived(map[string]int{"ann": 5, "bob": 1})
		if got := i.metric("bridge_events_total", "disposition", "pushed"); got != 6 {
			t.Errorf("%v events pushed, want 6", got)
		}
		w.wantCommitted()
	})
}

// What waits while its topic is deleted and made anew cannot be read again: it is
// counted as lost.
func TestPendingOfARewoundLogIsCountedAsLost(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: twoRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(happening{Type: "news", Data: map[string]any{"text": "hello"}})
		sleep(time.Minute)
		w.must(w.broker.Cluster().DeleteTopic(inTopic))
		w.must(w.broker.CreateTopic(inTopic, 1, nil))
		sleep(2 * time.Minute)
		if got := i.metric("bridge_kafka_lost_records_total"); got != 1 {
			t.Errorf("%v records lost, want 1", got)
		}
	})
}

// Backpressure under load: more events than may wait, all of them pushed.
func TestBoundOfPendingLosesNothing(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	users, tags := tagged(30)
	inBubble(t, setup{rules: plainRules, users: users, partitions: 2}, func(t *testing.T, w *world) {
		want := map[string]string{}
		for n := range 120 {
			h := promo(fmt.Sprint("text", n%40), tags[n%30])
			h.Partition = n % 2
			want[w.emit(h)[0]] = "pushed"
		}
		i := w.start(inPlenty, func(o *options) { o.limits.MaxPending = 16 })
		paused := false
		for range 200 {
			sleep(time.Second)
			paused = paused || i.status().Paused
		}
		if !paused {
			t.Error("fetching never paused")
		}
		for _, line := range regexp.MustCompile(`fetching resumes" pending=(\d+)`).FindAllStringSubmatch(i.log.String(), -1) {
			if n, _ := strconv.Atoi(line[1]); n > 12 {
				t.Errorf("fetching resumed with %d of 16 pending", n)
			}
		}
		w.wantDispositions(want)
		w.wantCommitted()
		w.wantBudget(100)
	})
}
