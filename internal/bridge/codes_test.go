package bridge

import (
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/pushapi"
	"pushbridge/internal/pushapi/pushsim"
)

// TestErrorTable drives codes of every class of the error table in push-api.md
// through the whole pipeline. That each code has its class is pushapi's test.
func TestErrorTable(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	const (
		soon   = testInterval + 2*time.Second // by the interval, the first back-off or what it waits for others
		minute = time.Minute
		hour   = time.Hour
	)
	for name, tt := range map[string]struct {
		codes       []int // answered in turn
		classes     []string
		disposition string
		uncounted   int           // of the calls, how many cost nothing
		after       time.Duration // the first call to the second, at least
		before      time.Duration // and at most; 0: there is no second
		blocked     bool          // half a minute after the first call
	}{
		"internal":            {codes: []int{91000}, classes: []string{"retry", "ok"}, after: testInterval, before: soon},
		"internal, account":   {codes: []int{70500}, classes: []string{"retry", "ok"}, after: testInterval, before: soon},
		"too soon":            {codes: []int{90024}, classes: []string{"wait", "ok"}, uncounted: 1, after: testInterval, before: soon},
		"too many REST calls": {codes: []int{60007}, classes: []string{"wait", "ok"}, after: minute, before: 2 * minute, blocked: true},
		"signatures checked":  {codes: []int{70050, 70050}, classes: []string{"wait", "wait", "ok"}, after: minute, before: 2 * minute, blocked: true},
		"quota":               {codes: []int{90047}, classes: []string{"quota", "ok"}, after: hour, before: hour + minute, blocked: true},
		"signature expired":   {codes: []int{70001}, classes: []string{"resign", "ok"}, after: testInterval, before: soon},
		"signature for another, twice": {
			codes: []int{70003, 70003}, classes: []string{"resign", "config", "ok"}, after: testInterval, before: soon, blocked: true,
		},
		"long tag":           {codes: []int{90020}, classes: []string{"reject"}, disposition: "rejected"},
		"large body":         {codes: []int{90056}, classes: []string{"reject"}, disposition: "rejected"},
		"request not parsed": {codes: []int{60002}, classes: []string{"reject"}, disposition: "rejected"},
		"unknown of the API": {codes: []int{90999}, classes: []string{"reject"}, disposition: "rejected"},
		"no administrator":   {codes: []int{90009}, classes: []string{"config", "ok"}, after: hour, before: hour + minute, blocked: true},
		"app disabled":       {codes: []int{60016}, classes: []string{"config", "ok"}, after: hour, before: hour + minute, blocked: true},
		"backend timed out":  {codes: []int{60008}, classes: []string{"doubt"}},
		"account timed out":  {codes: []int{70202}, classes: []string{"doubt"}},
		"unknown once":       {codes: []int{79999}, classes: []string{"retry", "ok"}, after: testInterval, before: soon},
		"unknown twice": {
			codes: []int{79999, 79999}, classes: []string{"retry", "config", "ok"}, after: testInterval, before: soon, blocked: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(5 * time.Second)
				for n, code := range tt.codes {
					w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultCode, Code: code, Info: "said", From: n + 1}))
				}
				w.emit(promo("sale", "gold"))
				for len(w.sim.Calls()) == 0 {
					sleep(100 * time.Millisecond)
				}
				sleep(30 * time.Second)
				if got := i.status(); (got.Blocked != "") != tt.blocked {
					t.Errorf("blocked %q, want something: %t", got.Blocked, tt.blocked)
				}
				for step := 0; step < 70 && len(w.sim.Calls()) < len(tt.classes); step++ {
					sleep(time.Minute)
				}
				sleep(time.Minute)

				want := tt.disposition
				if want == "" {
					want = "pushed"
				}
				w.wantDispositions(map[string]string{"e1": want})
				used := 0
				for n, p := range w.wantClasses(tt.classes...) {
					if p.Data.Counted {
						used++
					}
					if n < len(tt.codes) && p.Data.Code != tt.codes[n] {
						t.Errorf("call %d was told with code %d, want %d", n+1, p.Data.Code, tt.codes[n])
					}
				}
				status := i.status()
				if want := len(tt.classes) - tt.uncounted; used != want || status.Pending.Used != want {
					t.Errorf("counted %d calls, the budget %d, want %d", used, status.Pending.Used, want)
				}
				if status.Blocked != "" {
					t.Errorf("in the end blocked: %q", status.Blocked)
				}
				if status.Breaker != pushapi.BreakerClosed {
					t.Errorf("breaker %s", status.Breaker)
				}
				if gaps := w.gaps(); tt.before > 0 && (gaps[0] < tt.after || gaps[0] > tt.before) {
					t.Errorf("the second call came %v after the first, want %v to %v", gaps[0], tt.after, tt.before)
				}
				if n := len(w.read(dlqTopic)); (n == 1) != (tt.disposition == "rejected") {
					t.Errorf("%d dead letters", n)
				}
				w.wantCommitted()
				w.wantBudget(100)
			})
		})
	}
}

// A request that is too large is refused before it costs a call.
func TestTooLargeRequestCostsNothing(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo(fmt.Sprintf("%08000d", 1), "gold"), promo("sale", "gold"))
		sleep(time.Minute)
		events, _ := w.results()
		if len(events) != 2 || len(w.sim.Calls()) != 1 || i.status().Pending.Used != 1 {
			t.Errorf("%d events ended, %d calls, used %d; want 2, 1, 1", len(events), len(w.sim.Calls()), i.status().Pending.Used)
		}
		if len(w.read(dlqTopic)) != 1 {
			t.Errorf("%d dead letters, want 1", len(w.read(dlqTopic)))
		}
		w.wantCommitted()
	})
}
