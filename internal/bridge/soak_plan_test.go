package bridge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// soakFault is one thing that goes wrong in a soak: data, so that a failing run
// can be repeated without some of them.
type soakFault struct {
	At    time.Duration // from the start
	Kind  string
	Place string        // what of the kind
	Slot  int           // which instance; -1: whichever is the writer
	For   time.Duration // until it is over, or until what went down comes up
	N     int           // how often, or how many
	By    time.Duration // of steps and delays
}

func (f soakFault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", f.At.Round(time.Millisecond), f.Kind)
	if f.Place != "" {
		fmt.Fprintf(&b, " %s", f.Place)
	}
	switch {
	case f.Slot < 0:
		b.WriteString(" of the writer")
	case slices.Contains([]string{"crash", "stop", "network", "clock"}, f.Kind):
		fmt.Fprintf(&b, " of instance %d", f.Slot)
	}
	for _, x := range []struct {
		name string
		v    any
		is   bool
	}{{"for", f.For.Round(time.Millisecond), f.For > 0}, {"n", f.N, f.N > 0}, {"by", f.By, f.By != 0}} {
		if x.is {
			fmt.Fprintf(&b, " %s=%v", x.name, x.v)
		}
	}
	return b.String()
}

// soakKinds are the kinds with how likely they are and how one is drawn.
var soakKinds = []struct {
	kind   string
	weight int
	draw   func(r *rand.Rand, slots int, f *soakFault)
}{
	// A process ends at the worst moment: a write is the last that Kafka takes, or
	// the first that it does not.
	{"crash", 24, func(r *rand.Rand, slots int, f *soakFault) {
		f.Place = pick(r, "now", "call", "answer", "journal", "journal lost", "results", "results lost", "commit", "commit lost", "letters")
		f.Slot, f.N, f.For = -1, r.IntN(4), upTo(r, 10*time.Minute)
		if f.Place == "now" {
			f.Slot, f.N = r.IntN(slots), 0
		}
	}},
	{"stop", 8, func(r *rand.Rand, slots int, f *soakFault) {
		f.Slot, f.For = pick(r, -1, r.IntN(slots)), upTo(r, 30*time.Minute)
	}},
	{"night", 4, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place, f.For = pick(r, "stop", "crash"), upTo(r, 4*time.Hour)
	}},
	{"network", 10, func(r *rand.Rand, slots int, f *soakFault) {
		f.Place = pick(r, "cut from kafka", "frozen to kafka", "cut from kafka", "frozen to kafka", "cut from api", "frozen to api")
		f.Slot, f.For = pick(r, -1, r.IntN(slots)), upTo(r, 5*time.Minute)
	}},
	{"unwritable", 12, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place, f.For = pick(r, journalTopic, journalTopic, resultsTopic, resultsTopic, dlqTopic), upTo(r, 20*time.Minute)
	}},
	{"written all the same", 6, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place, f.N, f.For = pick(r, journalTopic, resultsTopic, "commit"), 1+r.IntN(4), 5*time.Minute
	}},
	{"commit refused", 4, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place, f.N, f.For = pick(r, "16", "22", "25", "27"), 1+r.IntN(3), 5*time.Minute
	}},
	{"broker gone", 6, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place, f.N, f.For = pick(r, "one", "all"), r.IntN(soakBrokers), upTo(r, 10*time.Minute)
	}},
	{"leader moved", 5, func(r *rand.Rand, _ int, f *soakFault) { f.N = r.IntN(soakBrokers) }},
	{"coordinator moved", 4, func(*rand.Rand, int, *soakFault) {}},
	{"topic anew", 1, func(r *rand.Rand, _ int, f *soakFault) {
		f.For, f.By = upTo(r, 30*time.Second), pick(r, 0, 2*time.Minute)
	}},
	{"retention passed", 4, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place, f.N, f.For = pick(r, "stop", "crash"), r.IntN(100), time.Minute+upTo(r, time.Hour)
	}},
	{"rebalance storm", 5, func(r *rand.Rand, _ int, f *soakFault) { f.N, f.For = 1+r.IntN(4), upTo(r, 2*time.Minute) }},
	{"api refuses connections", 4, func(r *rand.Rand, _ int, f *soakFault) { f.For = upTo(r, 20*time.Minute) }},
	{"api slow", 6, func(r *rand.Rand, _ int, f *soakFault) { f.N, f.By = 1+r.IntN(3), time.Second+upTo(r, 17*time.Second) }},
	{"api lies", 10, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place = pick(r, "code 90024", "code 90047", "code 90009", "code 91000", "code 91000 after", "code 70001", "code 90056", "code 60014 after",
			"status 503", "status 503 after", "status 504 after", "garbage after", "reset after", "close after", "stall after", "reset", "stall")
		f.N = 1 + r.IntN(2)
	}},
	{"api clock", 3, func(r *rand.Rand, _ int, f *soakFault) { f.N, f.By = 1+r.IntN(3), upTo(r, time.Hour)-30*time.Minute }},
	// Rules of another version that say the same: whatever waits, and whatever is
	// under way, nothing of what must hold may show it.
	{"rules reloaded", 12, func(r *rand.Rand, _ int, f *soakFault) {
		f.Place, f.N, f.For = pick(r, "", "mapped anew", "mapped anew"), 1+r.IntN(3), upTo(r, time.Minute)
	}},
	{"clock", 5, func(r *rand.Rand, slots int, f *soakFault) {
		f.Slot, f.By = r.IntN(slots), pick(r, upTo(r, time.Minute), -upTo(r, time.Minute), upTo(r, 2*time.Hour), -upTo(r, 2*time.Hour))
	}},
}

// upTo draws a time, short ones as often as long ones.
func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(float64(most)*r.Float64()*r.Float64()) + time.Millisecond
}

const (
	soakBrokers    = 3
	soakPartitions = 2
)

// soakPlan is all that is drawn before a soak begins.
type soakPlan struct {
	lasts  time.Duration
	slots  int           // instances that ought to run
	calm   time.Duration // timeout of requests to Kafka: short ones make long weeks slow
	dedup  time.Duration // of the API
	bursts []time.Duration
	faults []soakFault
}

func newSoakPlan(r *rand.Rand) soakPlan {
	p := soakPlan{slots: 1 + r.IntN(3), dedup: pick(r, time.Second, 7*24*time.Hour)}
	bursts, faults := 0, 0
	switch n := r.IntN(100); {
	case n < 90:
		p.lasts, p.calm, bursts, faults = 3*time.Hour, pick(r, 2*time.Second, 10*time.Second, 10*time.Second), 8, 8
	case n < 99:
		p.lasts, p.calm, bursts, faults = 26*time.Hour, 15*time.Second, 20, 14
	default:
		p.lasts, p.calm, bursts, faults = 7*24*time.Hour, 30*time.Second, 80, 40
	}
	for range bursts/2 + r.IntN(bursts) {
		p.bursts = append(p.bursts, time.Duration(r.Int64N(int64(p.lasts))))
	}
	slices.Sort(p.bursts)
	total := 0
	for _, k := range soakKinds {
		total += k.weight
	}
	for range faults/2 + r.IntN(faults) {
		// Most things go wrong while something is under way.
		f := soakFault{At: pick(r, p.bursts...) + upTo(r, time.Minute)}
		switch r.IntN(8) {
		case 0:
			f.At = time.Duration(r.Int64N(int64(p.lasts)))
		case 1, 2, 3:
			f.At = max(0, pick(r, p.bursts...)-upTo(r, 2*time.Second))
		}
		n := r.IntN(total)
		for _, k := range soakKinds {
			if n -= k.weight; n < 0 {
				f.Kind = k.kind
				k.draw(r, p.slots, &f)
				break
			}
		}
		p.faults = append(p.faults, f)
	}
	slices.SortStableFunc(p.faults, func(a, b soakFault) int { return int(a.At - b.At) })
	return p
}

// newSoakStory draws rules, users and quota.
func newSoakStory(r *rand.Rand) *story {
	s := newStory(r)
	s.faults = nil // the plan has them
	s.quota += 20
	for i := range s.rules {
		rule := &s.rules[i]
		rule.expire = rule.maxDelay + pick(r, 30*time.Minute, 6*time.Hour, 12*time.Hour)
		rule.onDoubt = pick(r, "", "", "resend", "drop")
		if rule.kind != "tags_any" && r.IntN(4) == 0 {
			rule.mode = "digest"
		}
	}
	return s
}

// apiFault is what the API does under the name.
func apiFault(f soakFault) pushsim.Fault {
	place, after := strings.CutSuffix(f.Place, " after")
	out := pushsim.Fault{After: after, Count: f.N}
	word, rest, _ := strings.Cut(place, " ")
	if err := out.Kind.UnmarshalText([]byte(word)); err != nil {
		panic(err)
	}
	switch out.Kind {
	case pushsim.FaultCode:
		out.Code, _ = strconv.Atoi(rest) // Inject refuses 0
	case pushsim.FaultStatus:
		out.Status, _ = strconv.Atoi(rest)
	default:
	}
	return out
}
