package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"pushbridge/internal/audience"
)

// pushLog is what a policy did, in the order of time: the format of `bridge
// simulate --out`, whose other members are not needed here.
type pushLog []line

const (
	kindPush        = "push"
	kindDisposition = "disposition"
)

// line is a call or the end of an event without one.
type line struct {
	Kind string `json:"kind"`

	SentAt     time.Time         `json:"sent_at,omitzero"`
	ResponseAt time.Time         `json:"response_at,omitzero"`
	Outcome    string            `json:"outcome,omitempty"`
	Condition  json.RawMessage   `json:"condition,omitempty"` // absent: everyone
	MsgBody    []json.RawMessage `json:"msg_body,omitempty"`
	Covers     []cover           `json:"covers,omitempty"`

	Event       string    `json:"event,omitempty"`
	Disposition string    `json:"disposition,omitempty"`
	By          string    `json:"by,omitempty"`
	At          time.Time `json:"at,omitzero"`
}

// cover is an event that a call carries, or the part of it.
type cover struct {
	Event string          `json:"event"`
	Part  json.RawMessage `json:"part,omitempty"` // absent: the whole event
}

func (p pushLog) write(out io.Writer) error {
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	for _, l := range p {
		if err := lines.Encode(l); err != nil {
			return fmt.Errorf("write the push log: %w", err)
		}
	}
	return w.Flush()
}

func readLog(raw []byte) (pushLog, error) {
	var p pushLog
	lines := json.NewDecoder(bytes.NewReader(raw))
	for lines.More() {
		var l line
		if err := lines.Decode(&l); err != nil {
			return nil, fmt.Errorf("read the push log: entry %d: %w", len(p)+1, err)
		}
		p = append(p, l)
	}
	return p, nil
}

// conditionOf is the API's condition of an audience, nil for everyone.
func conditionOf(a audience.Audience) ([]byte, error) {
	if a.Kind() == audience.Everyone {
		return nil, nil
	}
	return a.MarshalJSON()
}
