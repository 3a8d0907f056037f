package bridge

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/consume"
	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi/pushsim"
	"pushbridge/internal/simulate"
)

// What the simulation says of a recorded day is what the whole bridge did on it:
// the same calls at the same instants, to the same users with the same words, for
// the same events and the same reasons, and every event ended in the same way at the
// same time. The bridge reads the day from Kafka as it happens; the simulation gets
// the topic's records, the rules, the quotas, when the bridge began and how long the
// API takes.
func TestSimulationPredictsTheDay(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, d := range map[string]*day{
		"drawn rules, plenty of calls": newDay(2, 3*time.Hour, plenty),
		"drawn rules, few calls":       newDay(7, 3*time.Hour, 11),
		"other drawn rules, few calls": newDay(9, 3*time.Hour, 20),
		"calls come back on the day":   newDay(6, 26*time.Hour, 40),
		"all that a rule can say":      newDay(21, 350*time.Minute, 60).under(everyKindOfRule),
		"all of it, and too few calls": newDay(22, 350*time.Minute, 15).under(everyKindOfRule),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("rules:\n%s", d.rulesText)
				}
			}()
			sim := pushsim.Config{Quota: plenty, Counting: pushsim.CountAll}
			inBubble(t, setup{rules: d.rulesText, users: d.users, sim: sim, partitions: dayPartitions, apps: []uint32{alertsApp}, front: d.latency.before}, d.tell)
		})
	}
}

// everyKindOfRule takes the stories' events through hours, digests, pools, a
// frequency, an alert that holds others back, revisions and a lane.
const everyKindOfRule = `
version: 1
time_intervals:
  - name: daytime
    time_intervals: [{times: [{start_time: "02:00", end_time: "09:00"}]}]
budget:
  reserve: {critical: 4}
  pools: {marketing: {at_most: 6, borrow: true}, orders: {at_least: 3}}
lanes: [{name: alerts}]
defaults: {max_delay: 20m, expire_after: 5h}
rules:
  - name: alert
    match: {type: type-0}
    when: data.n >= 2
    audience: {attrs_any: {city: "${data.city}"}}
    message: [{text: "alert ${data.text}"}]
    coalesce: {mode: latest, key: "${data.key}", scope: alerts}
    suppresses: {pool: marketing, for: 15m}
    delivery: {priority: critical, max_delay: 1m, expire_after: 40m}
  - name: lesser-alert
    match: {type: type-0}
    audience: {attrs_any: {city: "${data.city}"}}
    message: [{text: "alert ${data.text}"}]
    coalesce: {mode: latest, key: "${data.key}", scope: alerts}
    delivery: {priority: high}
  - name: promo
    match: {type: type-1}
    continue: true
    audience: {tags_any: "${data.tags}"}
    message: [{text: "promo ${data.text}"}]
    delivery: {pool: marketing, active: [daytime], max_delay: 2h, expire_after: 9h}
  - name: receipt
    match: {type: type-1}
    when: data.n >= 3
    audience: {tags_all: "${data.two}"}
    message: [{text: "receipt ${data.text}"}]
    delivery: {lane: alerts, max_delay: 5m}
  - name: news
    match: {type: {any_of: [type-2, type-9]}}
    when: data.n < 4
    audience: {everyone: true}
    message: {item: [{text: "news ${data.text} ${event.id}"}]}
    coalesce: {mode: digest, key: "${data.key}", at: "06:00", max_messages: 4, overflow: newest}
    delivery: {priority: low, expire_after: 26h}
  - name: order
    match: {type: type-2}
    audience: {attrs_all: {city: "${data.city}", level: "${data.level}"}}
    message: [{text: "order ${data.text}"}]
    coalesce: {mode: digest, max_messages: 3}
    delivery: {pool: orders, frequency: {at_most: 3, per: 2h}, max_delay: 10m}
`

const dayPartitions = 2

// day is a story that is told twice.
type day struct {
	*story
	rulesText string
	lasts     time.Duration
	latency   *drawnLatency
	records   []dayRecord
	why       map[int]string // of the simulated calls
}

// dayRecord is one record of the day's topic.
type dayRecord struct {
	place offset.Position
	at    time.Time
	value []byte
	name  string // source#id; empty: it is no event
}

func newDay(seed uint64, lasts time.Duration, quota int) *day {
	d := &day{story: newSoakStory(rand.New(rand.NewPCG(seed, 5))), lasts: lasts, why: map[int]string{}, latency: newDrawnLatency(seed, 60*time.Millisecond, 3*time.Second)}
	d.quota, d.rulesText = quota, d.ruleFile()
	return d
}

func (d *day) under(rules string) *day {
	d.rulesText = rules
	return d
}

// drawnLatency lets the API take as long over each call as the simulation draws.
type drawnLatency struct {
	simulate.Latency

	seed   uint64
	random *rand.Rand
}

func newDrawnLatency(seed uint64, least, most time.Duration) *drawnLatency {
	return &drawnLatency{simulate.Latency{Min: least, Max: most}, seed, rand.New(rand.NewPCG(seed, 0))}
}

func (l *drawnLatency) before(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(l.Draw(l.random))
		api.ServeHTTP(w, r)
	})
}

// lanes are those of the rules, with the day's quota.
func (d *day) lanes(rules *mapper.Rules) []mapper.Lane {
	lanes := rules.Lanes()
	for n := range lanes {
		lanes[n].Terms.Calls, lanes[n].Terms.Interval = d.quota, testInterval
	}
	return lanes
}

func (d *day) tell(t *testing.T, w *world) {
	lanes := d.lanes(w.rules)
	i := w.start(func(o *options) {
		o.terms = lanes[0].Terms
		for _, l := range lanes[1:] {
			o.lanes = append(o.lanes, otherLane{name: l.Name, app: alertsApp, terms: l.Terms})
		}
		o.limits.Settle = 2 * time.Second
		o.linger = 1 // no other call is made until the end of one is told, which takes no time then
		o.group = consume.Config{SessionTimeout: 5 * time.Minute, RebalanceTimeout: 5 * time.Minute, HeartbeatInterval: time.Minute, Timeout: time.Minute}
	})
	time.Sleep(5 * time.Second)
	d.happen(w)
	for i.metric("bridge_pending_intents") > 0 {
		sleep(10 * time.Minute)
	}
	sleep(time.Minute)
	i.leave()

	ran := d.ran(w)
	if ran.count("call") == 0 || ran.count("pushed") == 0 || ran.count("end") < 50 {
		t.Errorf("%d calls, %d ends: the day judges nothing", ran.count("call"), ran.count("end"))
	}
	t.Logf("%d calls, %d ends, %d expired, %d superseded", ran.count("call"), ran.count("end"), ran.count("expired"), ran.count("superseded"))
	// The simulation tells whole milliseconds.
	near := cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Millisecond })
	if diff := cmp.Diff(ran, d.simulated(w, beginOf(t, i)), near); diff != "" {
		t.Errorf("what ran and what was simulated (-ran +simulated):\n%s", diff)
	}
}

// beginOf is when the instance's loop began to ask its schedulers.
func beginOf(t *testing.T, i *instance) time.Time {
	t.Helper()
	for line := range strings.Lines(i.log.String()) {
		if strings.Contains(line, `msg="journal read"`) {
			at, err := time.Parse(time.RFC3339, strings.TrimPrefix(strings.Fields(line)[0], "time="))
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	t.Fatal("the instance has read no journal")
	return time.Time{}
}

// happen emits bursts, no two events in one millisecond: which of them the bridge
// reads first is not told by their records.
func (d *day) happen(w *world) {
	end := time.Now().Add(d.lasts)
	for time.Now().Before(end) {
		for range 1 + d.r.IntN(25) {
			d.emit(w)
			time.Sleep(time.Duration(1+d.r.IntN(pick(d.r, 3, 400, 20_000))) * time.Millisecond)
		}
		time.Sleep(time.Duration(d.r.Int64N(int64(d.lasts/10)/int64(time.Millisecond))) * time.Millisecond)
	}
}

// emit emits one event, sometimes more than once, or what is none.
func (d *day) emit(w *world) {
	if d.r.IntN(25) == 0 {
		d.produce(w, "", fmt.Appendf(nil, "{no event %d", len(d.records)))
		return
	}
	e := d.newEvent()
	name, value := "/test#"+e.id, w.encode(e.happening())
	d.produce(w, name, value)
	for range pick(d.r, 0, 0, 0, 0, 0, 0, 1, 2) {
		time.Sleep(time.Duration(1+d.r.IntN(3000)) * time.Millisecond)
		d.produce(w, name, value)
	}
}

func (d *day) produce(w *world, name string, value []byte) {
	partition := d.r.IntN(dayPartitions)
	at, err := w.tryProduce(partition, value)
	w.must(err)
	d.records = append(d.records, dayRecord{
		place: offset.Position{Partition: offset.Partition{Topic: inTopic, ID: int32(partition)}, Offset: at}, at: time.Now(), value: value, name: name,
	})
}

// arrivals are the records as a reader of the topic finds them.
func (d *day) arrivals() iter.Seq2[simulate.Arrival, error] {
	return func(yield func(simulate.Arrival, error) bool) {
		var parser consume.Parser
		for n, r := range d.records {
			a := simulate.Arrival{Line: int64(n), At: r.at}
			a.Event, a.Err = parser.Parse(r.value)
			if !yield(a, nil) {
				return
			}
		}
	}
}
