package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi/pushsim"
)

// emitted is one record of the input topic.
type emitted struct {
	asked
	id, kind string
	at       offset.Position
}

// toldOf is what the results topic says of one record, without repeats by id.
type toldOf struct {
	ids         map[string]bool
	disposition string
	doubt       bool
}

// evidence is all that the judge looks at.
type evidence struct {
	events  []emitted
	told    map[offset.Position]*toldOf
	tries   map[uint32][]*try // by MsgRandom, in the journal's order
	calls   []pushsim.Call
	reached map[string]map[string][]pushsim.Call // text → user → calls, in their order
	users   []pushsim.User
	state   *journal.State
}

// try is one attempt in the journal.
type try struct {
	ID      string
	Number  int
	Random  uint32
	OnDoubt string `json:"on_doubt"`
	class   string // of its outcome so far; empty: none yet; a doubt stays, see record
	before  string // class of the attempt before it when this one was written
}

// gather reads the topics and the simulator.
func (k *killSite) gather() *evidence {
	k.t.Helper()
	e := &evidence{told: map[offset.Position]*toldOf{}, tries: map[uint32][]*try{}, reached: map[string]map[string][]pushsim.Call{}, state: k.recall()}
	for p := range sitePartitions {
		for n, value := range k.readPartition(k.topic("events"), p) {
			ev := emitted{at: offset.Position{Partition: offset.Partition{Topic: k.topic("events"), ID: int32(p)}, Offset: int64(n)}, id: "without id"}
			var wire struct {
				ID, Type string
				Data     asked
			}
			if json.Unmarshal(value, &wire) == nil {
				ev.id, ev.kind, ev.asked = wire.ID, wire.Type, wire.Data
			}
			e.events = append(e.events, ev)
		}
	}
	for _, value := range k.read(k.topic("results")) {
		e.tell(k, value)
	}
	byID := map[string][]*try{}
	late := map[string]string{}
	for _, value := range k.read(k.topic("journal")) {
		e.record(k, byID, late, value)
	}
	for id, tries := range byID {
		for _, a := range tries {
			if a.class == "" {
				a.class = late[fmt.Sprint(id, a.Number)]
			}
		}
	}
	k.ask("/sim/calls", &e.calls)
	k.ask("/sim/users", &e.users)
	var list struct{ Deliveries []pushsim.Delivery }
	k.ask("/sim/deliveries?limit=10000000", &list)
	for _, d := range list.Deliveries {
		c := e.calls[d.Call-1]
		var body []struct {
			MsgContent struct{ Text string }
		}
		if err := json.Unmarshal(c.Messages, &body); err != nil || len(body) != 1 {
			k.t.Fatalf("messages of call %d: %s", d.Call, c.Messages)
		}
		text := body[0].MsgContent.Text
		if e.reached[text] == nil {
			e.reached[text] = map[string][]pushsim.Call{}
		}
		e.reached[text][d.User] = append(e.reached[text][d.User], c)
	}
	return e
}

// tell takes one record of the results topic.
func (e *evidence) tell(k *killSite, value []byte) {
	var r struct {
		ID, Type string
		Data     struct {
			Topic       string
			Partition   int32
			Offset      int64
			Disposition string
			Doubt       bool
		}
	}
	if err := json.Unmarshal(value, &r); err != nil {
		k.t.Fatalf("result %s: %v", value, err)
	}
	if r.Type != "bridge.event.disposed.v1" {
		return
	}
	at := offset.Position{Partition: offset.Partition{Topic: r.Data.Topic, ID: r.Data.Partition}, Offset: r.Data.Offset}
	got := e.told[at]
	if got == nil {
		got = &toldOf{ids: map[string]bool{}}
		e.told[at] = got
	}
	got.ids[r.ID] = true
	got.disposition = r.Data.Disposition
	got.doubt = got.doubt || r.Data.Doubt
}

// record takes one record of the journal.
//
// An outcome may stand before its attempt, whose request was held up: late keeps
// it. And the outcome of a writer that stood still may stand behind the doubt that
// its successor has of the call by then: what follows from the doubt is explained by it.
func (e *evidence) record(k *killSite, byID map[string][]*try, late map[string]string, value []byte) {
	var r struct {
		Attempt *try
		Outcome *struct {
			ID     string
			Number int
			Class  string
		}
	}
	if err := json.Unmarshal(value, &r); err != nil {
		k.t.Fatalf("journal %s: %v", value, err)
	}
	if a := r.Attempt; a != nil {
		if before := byID[a.ID]; len(before) > 0 {
			a.before = before[len(before)-1].class
		}
		byID[a.ID] = append(byID[a.ID], a)
		e.tries[a.Random] = append(e.tries[a.Random], a)
	}
	if o := r.Outcome; o != nil {
		late[fmt.Sprint(o.ID, o.Number)] = o.Class
		for _, a := range byID[o.ID] {
			if a.Number == o.Number && a.class != journal.ClassDoubt {
				a.class = o.Class
			}
		}
	}
}

// readPartition returns the values of a partition that was never shortened, so
// that a value's place is its offset.
func (k *killSite) readPartition(topic string, partition int) [][]byte {
	k.t.Helper()
	var values [][]byte
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.addr}, Topic: topic, Partition: partition, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 500 * time.Millisecond})
	defer reader.Close() //nolint:errcheck // only read
	for end := k.end(topic, partition); int64(len(values)) < end; {
		m, err := reader.ReadMessage(k.t.Context())
		if err != nil {
			k.t.Fatalf("read %s/%d@%d: %v", topic, partition, len(values), err)
		}
		values = append(values, m.Value)
	}
	return values
}
