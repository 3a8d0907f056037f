package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// nine is when the tests' days begin.
var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func testRules(t testing.TB) *mapper.Rules {
	t.Helper()
	rules, err := mapper.Load("testdata/rules.yaml", mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// testConfig has calls enough, and answers that all take 100 ms.
func testConfig(t testing.TB) Config {
	t.Helper()
	return Config{
		Rules: testRules(t), Lanes: oneLane(intent.Terms{Calls: 100, Interval: time.Second}),
		Latency: Latency{Min: 100 * time.Millisecond, Max: 100 * time.Millisecond}, Seed: 1, Settle: 2 * time.Second,
		MaxRequestBytes: 8000, DedupWindow: 24 * time.Hour, DedupMax: 1_000_000,
	}
}

func oneLane(t intent.Terms) []mapper.Lane { return []mapper.Lane{{Terms: t}} }

// at is an event that arrives so long after nine.
func at(t testing.TB, after time.Duration, kind, id string, data map[string]any) Arrival {
	t.Helper()
	e := event.New()
	e.SetSource("/test")
	e.SetID(id)
	e.SetType(kind)
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		t.Fatal(err)
	}
	return Arrival{At: nine.Add(after), Event: &e}
}

// stream numbers the lines of events.
func stream(events []Arrival) iter.Seq2[Arrival, error] {
	return func(yield func(Arrival, error) bool) {
		for i, a := range events {
			a.Line = int64(i + 1)
			if !yield(a, nil) {
				return
			}
		}
	}
}

// play runs the events and returns the log too.
func play(t testing.TB, c Config, events []Arrival) (Report, []byte) {
	t.Helper()
	var log bytes.Buffer
	c.Log = &log
	r, err := Run(c, stream(events))
	if err != nil {
		t.Fatal(err)
	}
	return r, log.Bytes()
}

// days is a stream of n events over two days in bursts, with revisions, repeats,
// events that no rule takes, such as a rule fails on, and audiences of up to 14
// tags.
func days(t testing.TB, n int, seed uint64) []Arrival {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	events := make([]Arrival, 0, n)
	after := time.Duration(0)
	for i := range n {
		if random.IntN(20) == 0 {
			after += time.Duration(random.Int64N(int64(80 * time.Hour / time.Duration(n/20+1))))
		}
		after += time.Duration(random.Int64N(int64(200 * time.Millisecond)))
		if i > 0 && random.IntN(30) == 0 {
			again := events[i-1-random.IntN(min(i, 50))] // soon enough to be a duplicate
			again.At = nine.Add(after)
			events = append(events, again)
			continue
		}
		kind, data := "promo", map[string]any{}
		switch random.IntN(12) {
		case 0:
			kind = "other"
		case 1:
			data = map[string]any{"tiers": []string{}, "text": "nobody"}
		case 2:
			kind, data = "note", map[string]any{"text": fmt.Sprintf("Note %d", random.IntN(40))}
		case 3, 4, 5:
			kind, data = "alert", map[string]any{"region": fmt.Sprint(random.IntN(9)), "text": fmt.Sprintf("Storm %d", random.IntN(12))}
		default:
			tiers := make([]string, 1+random.IntN(14)*random.IntN(2))
			for k := range tiers {
				tiers[k] = fmt.Sprintf("tier%d", (random.IntN(5)*7+k*3)%40)
			}
			data = map[string]any{"tiers": tiers, "text": fmt.Sprintf("Offer %d", random.IntN(30))}
		}
		events = append(events, at(t, after, kind, fmt.Sprint(i), data))
	}
	return events
}

// logged is any line of the log, as a reader sees it who knows only its format.
type logged struct {
	Kind       string
	SentAt     time.Time `json:"sent_at"`
	ResponseAt time.Time `json:"response_at"`
	Outcome    string
	Condition  map[string]any
	MsgBody    []struct {
		MsgType    string
		MsgContent struct{ Text string }
	} `json:"msg_body"`
	Covers []struct {
		Event string
		Part  map[string]any
	}
	Why, Rule, Lane                string
	Event, Disposition, By, Reason string
	Line                           int64
	At                             time.Time
}

func readLog(t testing.TB, log []byte) []logged {
	t.Helper()
	var lines []logged
	for n, raw := range bytes.Split(bytes.TrimSuffix(log, []byte("\n")), []byte("\n")) {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		var l logged
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("log line %d: %v: %s", n+1, err, raw)
		}
		lines = append(lines, l)
	}
	return lines
}
