package intent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unique"
)

// UnmarshalJSON reads what MarshalJSON writes, so that a stored message is == to
// the one that was stored. Members that no message has are an error; the content
// was checked when the message was built.
func (m *Message) UnmarshalJSON(data []byte) error {
	var wire struct {
		OnlineOnlyFlag  int
		FromAccount     string `json:"From_Account"`
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
	text := unescapeHTML(compact.Bytes())
	// The last one: vendor objects in the envelope may hold anything, elements not.
	const first, split, end = `{"OnlineOnlyFlag":`, `,"MsgBody":[`, `]}`
	at := bytes.LastIndex(text, []byte(split))
	if at < 0 || !bytes.HasPrefix(text, []byte(first)) || !bytes.HasSuffix(text, []byte(end)) || len(wire.MsgBody) == 0 {
		return errors.New("decode message: want OnlineOnlyFlag first, and a MsgBody with elements last")
	}
	*m = Message{
		envelope: unique.Make(string(text[1:at])),
		body:     string(text[at+len(split) : len(text)-len(end)]),
	}
	return nil
}

// unescapeHTML undoes what json.Marshal does to the text of a Marshaler inside
// another value: it writes <, > and & as escapes, which Messages never hold.
func unescapeHTML(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u00`)) {
		return text
	}
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		n := 1
		if text[0] == '\\' {
			n = 2 // in valid JSON something follows
			if c := escapedHTML(text); c != 0 {
				plain, text = append(plain, c), text[len(`\u003c`):]
				continue
			}
		}
		plain, text = append(plain, text[:n]...), text[n:]
	}
	return plain
}

func escapedHTML(text []byte) byte {
	if len(text) >= len(`\u003c`) {
		switch string(bytes.ToLower(text[:len(`\u003c`)])) {
		case `\u003c`:
			return '<'
		case `\u003e`:
			return '>'
		case `\u0026`:
			return '&'
		}
	}
	return 0
}
