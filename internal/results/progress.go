package results

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// ReplayProgress says how far a replay is.
type ReplayProgress struct {
	ID       string
	State    string         // feeding, fed, ended or cancelled
	Selected int            // events that are to come again
	Fed      int            // of them, on the replays' topic
	Ended    map[string]int // by disposition, where it is known
	At       time.Time
}

// replaySource is that of what replays tell: they are no app's.
const replaySource = "/bridge/replay"

type progressData struct {
	ReplayID string         `json:"replay_id"`
	State    string         `json:"state"`
	Selected int            `json:"selected"`
	Fed      int            `json:"fed"`
	Ended    map[string]int `json:"ended,omitempty"`
}

// ReplayMessage returns the record of the results topic that tells it. Its id is that
// of the replay, the state and the count, so that readers can drop repeats.
func ReplayMessage(f Format, p ReplayProgress) (kafka.Message, error) {
	data, err := json.Marshal(progressData{ReplayID: p.ID, State: p.State, Selected: p.Selected, Fed: p.Fed, Ended: p.Ended})
	if err != nil {
		return kafka.Message{}, fmt.Errorf("encode progress of replay %s: %w", p.ID, err)
	}
	e := newEncoder(f)
	kind := f.kind(typeProgressed)
	id := strconv.AppendInt(append(append(append([]byte("replay/"), p.ID...), '/'), p.State+"/"...), int64(p.Fed), 10)
	m, _ := e.event(nil, attributes{kind: &kind, source: replaySource, id: id, subject: p.ID, at: p.At, replayID: p.ID},
		func(dst []byte) []byte { return append(dst, data...) })
	m.Key = []byte(p.ID)
	return m, nil
}
