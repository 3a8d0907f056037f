package intent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// UnmarshalJSON reads what MarshalJSON writes, so that a stored message is == to
// the one that was stored. Members that no message has are an error; the content
// was checked when the message was built.
func (m *Message) UnmarshalJSON(data []byte) error {
	var wire struct {
		OnlineOnlyFlag  *int
		From_Account    string
		OfflinePushInfo json.RawMessage
		MsgLifeTime     int
		MsgBody         []json.RawMessage
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	// The last one: vendor objects in the envelope may hold anything, elements not.
	const split = `,"MsgBody":[`
	at := bytes.LastIndex(compact.Bytes(), []byte(split))
	if at < 0 || wire.OnlineOnlyFlag == nil || len(wire.MsgBody) == 0 {
		return errors.New("decode message: want OnlineOnlyFlag first, and a MsgBody with elements last")
	}
	*m = Message{
		envelope: string(bytes.TrimPrefix(compact.Bytes()[:at], []byte("{"))),
		body:     string(bytes.TrimSuffix(compact.Bytes()[at+len(split):], []byte("]}"))),
	}
	return nil
}
