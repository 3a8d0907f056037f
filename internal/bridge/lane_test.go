package bridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi/pushsim"
)

const alertsApp = 99999999

const twoLaneRules = `
version: 1
lanes: [{name: alerts}]
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {max_delay: 10s, expire_after: 72h}
  - name: alert
    match: {type: alert}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {lane: alerts, priority: critical, max_delay: 4s, expire_after: 72h}
  - name: news-here
    match: {type: news}
    audience: {tags_any: [gold]}
    message: [{text: "${data.text}"}]
    online_only: true
    continue: true
    delivery: {max_delay: 10s, expire_after: 72h}
  - name: news-there
    match: {type: news}
    audience: {tags_any: [gold]}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {lane: alerts, max_delay: 10s, expire_after: 72h}
`

// twoApps are one user in each app, of the same tag.
var twoApps = setup{
	rules: twoLaneRules, apps: []uint32{alertsApp},
	users: []pushsim.User{{App: testApp, ID: "here", Tags: []string{"gold"}}, {App: alertsApp, ID: "there", Tags: []string{"gold"}}},
}

// withAlerts gives an instance the second lane, with so many calls in each.
func withAlerts(quota, alerts int) func(*options) {
	return func(o *options) {
		o.terms.Calls = quota
		o.lanes = []otherLane{{name: "alerts", app: alertsApp, terms: intent.Terms{Calls: alerts, Interval: testInterval}}}
	}
}

func critical(text string) happening {
	return happening{Type: "alert", Data: map[string]any{"text": text, "tags": []string{"gold"}}}
}

// newsHere is an event with a rule in each lane.
func newsHere(text string) happening {
	return happening{Type: "news", Data: map[string]any{"text": text}}
}

func TestEveryLaneCallsItsOwnApp(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, twoApps, func(t *testing.T, w *world) {
		i := w.start(withAlerts(100, 50))
		sleep(5 * time.Second)
		w.emit(promo("sale", "gold"), critical("storm"), promo("more", "gold"), happening{Type: "gossip"})
		sleep(time.Minute)

		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "pushed", "e4": "unmatched"})
		w.wantReceived(map[string]int{"here": 2, "there": 1})
		w.wantBudget(100)
		w.wantCommitted()
		events, pushes := w.results()
		for _, x := range slices.Concat(events, pushes) {
			source, lane := fmt.Sprint("/bridge/", testApp), ""
			if x.Data.Rule == "alert" || slices.Contains(x.Data.Rules, "alert") {
				source, lane = fmt.Sprint("/bridge/", alertsApp), "alerts"
			}
			if x.Source != source || x.Data.Lane != lane {
				t.Errorf("%s under %q%q: source %s, lane %q; want %s, %q", x.ID, x.Data.Rule, x.Data.Rules, x.Source, x.Data.Lane, source, lane)
			}
		}
		for lane, want := range map[string]struct{ used, quota float64 }{"default": {2, 100}, "alerts": {1, 50}} {
			for name, want := range map[string]float64{
				"bridge_budget_used_calls": want.used, "bridge_budget_quota_calls": want.quota, "bridge_budget_remaining_calls": want.quota - want.used,
				"bridge_push_calls_total": want.used, "bridge_push_blocked": 0, "bridge_breaker_state": 0,
				"bridge_budget_exhaustion_seconds": (want.quota - want.used) / want.used * 3600,
			} {
				if got := i.metric(name, "lane", lane); got != want {
					t.Errorf("%s of lane %s is %v, want %v", name, lane, got, want)
				}
			}
		}
		if !strings.Contains(i.log.String(), `msg=pushed lane=alerts`) || !strings.Contains(i.log.String(), `msg=pushed lane=default`) {
			t.Error("the log does not say which lane pushed")
		}
	})
}

// One record under rules of two lanes is no repeat of itself; the same event in
// another record is one in both.
func TestEventOfTwoLanesIsNotItsOwnRepeat(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, twoApps, func(t *testing.T, w *world) {
		w.start(withAlerts(100, 100))
		sleep(5 * time.Second)
		h := newsHere("hello")
		h.ID = "n"
		w.emit(h, h)
		sleep(time.Minute)
		// Seen by one lane, it is known to the other.
		here, there := promo("sale", "silver"), critical("sale")
		here.ID, there.ID = "m", "m"
		w.emit(here, there)
		sleep(time.Minute)
		w.wantReceived(map[string]int{"here": 1, "there": 1})
		events, _ := w.results()
		got := map[string]int{}
		for _, e := range events {
			got[e.Data.Rule+" "+e.Data.Disposition]++
		}
		want := map[string]int{"news-here pushed": 1, "news-there pushed": 1, "news-here duplicate": 1, "news-there duplicate": 1, "promo pushed": 1, "alert duplicate": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("dispositions (-want +got):\n%s", diff)
		}
		w.wantCommitted()
	})
}

// A wrong secret stops its own lane until a person has mended it, and no other.
func TestTroubleOfOneLaneIsNoOtherLanes(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, twoApps, func(t *testing.T, w *world) {
		i := w.start(func(o *options) {
			withAlerts(100, 100)(o)
			o.lanes[0].wrongKey = " that nobody gave out"
		})
		sleep(5 * time.Second)
		w.emit(critical("storm"))
		sleep(time.Minute)
		want := map[string]string{}
		for n := range 5 {
			want[w.emit(promo(fmt.Sprint(n), "gold"))[0]] = "pushed"
			sleep(20 * time.Second)
		}
		w.wantDispositions(want)
		w.wantReceived(map[string]int{"here": 5})
		if here, there := i.lane(""), i.lane("alerts"); here.Blocked != "" || there.Blocked == "" || there.Pending.Pending[intent.Critical] != 1 {
			t.Errorf("blocked: default %q, alerts %q with %v pending", here.Blocked, there.Blocked, there.Pending.Pending)
		}
		if here, there := i.metric("bridge_push_blocked", "lane", "default"), i.metric("bridge_push_blocked", "lane", "alerts"); here != 0 || there != 1 {
			t.Errorf("bridge_push_blocked: default %v, alerts %v", here, there)
		}
		calls := len(w.sim.Calls())
		w.start(withAlerts(100, 100)) // a standby, with which a new session begins
		sleep(time.Minute)
		if there := i.lane("alerts"); there.Blocked == "" || len(w.sim.Calls()) != calls {
			t.Errorf("in a new session: blocked %q, %d calls", there.Blocked, len(w.sim.Calls())-calls)
		}
		i.leave()
		sleep(time.Minute)
		want["e1"] = "pushed"
		w.wantDispositions(want)
		w.wantReceived(map[string]int{"here": 5, "there": 1})
		w.wantCommitted()
		w.wantBudget(100)
	})
}

// A lane that waits, for its interval or for its quota, keeps no other waiting.
func TestWaitingLaneDelaysNoOther(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, change := range map[string]func(*options){
		"for its interval": func(o *options) { o.terms.Interval = time.Hour },
		"for its quota":    func(o *options) { o.terms.Calls = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, twoApps, func(t *testing.T, w *world) {
				w.start(withAlerts(100, 100), change)
				sleep(5 * time.Second)
				want := map[string]string{w.emit(promo("one", "gold"))[0]: "pushed"}
				sleep(20 * time.Second)
				w.emit(promo("two", "gold"))
				for n := range 5 {
					want[w.emit(critical(fmt.Sprint(n)))[0]] = "pushed"
					sleep(20 * time.Second)
				}
				w.wantDispositions(want)
				w.wantReceived(map[string]int{"here": 1, "there": 5})
			})
		})
	}
}

// Of two lanes that could call at once the critical one does; what was put back
// goes next, with what has joined it meanwhile.
func TestCriticalLaneGoesFirst(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, twoApps, func(t *testing.T, w *world) {
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultDelay, Delay: 9 * time.Second}))
		w.emit(promo("sale", "gold"), critical("storm"))
		sleep(time.Minute) // both are late when they are read
		w.start(withAlerts(100, 100))
		for len(w.sim.Calls()) == 0 {
			sleep(100 * time.Millisecond)
		}
		w.emit(promo("sale", "silver"))
		sleep(time.Minute)
		calls := w.sim.Calls()
		if len(calls) != 2 || calls[0].App != alertsApp || calls[1].App != testApp || calls[1].Received.Sub(calls[0].Answered) > time.Second {
			t.Errorf("calls %+v, want that of the critical lane, and at once the other's", calls)
		}
		_, pushes := w.results()
		if len(pushes) != 2 || pushes[1].Data.Events != 2 {
			t.Errorf("pushes %+v, want the second to carry what joined", pushes)
		}
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "pushed"})
		w.wantCommitted()
	})
}

func TestGoesBefore(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct {
		turn, other         uint64
		priority, otherwise intent.Priority
		want                bool
	}{
		"critical":                 {9, 1, intent.Critical, intent.High, true},
		"not critical":             {1, 9, intent.High, intent.Critical, false},
		"both: the longer wait":    {1, 9, intent.Critical, intent.Critical, true},
		"both: the shorter wait":   {9, 1, intent.Critical, intent.Critical, false},
		"none: the longer wait":    {1, 9, intent.Low, intent.High, true},
		"none: the shorter wait":   {9, 1, intent.High, intent.Low, false},
		"none has called: in turn": {0, 0, intent.Low, intent.Low, false},
	} {
		a, b := &lane{turn: tt.turn}, &lane{turn: tt.other}
		if got := goesBefore(chosen{lane: a, batch: &limiter.Batch{Priority: tt.priority}}, chosen{lane: b, batch: &limiter.Batch{Priority: tt.otherwise}}); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}

// Each lane's count of calls survives restarts, by its app: under another name
// too.
func TestRestartRestoresEveryLanesBudget(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	s := twoApps
	s.sim = pushsim.Config{Quota: 3, Counting: pushsim.CountAll}
	// So that what waits is worth any call.
	s.rules = strings.Replace(twoLaneRules, "delivery: {max_delay", "delivery: {priority: critical, on_doubt: drop, max_delay", 1)
	inBubble(t, s, func(t *testing.T, w *world) {
		want := map[string]string{}
		for n := range 6 {
			lanes := withAlerts(3, 2)
			if n >= 3 {
				var err error
				w.rules, err = mapper.Parse("rules.yaml", []byte(strings.ReplaceAll(s.rules, "alerts", "storms")), mapper.Limits{})
				w.must(err)
				lanes = func(o *options) {
					withAlerts(3, 2)(o)
					o.lanes[0].name = "storms"
				}
			}
			i := w.start(lanes)
			sleep(5 * time.Second)
			want[w.emit(promo(fmt.Sprint(n), "gold"))[0]] = "pushed"
			want[w.emit(critical(fmt.Sprint(n)))[0]] = "pushed"
			sleep(20 * time.Second)
			if here, there := i.status().Lanes[0].Pending.Used, i.status().Lanes[1].Pending.Used; here != min(n+1, 3) || there != min(n+1, 2) {
				t.Errorf("start %d: used %d and %d", n+1, here, there)
			}
			i.leave()
			time.Sleep(time.Hour)
		}
		for range 3 {
			time.Sleep(24 * time.Hour)
			i := w.start(func(o *options) {
				withAlerts(3, 2)(o)
				o.lanes[0].name = "storms"
			})
			sleep(20 * time.Second)
			i.leave()
		}
		w.wantDispositions(want)
		w.wantReceived(map[string]int{"here": 6, "there": 6})
		if n := w.sim.Summary().Codes[90047]; n > 0 {
			t.Errorf("the API said %d times that the quota is spent", n)
		}
		w.wantBudget(3)
		w.wantCommitted()
	})
}

func TestNewNamesEveryMistakeOfLanes(t *testing.T) {
	t.Attr("guards", "lanes")
	t.Parallel()
	rules, err := mapper.Parse("rules.yaml", []byte(twoLaneRules), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{Rules: rules, Lanes: []Lane{{Name: "a", App: 1}, {Name: "a", App: 1}}})
	for _, want := range []string{
		"lane a: it is there twice", "lane a: app 1: want an app of its own", "lane a: Pusher is missing", "lane a: budget: quota 0: want at least 1 call",
		"lane a: a timeout of calls of 0s", "the default lane is missing", "the rules have the lane alerts, which this process has not",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v\nwant %q in it", err, want)
		}
	}
}

const pooledRules = `
version: 1
budget: {pools: {marketing: {at_most: 60}}}
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {priority: high, pool: marketing, max_delay: 10s, expire_after: 72h}
  - name: other
    match: {type: news}
    audience: {everyone: true}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {max_delay: 10s, expire_after: 72h}
`

// Whose share a call drew on is known after a restart.
func TestRestartRestoresThePools(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inBubble(t, setup{rules: pooledRules, users: people}, func(t *testing.T, w *world) {
		pools := func(o *options) { o.terms.Pools = []intent.Pool{{Name: "marketing", AtMost: 60}} }
		i := w.start(pools)
		sleep(5 * time.Second)
		w.emit(promo("one", "gold"), promo("two", "gold"), newsHere("for all"))
		sleep(time.Minute)
		i.leave()
		i = w.start(pools)
		sleep(10 * time.Second)
		if got := i.metric("bridge_budget_pool_used_calls", "lane", "default", "pool", "marketing"); got != 2 {
			t.Errorf("marketing used %v calls, want 2 of 3", got)
		}
		if got := i.metric("bridge_budget_used_calls"); got != 3 {
			t.Errorf("%v calls used, want 3", got)
		}
	})
}

// The calls of an hour are kept and no more, though nobody asks how many there were.
func TestLanesKeepTheCallsOfAnHour(t *testing.T) {
	t.Attr("guards", "bounded memory")
	t.Parallel()
	var ln lane
	for minute := range 181 {
		ln.count(noon.Add(time.Duration(minute) * time.Minute))
	}
	end := noon.Add(3 * time.Hour)
	wantSame(t, "kept", len(ln.counted), 61)
	wantSame(t, "in the last hour", ln.lastHour(end), 61)
	wantSame(t, "half an hour later", ln.lastHour(end.Add(30*time.Minute)), 31)
	wantSame(t, "two hours later", ln.lastHour(end.Add(2*time.Hour)), 0)
	wantSame(t, "kept by whoever asks", len(ln.counted), 61)
}
