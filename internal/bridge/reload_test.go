package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi/pushsim"
)

// editionRules let promos wait for a minute. Their texts begin with the edition.
func editionRules(edition string, top ...string) string {
	return fmt.Sprintf(`
version: 1
%s
budget: {pools: {marketing: {at_least: 1}}}
time_intervals:
  - name: always
    time_intervals: [{times: [{start_time: "00:00", end_time: "24:00"}]}]
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "%s${data.text}"}]
    online_only: true
    delivery: {pool: marketing, active: [always], max_delay: 1m, expire_after: 6h}
`, strings.Join(top, "\n"), edition)
}

const anew = "remap_pending: true"

// reload replaces the rules of an instance, as `bridge run` does it.
func (i *instance) reload(text string, terms intent.Terms) error {
	i.w.t.Helper()
	rules, err := mapper.Parse("rules.yaml", []byte(text), mapper.Limits{After: i.bridge.Rules()})
	i.w.must(err)
	if terms.Calls == 0 {
		terms = i.bridge.cfg.Lanes[0].Terms
		terms.Pools = rules.Lanes()[0].Terms.Pools
	}
	rs := Ruleset{Rules: rules, Terms: map[string]intent.Terms{"": terms}}
	for n := range i.bridge.cfg.Lanes[1:] {
		l := &i.bridge.cfg.Lanes[1+n]
		rs.Terms[l.Name] = l.Terms
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return i.bridge.Reload(ctx, rs)
}

// texts returns what the calls said, in order.
func (w *world) texts() (all []string) {
	w.t.Helper()
	for _, c := range w.sim.Calls() {
		var body []struct{ MsgContent struct{ Text string } }
		w.must(json.Unmarshal(c.Messages, &body))
		all = append(all, body[0].MsgContent.Text)
	}
	return all
}

// versions returns by which rules events ended.
func (w *world) versions() map[string]string {
	got := map[string]string{}
	events, _ := w.results()
	for _, e := range events {
		got[e.Data.EventID] = e.Data.Version
	}
	return got
}

func version(t *testing.T, text string) string {
	t.Helper()
	rules, err := mapper.Parse("rules.yaml", []byte(text), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return rules.Version()
}

func wantSame[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestReloadBetweenTwoEvents(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	old, young := editionRules("1 "), editionRules("2 ")
	inBubble(t, setup{rules: old, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("sale", "gold"))
		sleep(time.Second)
		w.must(i.reload(young, intent.Terms{}))
		w.emit(promo("sale", "gold"), happening{Type: "news"})
		sleep(3 * time.Minute)

		wantSame(t, "texts", strings.Join(w.texts(), ", "), "1 sale, 2 sale")
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "unmatched"})
		v := w.versions()
		wantSame(t, "version of what waited", v["e1"], version(t, old))
		wantSame(t, "version of what came", v["e2"], version(t, young))
		wantSame(t, "version of what no rule took", v["e3"], version(t, young))
		_, pushes := w.results()
		wantSame(t, "version of the first call", pushes[0].Data.Version, version(t, old))
		wantSame(t, "version of the second call", pushes[1].Data.Version, version(t, young))
		all := w.reloads()
		if len(all) != 1 || all[0].Data.Version != version(t, young) || all[0].Data.Previous != version(t, old) || all[0].Data.Pending != 1 || all[0].Data.Remapped {
			t.Errorf("reloads told: %+v", all)
		}
		w.wantCommitted()
	})
}

// What waits under the old rules and what comes under the new are one call where
// they ask for the same.
func TestReloadKeepsMerging(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: editionRules(""), users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("sale", "gold"))
		sleep(time.Second)
		w.must(i.reload(editionRules("")+"# another comment\n", intent.Terms{}))
		w.emit(promo("sale", "silver"))
		sleep(3 * time.Minute)
		w.wantClasses("ok")
		w.wantReceived(map[string]int{"ann": 1, "bob": 1})
		v := w.versions()
		if v["e1"] == v["e2"] {
			t.Errorf("both events say version %s", v["e1"])
		}
	})
}

func TestRemapOfWhatWaits(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	young := strings.Replace(editionRules("2 ", anew), "    audience:", "    when: data.text != 'cars'\n    audience:", 1)
	young = strings.Replace(young, "${data.text}", "${data.text + (data.text == 'bad' ? string(data.none) : '')}", 1)
	inBubble(t, setup{rules: editionRules("1 "), users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("sale", "gold"), promo("cars", "gold"), promo("bad", "silver"))
		sleep(time.Second)
		w.must(i.reload(young, intent.Terms{}))
		w.emit(promo("sale", "silver"))
		sleep(3 * time.Minute)

		wantSame(t, "texts", strings.Join(w.texts(), ", "), "2 sale")
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "unmatched", "e3": "dead-lettered", "e4": "pushed"})
		for id, v := range w.versions() {
			wantSame(t, "version of "+id, v, version(t, young))
		}
		w.wantReceived(map[string]int{"ann": 1, "bob": 1})
		if all := w.reloads(); len(all) != 1 || !all[0].Data.Remapped || all[0].Data.Pending != 3 {
			t.Errorf("reloads told: %+v", all)
		}
		if !strings.Contains(i.log.String(), "generation=1") || strings.Contains(i.log.String(), "generation=2") {
			t.Error("to map anew, the instance gave up the group's generation")
		}
		w.wantCommitted()
		w.wantBudget(100)
	})
}

// A call in flight, and one in doubt that is made again, stay as they were.
func TestRemapLeavesCallsAlone(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	doubtful := func(edition string, top ...string) string {
		return strings.Replace(editionRules(edition, top...), "max_delay: 1m", "max_delay: 10s, on_doubt: resend", 1)
	}
	for name, fault := range map[string]pushsim.Fault{
		"slow":     {Kind: pushsim.FaultDelay, Delay: 5 * time.Second},
		"in doubt": {Kind: pushsim.FaultStall, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := pushsim.Config{DedupWindow: 7 * 24 * time.Hour}
			inBubble(t, setup{rules: doubtful("1 "), users: people, sim: sim}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				w.must(w.sim.Inject(fault))
				w.emit(promo("sale", "gold"))
				for len(w.sim.Calls()) == 0 {
					sleep(100 * time.Millisecond)
				}
				w.emit(promo("cars", "silver"))
				sleep(time.Second)
				w.must(i.reload(doubtful("2 ", anew), intent.Terms{}))
				sleep(5 * time.Minute)

				calls := w.sim.Calls()
				want := "1 sale, 2 cars"
				if name == "in doubt" {
					want = "1 sale, 1 sale, 2 cars"
					wantSame(t, "number of the second call", calls[1].MsgRandom, calls[0].MsgRandom)
				}
				wantSame(t, "texts", strings.Join(w.texts(), ", "), want)
				w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
				w.wantReceived(map[string]int{"ann": 1, "bob": 1})
				w.wantCommitted()
				w.wantBudget(100)
			})
		})
	}
}

// While events flow, rules change all the time, and with every other change what
// waits is mapped anew. Whatever the moment, an event ends once, its text is that of
// the rules that it names, and each of its users gets it once.
func TestReloadsWhileEventsFlow(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 9))
			edition := map[string]string{} // by version
			rules := func(n int, top ...string) string {
				text := strings.Replace(editionRules(fmt.Sprintf("%d ", n), top...), "max_delay: 1m", "max_delay: 20s", 1)
				edition[version(t, text)] = fmt.Sprint(n)
				return text
			}
			inBubble(t, setup{rules: rules(0), users: people, partitions: 3, sim: pushsim.Config{Quota: plenty}}, func(t *testing.T, w *world) {
				i := w.start(inPlenty)
				sleep(5 * time.Second)
				want := map[string]string{}
				for n := range 40 {
					for range 1 + r.IntN(4) {
						h := promo(fmt.Sprint("text ", len(want)), pick(r, "gold", "silver", "beta"))
						h.Partition = r.IntN(3)
						for _, id := range w.emit(h) {
							want[id] = "pushed"
						}
						time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
					}
					if r.IntN(2) == 0 {
						w.must(i.reload(rules(n+1, []string{"", anew}[r.IntN(2)]), intent.Terms{}))
					}
					if r.IntN(10) == 0 {
						i.leave()
						i = w.start(inPlenty)
						time.Sleep(5 * time.Second)
					}
					time.Sleep(time.Duration(r.Int64N(int64(10 * time.Second))))
				}
				sleep(5 * time.Minute)
				w.wantDispositions(want)
				w.wantCommitted()
				events, _ := w.results()
				texts := map[string]string{} // of the pushes
				for n, c := range w.sim.Calls() {
					texts[c.TaskID] = w.texts()[n]
				}
				for _, e := range events {
					got, _, _ := strings.Cut(texts[e.Data.TaskID], " ")
					wantSame(t, "edition of "+e.Data.EventID, got, edition[e.Data.Version])
				}
				received := map[string]int{}
				for d := range w.sim.Deliveries() {
					_, text, _ := strings.Cut(texts[d.TaskID], " ")
					received[d.User+" "+text]++
				}
				for what, n := range received {
					wantSame(t, "deliveries of "+what, n, 1)
				}
			})
		})
	}
}

func TestReloadOfABudget(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	rules := strings.Replace(editionRules(""), "pool: marketing, active: [always], max_delay: 1m", "priority: critical, max_delay: 10s", 1)
	inBubble(t, setup{rules: rules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.terms = intent.Terms{Calls: 2, Interval: testInterval} })
		sleep(5 * time.Second)
		for n := range 4 {
			w.emit(promo(fmt.Sprint("text ", n), "gold"))
			sleep(2 * time.Minute)
		}
		wantSame(t, "calls of a quota of 2", len(w.sim.Calls()), 2)
		if err := i.reload(rules, intent.Terms{Calls: 1, Interval: testInterval, Reserve: 1}); err == nil {
			t.Error("a reserve that leaves nothing was taken")
		}
		w.must(i.reload(rules+"# more\n", intent.Terms{Calls: 4, Interval: testInterval}))
		sleep(2 * time.Minute)
		wantSame(t, "calls of a quota of 4", len(w.sim.Calls()), 4)
		wantSame(t, "quota shown", i.status().Calls, 4)
		w.must(i.reload(rules+"# less\n", intent.Terms{Calls: 2, Interval: testInterval}))
		w.emit(promo("text 4", "gold"))
		sleep(2 * time.Minute)
		wantSame(t, "calls after it went down", len(w.sim.Calls()), 4)
		wantSame(t, "calls used", i.status().Pending.Used, 4)
	})
}

func TestReloadIsCheckedBeforeAnythingChanges(t *testing.T) {
	t.Attr("guards", "rules that do not fit never take over")
	t.Parallel()
	inBubble(t, setup{rules: editionRules(""), users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		err := i.reload(strings.Replace(editionRules("2 "), "rules:", "lanes: [{name: partner}]\nrules:", 1), intent.Terms{})
		if err == nil || !strings.Contains(err.Error(), "the lane partner, which this process has not") {
			t.Errorf("reload with an unknown lane: %v", err)
		}
		wantSame(t, "version", i.bridge.Rules().Version(), version(t, editionRules("")))
		w.emit(promo("sale", "gold"))
		sleep(3 * time.Minute)
		wantSame(t, "texts", strings.Join(w.texts(), ", "), "sale")
		wantSame(t, "reloads told", len(w.reloads()), 0)
	})
}

// Every instance has a rule file of its own. That of the one that calls counts.
func TestReloadOfAStandby(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	inBubble(t, setup{rules: editionRules("1 "), users: people}, func(t *testing.T, w *world) {
		writer := w.start()
		sleep(5 * time.Second)
		standby := w.start()
		sleep(30 * time.Second)
		w.must(standby.reload(editionRules("2 "), intent.Terms{}))
		w.emit(promo("sale", "gold"))
		sleep(2 * time.Minute)
		writer.leave()
		sleep(time.Minute)
		w.emit(promo("sale", "gold"))
		sleep(2 * time.Minute)
		wantSame(t, "texts", strings.Join(w.texts(), ", "), "1 sale, 2 sale")
		if all := w.reloads(); len(all) != 1 || all[0].Data.Version != version(t, editionRules("2 ")) {
			t.Errorf("reloads told: %+v", all)
		}
	})
}

// While the loop cannot end its session, further reloads do not wait for it.
func TestReloadWhileTheSessionEnds(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: editionRules("1 "), users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultDelay, Delay: 8 * time.Second}))
		w.emit(promo("sale", "gold"))
		for len(w.sim.Calls()) == 0 {
			sleep(100 * time.Millisecond)
		}
		w.emit(promo("cars", "silver"))
		sleep(time.Second)
		start := time.Now()
		w.must(i.reload(editionRules("2 ", anew), intent.Terms{}))
		w.must(i.reload(editionRules("3 ", anew), intent.Terms{}))
		wantSame(t, "what two reloads waited", time.Since(start), 0)
		synctest.Wait()
		sleep(3 * time.Minute)
		wantSame(t, "texts", strings.Join(w.texts(), ", "), "1 sale, 3 cars")
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
	})
}

// hold keeps the loop busy from now on until the function that it returns is called.
func (i *instance) hold() (free func()) {
	held := make(chan struct{})
	i.bridge.visits <- func(*loop, time.Time) { <-held }
	return func() { close(held) }
}

// Who has got an error knows that nothing has changed, and may try again.
func TestReloadThatIsGivenUp(t *testing.T) {
	t.Attr("guards", "after an error of Reload the old rules stay")
	t.Parallel()
	old, young := editionRules("1 "), editionRules("2 ")
	inBubble(t, setup{rules: old, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		free := i.hold()
		if err := i.reload(young, intent.Terms{}); err == nil {
			t.Error("rules were replaced that the loop has not taken")
		}
		wantSame(t, "version after the error", i.bridge.Rules().Version(), version(t, old))
		free()
		w.emit(promo("sale", "gold"))
		sleep(3 * time.Minute)
		wantSame(t, "reloads told", len(w.reloads()), 0)
		w.must(i.reload(young, intent.Terms{}))
		w.emit(promo("cars", "gold"))
		sleep(3 * time.Minute)
		wantSame(t, "texts", strings.Join(w.texts(), ", "), "1 sale, 2 cars")
		wantSame(t, "reloads told", len(w.reloads()), 1)
	})
}

// Between the reading of the journal and the first step of the loop a session has its
// rules, and no loop that could be told of others.
func TestReloadWhileASessionBegins(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	old, young := editionRules("1 "), editionRules("2 ")
	inBubble(t, setup{rules: old, users: people}, func(t *testing.T, w *world) {
		writer := w.start()
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
		w.emit(promo("sale", "gold"))
		for len(w.sim.Calls()) == 0 {
			sleep(100 * time.Millisecond)
		}
		writer.wire.kill() // with a call in doubt, which the next session says as it begins
		writer.stop()
		next, reloaded := make(chan *instance, 1), make(chan error, 1)
		next <- w.start(func(o *options) {
			o.hear = func(message string) {
				if message == "call in doubt found in the journal: it counts as made" {
					go func() { reloaded <- (<-next).reload(young, intent.Terms{}) }()
					time.Sleep(time.Second)
				}
			}
		})
		w.must(<-reloaded)
		w.emit(promo("cars", "gold"))
		sleep(5 * time.Minute)
		texts := w.texts()
		wantSame(t, "the text of what came afterwards", texts[len(texts)-1], "2 cars")
	})
}
