package intent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
	"unique"
)

// MaxLifeTime is how long the API stores a message for a user who is offline,
// at most (90026).
const MaxLifeTime = 7 * 24 * time.Hour

// Content is what a Message is built from.
type Content struct {
	Sender     string        // From_Account; empty: the calling account
	OnlineOnly bool          // OnlineOnlyFlag 1: neither roaming nor unread counts
	Elements   []Element     // MsgBody, at least one
	Offline    *Offline      // OfflinePushInfo; nil: none
	LifeTime   time.Duration // MsgLifeTime, whole seconds, at most MaxLifeTime; 0: the API's default
}

// Offline is what the notification of an offline user looks like. The two
// vendor objects are passed through as they are: they grow.
type Offline struct {
	NoPush  bool            // PushFlag 1
	Title   string          // at most one line on most devices
	Desc    string          // replaces the elements' text
	Ext     string          // passed to the application
	Android json.RawMessage // AndroidInfo, a JSON object; nil: none
	APNs    json.RawMessage // ApnsInfo, a JSON object; nil: none
}

// Message is a legal message in canonical form: what of a push request does not
// depend on who receives it. It is comparable: two Messages are == exactly if
// the API is told the same. The zero value is no message and is never sent.
type Message struct {
	// envelope is the JSON members around MsgBody, body the elements between its
	// brackets. A stream of messages has few envelopes: one copy of each is kept.
	envelope unique.Handle[string]
	body     string
}

// NewMessage checks the content against the API's rules for a push request.
func NewMessage(c Content) (Message, error) {
	envelope, err := encodeEnvelope(c)
	if err != nil {
		return Message{}, err
	}
	if len(c.Elements) == 0 {
		return Message{}, errors.New("message: no elements, want at least one")
	}
	var body []byte
	customs := 0
	for i, e := range c.Elements {
		if err := e.check(); err != nil {
			return Message{}, fmt.Errorf("message element %d: %w", i+1, err)
		}
		if _, ok := e.(Custom); ok {
			customs++
		}
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = appendElement(body, e); err != nil {
			return Message{}, fmt.Errorf("message element %d: %w", i+1, err)
		}
	}
	if customs > 1 {
		return Message{}, fmt.Errorf("message: %d custom elements, allowed 1", customs)
	}
	return Message{envelope: unique.Make(envelope), body: string(body)}, nil
}

// IsZero says whether m is no message.
func (m Message) IsZero() bool { return m.body == "" }

// Body returns the elements as the API's MsgBody, a JSON array.
func (m Message) Body() json.RawMessage { return json.RawMessage("[" + m.body + "]") }

// Envelope returns the other members that a message gives to a push request, as
// a JSON object: From_Account, OnlineOnlyFlag, OfflinePushInfo, MsgLifeTime.
func (m Message) Envelope() json.RawMessage { return json.RawMessage("{" + m.members() + "}") }

// EnvelopeKey is equal for messages with one envelope: they can share a MsgBody.
func (m Message) EnvelopeKey() unique.Handle[string] { return m.envelope }

// members is what stands between the envelope's braces.
func (m Message) members() string {
	if m.envelope == (unique.Handle[string]{}) {
		return ""
	}
	return m.envelope.Value()
}

// Size returns the bytes that the message takes in a request.
func (m Message) Size() int { return len(m.members()) + len(m.body) + len(`,"MsgBody":[]`) }

// HasCustom says whether one of the elements is a Custom. Of all messages that
// share a MsgBody one may be so.
func (m Message) HasCustom() bool {
	// In a text the quotes would be escaped.
	return strings.Contains(m.body, `{"MsgType":"TIMCustomElem"`)
}

// MarshalJSON returns the envelope with MsgBody in it.
func (m Message) MarshalJSON() ([]byte, error) {
	if m.IsZero() {
		return nil, errors.New("encode message: it has no elements")
	}
	return []byte("{" + m.members() + `,"MsgBody":[` + m.body + "]}"), nil
}

// Text returns the message's texts, one a line, for people.
func (m Message) Text() string {
	var elements []struct{ MsgContent struct{ Text, Desc string } }
	if json.Unmarshal(m.Body(), &elements) != nil {
		return ""
	}
	var lines []string
	for _, e := range elements {
		if s := e.MsgContent.Text + e.MsgContent.Desc; s != "" {
			lines = append(lines, s)
		}
	}
	return strings.Join(lines, "\n")
}

func encodeEnvelope(c Content) (string, error) {
	b := make([]byte, 0, 256)
	b = append(b, `"OnlineOnlyFlag":`...)
	b = append(b, flag(c.OnlineOnly))
	var err error
	if c.Sender != "" {
		if b, err = appendString(append(b, `,"From_Account":`...), c.Sender); err != nil {
			return "", fmt.Errorf("message sender: %w", err)
		}
	}
	if c.Offline != nil {
		if b, err = appendOffline(append(b, `,"OfflinePushInfo":`...), c.Offline); err != nil {
			return "", fmt.Errorf("message offline info: %w", err)
		}
	}
	if c.LifeTime < 0 || c.LifeTime > MaxLifeTime || c.LifeTime%time.Second != 0 {
		return "", fmt.Errorf("message life time %v: want whole seconds, at most %v", c.LifeTime, MaxLifeTime)
	}
	if c.LifeTime > 0 {
		b = fmt.Appendf(b, `,"MsgLifeTime":%d`, int64(c.LifeTime/time.Second))
	}
	return string(b), nil
}

func flag(on bool) byte {
	if on {
		return '1'
	}
	return '0'
}

func appendOffline(b []byte, o *Offline) ([]byte, error) {
	b = append(b, `{"PushFlag":`...)
	b = append(b, flag(o.NoPush))
	for _, m := range [...]struct{ name, text string }{{`,"Title":`, o.Title}, {`,"Desc":`, o.Desc}, {`,"Ext":`, o.Ext}} {
		if m.text == "" {
			continue
		}
		var err error
		if b, err = appendString(append(b, m.name...), m.text); err != nil {
			return b, err
		}
	}
	for _, m := range [...]struct {
		name string
		raw  json.RawMessage
	}{{"AndroidInfo", o.Android}, {"ApnsInfo", o.APNs}} {
		if m.raw == nil {
			continue
		}
		if !bytes.HasPrefix(bytes.TrimSpace(m.raw), []byte("{")) {
			return b, fmt.Errorf("%s: want a JSON object", m.name)
		}
		raw, err := encodeJSON(m.raw)
		if err != nil {
			return b, fmt.Errorf("%s: %w", m.name, err)
		}
		b = append(append(append(b, `,"`...), m.name...), `":`...)
		b = append(b, unescapeHTML(raw)...)
	}
	return append(b, '}'), nil
}

// downloadFlag is the only value the API allows for its download flags.
const downloadFlag = 2

func appendElement(dst []byte, e Element) ([]byte, error) {
	var content any
	switch e := e.(type) {
	case Text:
		dst, err := appendString(append(dst, `{"MsgType":"TIMTextElem","MsgContent":{"Text":`...), e.Text)
		return append(dst, "}}"...), err
	case Location, Face, Custom, Image:
		content = e
	case Sound:
		content = struct {
			Sound
			Flag int `json:"Download_Flag"`
		}{e, downloadFlag}
	case File:
		content = struct {
			File
			Flag int `json:"Download_Flag"`
		}{e, downloadFlag}
	case Video:
		content = struct {
			Video
			Flag      int `json:"VideoDownloadFlag"`
			ThumbFlag int `json:"ThumbDownloadFlag"`
		}{e, downloadFlag, downloadFlag}
	default:
		return dst, fmt.Errorf("%T: want a value, not a pointer", e)
	}
	raw, err := encodeJSON(struct {
		MsgType    string
		MsgContent any
	}{e.MsgType(), content})
	return append(dst, raw...), err
}

// encodeJSON is json.Marshal without the escapes that browsers want, which cost
// bytes of the request, and with an error where it would replace bytes that are
// no UTF-8 and so change what people read.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	raw := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	// The encoder writes bad bytes as \ufffd; a written backslash as two.
	if bytes.Contains(bytes.ReplaceAll(raw, []byte(`\\`), nil), []byte(`\ufffd`)) || !utf8.Valid(raw) {
		return nil, errNotUTF8
	}
	return raw, nil
}
