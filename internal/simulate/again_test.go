package simulate

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

const liveRules = `
version: 1
rules:
  - name: alert
    match: {type: alert}
    audience: {tags_any: ["${data.region}"]}
    message: [{text: "${data.text}"}]
    delivery: {priority: critical, max_delay: 1m, expire_after: 2h}
  - name: promo
    match: {type: promo}
    audience: {tags_any: ["${data.tier}"]}
    message: [{text: "${data.text}"}]
    delivery: {max_delay: 2h, expire_after: 12h}
`

// fared is what became of the events that happen now.
type fared struct {
	ends  map[string]int
	late  map[string]int // by rule: pushed after their max_delay
	delay time.Duration  // mean, of what was pushed
}

// A replay of many events, each a call of its own, beside two busy days: those fare
// at least as well as if the replay's share of the calls were not there at all.
func TestLiveEventsBesideAReplay(t *testing.T) {
	t.Attr("guards", "a replay cannot starve what happens now")
	t.Parallel()
	flood := 200_000
	if testing.Short() {
		flood = 50_000
	}
	rules, err := mapper.Parse("rules.yaml", []byte(liveRules), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	eventOf := func(typ, id, data string) *event.Event {
		e := event.New()
		e.SetID(id)
		e.SetSource("/s")
		e.SetType(typ)
		if err := e.SetData(event.ApplicationJSON, []byte(data)); err != nil {
			t.Fatal(err)
		}
		return &e
	}
	type happened struct {
		at time.Time
		e  *event.Event
	}
	var live []happened
	r := rand.New(rand.NewPCG(7, 7))
	for at := start.Add(time.Minute); at.Before(start.Add(48 * time.Hour)); at = at.Add(time.Duration(r.ExpFloat64() * float64(90*time.Second))) {
		n := len(live)
		if r.IntN(50) == 0 {
			live = append(live, happened{at, eventOf("alert", fmt.Sprint("a", n), fmt.Sprintf(`{"region":"r%d","text":"storm %d"}`, r.IntN(5), at.Unix()/7200))})
			continue
		}
		live = append(live, happened{at, eventOf("promo", fmt.Sprint("p", n), fmt.Sprintf(`{"tier":"t%d","text":"sale %d"}`, r.IntN(20), at.Unix()/3600*10+int64(r.IntN(4))))})
	}
	play := func(quota, again int) (fared, int) {
		got := fared{ends: map[string]int{}, late: map[string]int{}}
		used, pushed := 0, 0
		c := testConfig(t)
		c.Rules, c.Lanes = rules, oneLane(intent.Terms{Calls: quota, Interval: time.Second, Reserve: intent.AutoReserve})
		c.Watch = Watch{
			Call: func(call Call) {
				if g := call.Batch.Covers[0].Intent.Policy.Gate; g != nil && g.Pool == intent.ReplayPool {
					used++
				}
			},
			End: func(e End) {
				if e.Line <= int64(again) {
					return
				}
				got.ends[e.Rule+" "+e.Disposition]++
				if e.Sent.IsZero() {
					return
				}
				waited := e.Sent.Sub(live[e.Line-int64(again)-1].at)
				got.delay, pushed = got.delay+waited, pushed+1
				if waited > map[string]time.Duration{"alert": time.Minute, "promo": 2 * time.Hour}[e.Rule]+time.Minute {
					got.late[e.Rule]++
				}
			},
		}
		var arrivals iter.Seq2[Arrival, error] = func(yield func(Arrival, error) bool) {
			for n := range again { // urgent by their rule, and none like another
				a := Arrival{Line: int64(n) + 1, At: start, Again: "r1", Event: eventOf("alert", fmt.Sprint("old", n), fmt.Sprintf(`{"region":"r%d","text":"old storm %d"}`, n%5, n))}
				if !yield(a, nil) {
					return
				}
			}
			for n, h := range live {
				if !yield(Arrival{Line: int64(again+n) + 1, At: h.at, Event: h.e}, nil) {
					return
				}
			}
		}
		if _, err := Run(c, arrivals); err != nil {
			t.Fatal(err)
		}
		got.delay /= time.Duration(max(1, pushed))
		return got, used
	}
	const quota, share = 100, 10
	alone, _ := play(quota, 0)
	less, _ := play(quota-share, 0)
	beside, used := play(quota, flood)
	t.Logf("%d live events, %d that come again\nalone            %+v\nwith %d calls less %+v\nbeside           %+v, which took %d calls", len(live), flood, alone, share, less, beside, used)
	if used == 0 || used > 3*share {
		t.Errorf("the replay took %d calls in three windows, its share of one is %d", used, share)
	}
	for _, rule := range []string{"alert", "promo"} {
		if beside.ends[rule+" pushed"] < less.ends[rule+" pushed"] {
			t.Errorf("%s: %d pushed beside a replay, %d where its share is missing", rule, beside.ends[rule+" pushed"], less.ends[rule+" pushed"])
		}
	}
	if beside.late["alert"] > less.late["alert"] {
		t.Errorf("%d critical events late beside a replay, %d where its share is missing", beside.late["alert"], less.late["alert"])
	}
	if beside.delay > less.delay {
		t.Errorf("mean delay %v beside a replay, %v where its share is missing", beside.delay, less.delay)
	}
}
