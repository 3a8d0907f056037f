package bridge

import (
	"encoding/json"
	"iter"
	"regexp"
	"strconv"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// outside is what can be seen of a run from outside: the topics by a consumer of
// its own, the API's log, and the instances' logs.
type outside struct {
	events, pushes []told
	letters        []record
	calls          []pushsim.Call
	losses         []lossLine

	attempts []journalAttempt
	byRandom map[uint32][]int           // indices of attempts
	byPush   map[string][]int           // indices of attempts
	outcomes map[string]map[string]bool // push → classes of its attempts
	oks      map[string]int             // push → the first journal record that says that the API took it
	ended    map[placeUnder]int         // → the first journal record that says so
}

// placeUnder is a position of the input topic under a rule; of which life of the
// topic, the journal does not say.
type placeUnder struct {
	partition int
	offset    int64
	rule      string
}

// journalAttempt is an attempt as the journal has it (schemas/journal.v1.json).
type journalAttempt struct {
	ID       string
	Number   int
	Random   uint32
	Messages []struct{ MsgBody []textElement }
	Covers   []struct {
		Rule   string
		Events journalSpan
	}

	line int // the journal's record
}

type textElement struct{ MsgContent struct{ Text string } }

type journalSpan struct {
	Partition int
	Runs      []int64 // first offset, length, gap, length, …
}

// offsets yields the offsets of the span.
func (s journalSpan) offsets() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		at := int64(0)
		for i := 0; i+1 < len(s.Runs); i += 2 {
			at += s.Runs[i]
			for range s.Runs[i+1] {
				if !yield(at) {
					return
				}
				at++
			}
		}
	}
}

// lossLine is what an instance logged of records that it could not read.
type lossLine struct {
	at          time.Time
	partition   int
	kind        string
	first, last int64
	count       int
}

var lossPattern = regexp.MustCompile(`time=(\S+) level=ERROR msg="records lost: .*" partition=` + inTopic + `/(\d+) kind=(\w+) first=(\d+) last=(-?\d+) count=(\d+)`)

// anewPattern is how one says that what of a topic's old records had not ended is
// gone.
var anewPattern = regexp.MustCompile(`time=(\S+) level=WARN msg="topic was made anew: .*" partition=` + inTopic + `/(\d+)`)

// observe reads everything.
func (s *soak) observe() *outside {
	o := &outside{
		letters: s.w.read(dlqTopic), calls: s.w.sim.Calls(),
		byRandom: map[uint32][]int{}, byPush: map[string][]int{}, outcomes: map[string]map[string]bool{}, oks: map[string]int{}, ended: map[placeUnder]int{},
	}
	o.events, o.pushes = s.results()
	for n, r := range s.w.read(journalTopic) {
		o.readJournal(s.w, n, r.Value)
	}
	for _, i := range s.w.running {
		for _, m := range anewPattern.FindAllStringSubmatch(i.log.String(), -1) {
			l := lossLine{kind: "rewound"}
			l.at, _ = time.Parse(time.RFC3339Nano, m[1])
			l.partition, _ = strconv.Atoi(m[2])
			o.losses = append(o.losses, l)
			s.counts["topics found to be made anew"]++
		}
		for _, m := range lossPattern.FindAllStringSubmatch(i.log.String(), -1) {
			var l lossLine
			l.at, _ = time.Parse(time.RFC3339Nano, m[1])
			l.partition, _ = strconv.Atoi(m[2])
			l.kind = m[3]
			l.first, _ = strconv.ParseInt(m[4], 10, 64)
			l.last, _ = strconv.ParseInt(m[5], 10, 64)
			l.count, _ = strconv.Atoi(m[6])
			o.losses = append(o.losses, l)
			s.counts["losses reported"]++
		}
	}
	return o
}

func (o *outside) readJournal(w *world, n int, value []byte) {
	var line struct {
		Attempt *journalAttempt
		Outcome *struct {
			ID, Class string
		}

		Dispositions []struct {
			Rule   string
			Events []journalSpan
		}
	}
	w.must(json.Unmarshal(value, &line))
	if a := line.Attempt; a != nil {
		o.byRandom[a.Random] = append(o.byRandom[a.Random], len(o.attempts))
		o.byPush[a.ID] = append(o.byPush[a.ID], len(o.attempts))
		a.line = n
		o.attempts = append(o.attempts, *a)
	}
	if x := line.Outcome; x != nil {
		if o.outcomes[x.ID] == nil {
			o.outcomes[x.ID] = map[string]bool{}
		}
		o.outcomes[x.ID][x.Class] = true
		if _, ok := o.oks[x.ID]; !ok && x.Class == "ok" {
			o.oks[x.ID] = n
		}
	}
	for _, d := range line.Dispositions {
		for _, span := range d.Events {
			for at := range span.offsets() {
				key := placeUnder{span.Partition, at, d.Rule}
				if _, ok := o.ended[key]; !ok {
					o.ended[key] = n
				}
			}
		}
	}
}

// results returns what was told, without the repeats that readers drop by id. A
// repeat must say the same.
func (s *soak) results() (events, pushes []told) {
	seen := map[string]told{}
	for _, r := range s.w.read(resultsTopic) {
		var x told
		s.w.must(json.Unmarshal(r.Value, &x))
		// Ends at equal offsets of a topic and of that which was made anew have one id;
		// docs/journal.md says so. What they speak of are two.
		id := x.ID + " " + x.Data.EventID
		before, again := seen[id]
		if again {
			s.counts["results told again"]++
			if before.Data.EventID != x.Data.EventID || before.Data.Disposition != x.Data.Disposition || before.Data.PushID != x.Data.PushID || before.Data.Class != x.Data.Class {
				s.fail("explained", "", "result %s says first %+v and then %+v", x.ID, before.Data, x.Data)
			}
			continue
		}
		seen[id] = x
		switch x.Type {
		case "bridge.push.completed.v1":
			pushes = append(pushes, x)
		case "bridge.rules.reloaded.v1":
			s.counts["reloads told"]++
		default:
			events = append(events, x)
		}
	}
	return events, pushes
}
