package replay

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// The types of the control records.
const (
	TypeBegun     = "bridge.replay.begun.v1"
	TypeCancelled = "bridge.replay.cancelled.v1"
)

// Source is that of control records.
const Source = "/bridge/replay"

// Kind is what a record on the replays' topic is. The zero Kind is invalid.
type Kind uint8

// The kinds.
const (
	Again     Kind = iota + 1 // an event that comes again
	Begun                     // a replay begins, and says what it selects
	Cancelled                 // what is left of a replay is not to be pushed
)

// Record is what a record on the replays' topic says of itself.
type Record struct {
	Kind Kind
	ID   string // of the replay
	Of   string // of Again: where the original is
}

// Control returns the control record of a type, with data that is encoded as JSON.
func Control(typ, id string, at time.Time, data any) (event.Event, error) {
	e := event.New()
	e.SetType(typ)
	e.SetSource(Source)
	e.SetID(id)
	e.SetTime(at)
	e.SetExtension(AttrID, id)
	raw, err := json.Marshal(data)
	if err == nil {
		err = e.SetData(event.ApplicationJSON, json.RawMessage(raw))
	}
	if err != nil {
		return event.Event{}, fmt.Errorf("encode %s of replay %s: %w", typ, id, err)
	}
	return e, nil
}
