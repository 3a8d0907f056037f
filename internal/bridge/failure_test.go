package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/pushapi"
	"pushbridge/internal/pushapi/pushsim"
)

// The rows of the design's failure table, one test a row, up to "breaker open"
// and the two of Kafka and SIGTERM.

func TestWhatCannotBeUsedGoesToTheDeadLetters(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		w.start()
		sleep(5 * time.Second)
		w.produce(0, []byte("no event at all"))
		w.emit(happening{Type: "promo", Data: map[string]any{"tags": []string{"gold"}}}, happening{Type: "gossip"}, promo("sale", "gold"))
		sleep(time.Minute)

		w.wantDispositions(map[string]string{"@0": "dead-lettered", "e1": "dead-lettered", "e2": "unmatched", "e3": "pushed"})
		w.wantCommitted()
		letters := w.read(dlqTopic)
		if len(letters) != 2 {
			t.Fatalf("%d dead letters, want 2", len(letters))
		}
		if got := letters[0]; string(got.Value) != "no event at all" || got.Headers["bridge_dlq_reason"] != "undecodable" {
			t.Errorf("the first dead letter is %q with %v", got.Value, got.Headers)
		}
		if got := letters[1].Headers; got["bridge_dlq_reason"] != "rule_failed" || got["bridge_dlq_rule"] != "promo" {
			t.Errorf("the second dead letter has %v", got)
		}
	})
}

func TestFailedCallIsMadeAgainAndGoesOnMerging(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  pushsim.Fault // empty: connections are refused
		counts bool          // a failed call is on the quota
	}{
		"91000":   {pushsim.Fault{Kind: pushsim.FaultCode, Code: 91000, Count: pushsim.Always}, true},
		"503":     {pushsim.Fault{Kind: pushsim.FaultStatus, Status: 503, Count: pushsim.Always}, true},
		"refused": {counts: false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				if tt.fault.Kind == 0 {
					w.refuseAPI()
				} else {
					w.must(w.sim.Inject(tt.fault))
				}
				w.emit(promo("sale", "gold"))
				sleep(6 * time.Second) // the call comes some three seconds before the deadline
				if got := i.status(); got.Blocked == "" {
					t.Errorf("after a failure: %+v", got)
				}
				w.emit(promo("sale", "silver"))
				sleep(5 * time.Second)
				if tt.fault.Kind == 0 {
					w.serveAPI()
				} else {
					w.sim.ClearFaults()
				}
				sleep(2 * time.Minute)

				w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
				w.wantReceived(map[string]int{"ann": 1, "bob": 1})
				_, pushes := w.results()
				first, last, used := pushes[0].Data, pushes[len(pushes)-1].Data, 0
				if first.Class != "retry" || first.Events != 1 || last.Class != "ok" || last.Events != 2 {
					t.Errorf("the first call was %+v, the last %+v", first, last)
				}
				for n, p := range pushes[:len(pushes)-1] {
					if p.Data.Class != "retry" || p.Data.Counted != tt.counts {
						t.Errorf("call %d: %+v", n+1, p.Data)
					}
				}
				for _, p := range pushes {
					if p.Data.Counted {
						used++
					}
				}
				if got := i.status(); got.Pending.Used != used || got.Blocked != "" {
					t.Errorf("in the end: used %d, want %d; blocked %q", got.Pending.Used, used, got.Blocked)
				}
				w.wantCommitted()
				w.wantBudget(100)
			})
		})
	}
}

func TestTooFrequentWaitsAnIntervalAndCostsNothing(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.breaker = 1 })
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 90024, Count: 2}))
		w.emit(promo("sale", "gold"))
		sleep(time.Minute)

		w.wantClasses("wait", "wait", "ok")
		w.wantDispositions(map[string]string{"e1": "pushed"})
		for n, gap := range w.gaps() {
			if gap <= testInterval || gap > 2*testInterval {
				t.Errorf("call %d came %v after the one before", n+2, gap)
			}
		}
		if got := i.status(); got.Pending.Used != 1 || got.Breaker != pushapi.BreakerClosed {
			t.Errorf("used %d, breaker %s", got.Pending.Used, got.Breaker)
		}
	})
}

const flashRules = plainRules + `
  - name: flash
    match: {type: flash}
    audience: {tags_any: [gold]}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {priority: critical, on_doubt: drop, max_delay: 30s, expire_after: 10m} # worth any call
`

func TestSpentQuotaKeepsMergingAndExpiring(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: flashRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 90047}))
		w.emit(promo("sale", "gold"), happening{Type: "flash", Data: map[string]any{"text": "now"}})
		sleep(20 * time.Minute)
		w.wantDispositions(map[string]string{"e2": "expired"})
		if got := i.status(); !strings.Contains(got.Blocked, "90047") || len(w.sim.Calls()) != 1 {
			t.Errorf("after %d calls: blocked %q", len(w.sim.Calls()), got.Blocked)
		}
		w.emit(promo("sale", "silver"))
		sleep(time.Hour)

		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "expired", "e3": "pushed"})
		w.wantClasses("quota", "ok")
		w.wantReceived(map[string]int{"ann": 1, "bob": 1})
		if gap := w.gaps()[0]; gap < time.Hour || gap > time.Hour+time.Minute {
			t.Errorf("the probe came after %v", gap)
		}
		w.wantCommitted()
	})
}

func TestOwnQuotaIsNotExceededAndNotProbed(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inBubble(t, setup{rules: flashRules, users: people, sim: pushsim.Config{Quota: 2}}, func(t *testing.T, w *world) {
		w.start(func(o *options) { o.terms.Calls = 2 })
		sleep(5 * time.Second)
		for _, text := range []string{"one", "two", "three"} {
			w.emit(happening{Type: "flash", Data: map[string]any{"text": text}})
			sleep(time.Minute)
		}
		sleep(12 * time.Minute) // past the expiry
		w.wantClasses("ok", "ok")
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "expired"})
		w.wantBudget(2)
	})
}

func TestRefusedSignatureIsRenewedOnce(t *testing.T) {
	t.Attr("guards", "70001")
	t.Parallel()
	for name, tt := range map[string]struct {
		times   int
		classes []string
	}{
		"once":  {1, []string{"resign", "ok"}},
		"twice": {2, []string{"resign", "config", "ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 70001, Count: tt.times}))
				w.emit(promo("sale", "gold"))
				sleep(time.Minute)
				if got := i.status(); (got.Blocked != "") != (tt.times > 1) {
					t.Errorf("blocked %q after %d refusals", got.Blocked, tt.times)
				}
				sleep(time.Hour + time.Minute)
				w.wantClasses(tt.classes...)
				w.wantDispositions(map[string]string{"e1": "pushed"})
				if gap := w.gaps()[0]; gap > 2*testInterval {
					t.Errorf("the new signature was tried after %v", gap)
				}
			})
		})
	}
}

func TestRefusedForGoodIsRejectedAndKept(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 90001, Info: "no JSON"}))
		w.emit(promo("bad", "gold"), promo("bad", "silver"))
		sleep(time.Minute)
		w.emit(promo("good", "gold"))
		sleep(time.Minute)

		w.wantDispositions(map[string]string{"e1": "rejected", "e2": "rejected", "e3": "pushed"})
		w.wantClasses("reject", "ok")
		events, _ := w.results()
		if events[0].Data.Code != 90001 || events[0].Data.PushID == "" {
			t.Errorf("the rejected event says %+v", events[0].Data)
		}
		letters := w.read(dlqTopic)
		if len(letters) != 1 {
			t.Fatalf("%d dead letters, want the request", len(letters))
		}
		var body struct{ Condition struct{ TagsOr []string } }
		w.must(json.Unmarshal(letters[0].Value, &body))
		if !slices.Equal(body.Condition.TagsOr, []string{"gold", "silver"}) {
			t.Errorf("the request kept is %s", letters[0].Value)
		}
		if got := i.metric("bridge_dlq_total", "reason", letters[0].Headers["bridge_dlq_reason"]); got != 1 {
			t.Errorf("counted %v letters of reason %q", got, letters[0].Headers["bridge_dlq_reason"])
		}
		w.wantCommitted()
	})
}

// An event in three calls of which the API refuses one ends by that one.
func TestRefusedPartIsNamed(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	users, tags := tagged(25)
	for refused := range 3 {
		t.Run(fmt.Sprint("call ", refused+1), func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: twoRules, users: users}, func(t *testing.T, w *world) {
				w.start()
				sleep(5 * time.Second)
				w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 90001, From: refused + 1}))
				w.emit(promo("sale", tags...))
				sleep(2 * time.Minute)
				w.wantDispositions(map[string]string{"e1": "rejected"})
				events, pushes := w.results()
				if len(pushes) != 3 {
					t.Fatalf("%d calls, want 3", len(pushes))
				}
				if d := events[0].Data; d.Code != 90001 || d.PushID != pushes[refused].Data.PushID || d.Parts != 3 {
					t.Errorf("the event says %+v, want push %s and code 90001", d, pushes[refused].Data.PushID)
				}
				w.wantCommitted()
			})
		})
	}
}

func TestConfigurationErrorPausesAndDropsNothing(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, code := range map[string]int{"no administrator": 90009, "not enabled": 90045} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: code}))
				w.emit(promo("sale", "gold"), promo("other", "silver"))
				sleep(30 * time.Minute)
				if got := i.status(); got.Blocked == "" || got.Pending.Pending[2] != 2 || len(w.sim.Calls()) != 1 {
					t.Errorf("after %d calls: %+v", len(w.sim.Calls()), got)
				}
				if got := i.metric("bridge_push_blocked"); got != 1 {
					t.Errorf("bridge_push_blocked is %v", got)
				}
				w.emit(promo("sale", "silver"))
				sleep(31 * time.Minute)
				w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "pushed"})
				w.wantClasses("config", "ok", "ok")
				if got := i.metric("bridge_push_blocked"); got != 0 {
					t.Errorf("healed, but bridge_push_blocked is %v", got)
				}
			})
		})
	}
}

func TestCallInDoubt(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	doubts := map[string]pushsim.Fault{
		"no answer":          {Kind: pushsim.FaultStall, After: true},
		"reset after accept": {Kind: pushsim.FaultReset, After: true},
		"unreadable answer":  {Kind: pushsim.FaultGarbage, After: true},
	}
	for name, fault := range doubts {
		t.Run(name+", drop", func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				w.must(w.sim.Inject(fault))
				w.emit(promo("sale", "gold"))
				sleep(5 * time.Minute)
				w.wantClasses("doubt")
				w.wantDispositions(map[string]string{"e1": "pushed"})
				if events, _ := w.results(); !events[0].Data.Doubt {
					t.Error("the event does not say that it is in doubt")
				}
				if got := i.status(); got.Pending.Used != 1 || len(w.sim.Calls()) != 1 {
					t.Errorf("used %d after %d calls, want 1 and 1", got.Pending.Used, len(w.sim.Calls()))
				}
				w.wantReceived(map[string]int{"ann": 1})
				w.wantCommitted()
			})
		})
		t.Run(name+", resend", func(t *testing.T) {
			t.Parallel()
			// The older page's reading: a number is dropped for seven days.
			sim := pushsim.Config{DedupWindow: 7 * 24 * time.Hour}
			inBubble(t, setup{rules: plainRules, users: people, sim: sim}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				w.must(w.sim.Inject(fault))
				w.emit(alert("storm", "paris"))
				sleep(4 * time.Second)
				w.emit(alert("flood", "paris")) // a newer revision does not change what is sent again
				sleep(5 * time.Minute)
				pushes := w.wantClasses("doubt", "ok", "ok")
				w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
				calls := w.sim.Calls()
				if len(calls) != 3 || calls[0].MsgRandom != calls[1].MsgRandom || calls[2].MsgRandom == calls[1].MsgRandom || !calls[1].Duplicate {
					t.Errorf("calls %+v, want the second to repeat the first", calls)
				}
				if len(pushes) == 3 && (pushes[0].Data.PushID != pushes[1].Data.PushID || pushes[1].Data.Attempt != 2) {
					t.Errorf("the second call was told as %+v", pushes[1].Data)
				}
				if reuses := w.sim.Reuses(); len(reuses) > 0 {
					t.Errorf("numbers reused for other content: %+v", reuses)
				}
				if got := i.status(); got.Pending.Used != 3 {
					t.Errorf("used %d, want 3", got.Pending.Used)
				}
				w.wantReceived(map[string]int{"ann": 2, "eve": 2})
				w.wantCommitted()
			})
		})
	}
}

func TestOpenBreakerStopsCallsAndThenFetching(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.breaker, o.limits.MaxPending = 2, 20 })
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: 91000, Count: pushsim.Always}))
		w.emit(promo("first", "gold"))
		sleep(15 * time.Second)
		if got := i.status(); got.Breaker != pushapi.BreakerOpen || len(w.sim.Calls()) != 2 {
			t.Fatalf("breaker %s after %d calls", got.Breaker, len(w.sim.Calls()))
		}
		want := map[string]string{"e1": "pushed"}
		for range 6 {
			for range 10 {
				want[w.emit(promo("sale", "gold"))[0]] = "pushed"
			}
			sleep(2 * time.Second)
		}
		got := i.status()
		if !got.Paused || len(w.sim.Calls()) != 2 {
			t.Fatalf("after %d calls, with an open breaker: %+v", len(w.sim.Calls()), got)
		}
		// Each fetch may bring a batch over the bound.
		if n := got.Pending.Pending[2]; n < 20 || n > 30 {
			t.Errorf("%d intents wait, bound 20", n)
		}
		w.sim.ClearFaults()
		sleep(5 * time.Minute)
		if got := i.status(); got.Paused || got.Breaker != pushapi.BreakerClosed {
			t.Errorf("healed: %+v", got)
		}
		w.wantDispositions(want)
		w.wantCommitted()
		w.wantBudget(100)
	})
}

func TestUnwritableTopicsStopCallsAndThenFetching(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for _, topic := range []string{journalTopic, resultsTopic} {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start(func(o *options) { o.limits.MaxPending = 20 })
				sleep(5 * time.Second)
				fault := w.broker.Cluster().Fault(kfake.Fault{
					Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicas, Count: -1,
				})
				want := map[string]string{}
				want[w.emit(happening{Type: "gossip"})[0]] = "unmatched"
				sleep(10 * time.Second)
				for range 4 {
					for range 10 {
						want[w.emit(promo("sale", "gold"))[0]] = "pushed"
					}
					sleep(5 * time.Second)
				}
				sleep(time.Minute)
				if got := i.status(); !got.Unwritable || !got.Paused || len(w.sim.Calls()) != 0 {
					t.Errorf("after %d calls: %+v", len(w.sim.Calls()), got)
				}
				if fault.Hits() < 10 {
					t.Errorf("tried %d times", fault.Hits())
				}
				if n := w.end(journalTopic, 0); topic == resultsTopic && n != 3 {
					t.Errorf("the journal has %d records, want a start, a note and one disposition", n)
				}
				fault.Remove()
				sleep(2 * time.Minute)
				if got := i.status(); got.Unwritable || got.Paused {
					t.Errorf("healed: %+v", got)
				}
				w.wantDispositions(want)
				w.wantCommitted()
			})
		})
	}
}

// Dead letters that cannot be written are bounded by their bytes: each may be as
// large as an event may be.
func TestDeadLettersThatWaitAreBounded(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		fault := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: dlqTopic, Err: kerr.NotEnoughReplicas, Count: -1})
		const records, size = 200, 400_000
		for range records {
			w.produce(0, make([]byte, size))
		}
		sleep(time.Minute)
		// A batch that was on its way when the bound was reached comes on top.
		if got, most := i.status().Unwritten, 2*(lettersMax+2<<20)/size+2; got > most {
			t.Errorf("%d letters and dispositions wait, want at most %d", got, most)
		}
		fault.Remove()
		sleep(2 * time.Minute)
		if got := i.metric("bridge_events_total", "disposition", "dead-lettered"); got != records {
			t.Errorf("%v dead-lettered, want %d", got, records)
		}
		w.wantCommitted()
	})
}

// At most one call can be in doubt, so the next waits until the journal has the
// end of the last.
func TestNextCallWaitsForTheJournal(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		w.start()
		sleep(5 * time.Second)
		fault := w.broker.Cluster().Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Produce}, Topic: journalTopic, Err: kerr.NotEnoughReplicas, Count: -1,
			When: func(r kmsg.Request) bool {
				return bytes.Contains(r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records, []byte(`"outcome"`))
			},
		})
		w.emit(promo("one", "gold"), promo("two", "gold"))
		for len(w.sim.Calls()) == 0 {
			sleep(100 * time.Millisecond)
		}
		sleep(time.Minute)
		if n := len(w.sim.Calls()); n != 1 {
			t.Errorf("%d calls while the first one's end is not in the journal", n)
		}
		fault.Remove()
		sleep(time.Minute)
		w.wantClasses("ok", "ok")
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
	})
}

// Leaving ends in time when Kafka takes no commits, and does not press it.
func TestSIGTERMWhileCommitsAreRefused(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		commits := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotEnoughReplicas, Count: -1})
		w.emit(happening{Type: "gossip"})
		sleep(3 * time.Second)
		started, before := time.Now(), commits.Hits()
		i.leave()
		if took, n := time.Since(started), commits.Hits()-before; took > 6*time.Second || n < 2 || n > 6 {
			t.Errorf("left after %v and %d commits", took, n)
		}
		commits.Remove()
		w.start()
		sleep(10 * time.Second)
		w.wantDispositions(map[string]string{"e1": "unmatched"})
		w.wantCommitted()
	})
}

func TestSIGTERMFinishesTheCallInFlight(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for name, fault := range map[string]pushsim.Fault{
		"slow before": {Kind: pushsim.FaultDelay, Delay: 5 * time.Second},
		"slow after":  {Kind: pushsim.FaultDelay, Delay: 5 * time.Second, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				first := w.start()
				sleep(5 * time.Second)
				w.must(w.sim.Inject(fault))
				w.emit(promo("sale", "gold"))
				sleep(4 * time.Second) // the call is under way
				w.emit(promo("other", "silver"))
				sleep(time.Second)
				started := time.Now()
				first.leave()
				if took := time.Since(started); took < 2*time.Second || took > 5*time.Second {
					t.Errorf("left after %v", took)
				}
				w.wantDispositions(map[string]string{"e1": "pushed"})
				if got, _ := w.committed(0); got != 1 {
					t.Errorf("committed %d, want 1", got)
				}
				w.start()
				sleep(time.Minute)
				w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
				w.wantClasses("ok", "ok")
				w.wantReceived(map[string]int{"ann": 1, "bob": 1})
				w.wantCommitted()
			})
		})
	}
}
