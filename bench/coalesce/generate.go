package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// event is a CloudEvent in JSON, its members in the order of a line of a trace.
type event struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Time            string         `json:"time"`
	RecordedTime    string         `json:"recordedtime"` // when it reached Kafka
	DataContentType string         `json:"datacontenttype"`
	Data            map[string]any `json:"data"`

	arrived time.Duration
}

// monday is when every trace starts.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// repeated is which part of the events comes a second time: one in so many.
const repeated = 50

// generator makes one trace. All it draws comes from one source, in one order.
type generator struct {
	random *rand.Rand
	scale  float64
	events []event
	ids    map[string]int // of each kind
	names  int            // of campaigns, alerts and texts
}

// generate writes the trace of a regime: CloudEvents, one a line, in the order of
// their arrival. The same regime, seed and scale give the same bytes. Counts of
// events grow with the scale, durations do not.
func generate(out io.Writer, regime string, seed uint64, scale float64) error {
	i := slices.IndexFunc(regimes, func(r regimeSpec) bool { return r.name == regime })
	if i < 0 {
		return fmt.Errorf("generate %q: no such regime (want one of %v)", regime, regimeNames())
	}
	if scale <= 0 {
		return fmt.Errorf("generate %s: scale %g: must be positive", regime, scale)
	}
	g := &generator{random: rand.New(rand.NewPCG(seed, uint64(i))), scale: scale, ids: map[string]int{}}
	regimes[i].make(g)
	g.repeat()
	slices.SortStableFunc(g.events, func(a, b event) int { return cmp.Compare(a.arrived, b.arrived) })

	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	for _, e := range g.events {
		if err := lines.Encode(e); err != nil {
			return fmt.Errorf("write the trace: %w", err)
		}
	}
	return w.Flush()
}

// repeat lets events come again as an at-least-once producer would: the same
// event, somewhat later.
func (g *generator) repeat() {
	for _, e := range slices.Clone(g.events) {
		if g.random.IntN(repeated) == 0 {
			e.arrived += g.between(100*time.Millisecond, 10*time.Minute)
			e.RecordedTime = stamp(e.arrived)
			g.events = append(g.events, e)
		}
	}
}

// kinds are the sources of the event types, and the letter of their ids.
var kinds = map[string]struct{ source, letter string }{
	"region.alert": {"/met/alerts", "a"},
	"member.promo": {"/crm/members", "m"},
	"price.drop":   {"/catalogue/prices", "p"},
	"stock.back":   {"/catalogue/stock", "s"},
	"order.delay":  {"/depots", "d"},
	"app.notice":   {"/app/notices", "n"},
}

// emit adds an event that happens at the instant and reaches Kafka soon after.
func (g *generator) emit(at time.Duration, kind string, data map[string]any) {
	k := kinds[kind]
	g.ids[kind]++
	at = max(0, at).Truncate(time.Millisecond)
	arrived := at + g.between(20*time.Millisecond, 400*time.Millisecond)
	g.events = append(g.events, event{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s%06d", k.letter, g.ids[kind]), Source: k.source, Type: kind,
		Time: stamp(at), RecordedTime: stamp(arrived), DataContentType: "application/json", Data: data, arrived: arrived,
	})
}

func stamp(at time.Duration) string { return monday.Add(at).Format("2006-01-02T15:04:05.000Z07:00") }

// count scales a number of events; some always remain.
func (g *generator) count(n float64) int { return max(1, int(math.Round(n*g.scale))) }

// name returns a text that no other event of the trace has.
func (g *generator) name(of string) string {
	g.names++
	return fmt.Sprintf("%s %d", of, g.names)
}

// between draws an instant in whole milliseconds, the end excluded.
func (g *generator) between(from, to time.Duration) time.Duration {
	return from + time.Duration(g.random.Int64N(int64((to-from)/time.Millisecond)))*time.Millisecond
}

// awake draws an instant of the day when people and shops are: one busy evening
// hour has as many events as the whole night.
func (g *generator) awake(of int) time.Duration {
	for {
		at := g.between(0, day)
		if g.random.Float64() < 0.06+0.94*math.Pow(0.5-0.5*math.Cos(2*math.Pi*(at.Hours()-4)/24), 2) {
			return time.Duration(of)*day + at
		}
	}
}

// heavy draws a number from 1 to most, of which few are large (Pareto, with the
// given exponent).
func (g *generator) heavy(exponent float64, most int) int {
	return min(most, int(math.Pow(1-g.random.Float64(), -1/exponent)))
}

// some draws so many different numbers below n.
func (g *generator) some(count, n int) []int { return g.random.Perm(n)[:min(count, n)] }

func pick[T any](g *generator, from []T) T { return from[g.random.IntN(len(from))] }
