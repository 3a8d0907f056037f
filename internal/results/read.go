package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

// Told is an event's end as it is read back from the results topic.
type Told struct {
	ID       string          // of the result event: repeats have the same
	Position offset.Position // of the event's record
	Kind     journal.Kind
	More     bool // it has not ended under all its rules

	Rule     string
	Lane     string
	PushID   string
	Reason   string
	Received time.Time
	Decided  time.Time

	EventSource, EventID, EventType string

	ReplayID, ReplayOf string // of an event that came again
}

// toldWire is the same as it is written, with the context of the structured mode.
type toldWire struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	ReplayID string   `json:"replayid"`
	ReplayOf string   `json:"replayof"`
	Data     toldData `json:"data"`
}

type toldData struct {
	Topic       string    `json:"topic"`
	Partition   int32     `json:"partition"`
	Offset      int64     `json:"offset"`
	EventSource string    `json:"event_source"`
	EventID     string    `json:"event_id"`
	EventType   string    `json:"event_type"`
	Rule        string    `json:"rule"`
	Lane        string    `json:"lane"`
	Disposition string    `json:"disposition"`
	More        bool      `json:"more"`
	PushID      string    `json:"push_id"`
	Reason      string    `json:"reason"`
	Received    time.Time `json:"received"`
	Decided     time.Time `json:"decided"`
}

// ParseTold reads a record of the results topic in either mode; false: it tells of
// something else than an event's end.
func ParseTold(value []byte, headers []Header) (Told, bool, error) {
	var w toldWire
	binary := false
	for _, h := range headers {
		text := string(h.Value)
		switch h.Key {
		case "ce_type":
			w.Type, binary = text, true
		case "ce_id":
			w.ID = text
		case "ce_replayid":
			w.ReplayID = text
		case "ce_replayof":
			w.ReplayOf = text
		}
	}
	if binary && !isDisposed(w.Type) {
		return Told{}, false, nil
	}
	into := any(&w)
	if binary {
		into = &w.Data
	}
	if err := json.Unmarshal(value, into); err != nil {
		return Told{}, false, fmt.Errorf("decode result: %w", err)
	}
	if !isDisposed(w.Type) {
		return Told{}, false, nil
	}
	kind, err := journal.ParseKind(w.Data.Disposition)
	if err == nil && w.Data.Topic == "" {
		err = errors.New("no topic")
	}
	if err != nil {
		return Told{}, false, fmt.Errorf("decode result %s: %w", w.ID, err)
	}
	d := &w.Data
	return Told{
		ID: w.ID, Position: offset.Position{Partition: offset.Partition{Topic: d.Topic, ID: d.Partition}, Offset: d.Offset},
		Kind: kind, More: d.More, Rule: d.Rule, Lane: d.Lane, PushID: d.PushID, Reason: d.Reason, Received: d.Received, Decided: d.Decided,
		EventSource: d.EventSource, EventID: d.EventID, EventType: d.EventType, ReplayID: w.ReplayID, ReplayOf: w.ReplayOf,
	}, true, nil
}

func isDisposed(typ string) bool {
	return typ == typeDisposed || strings.HasSuffix(typ, "."+typeDisposed)
}
