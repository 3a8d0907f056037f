package pushapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// ErrTooLarge is a request with more bytes than Config.MaxRequestBytes. The API
// would answer 90056.
var ErrTooLarge = errors.New("request is too large")

// Request is one call: who is reached, with what.
type Request struct {
	// Random is MsgRandom. The API drops a repeat of the number within the same
	// second, by an older page within 7 days: a resend of one batch keeps it, no
	// other batch has it.
	Random   uint32
	Audience audience.Audience
	Messages []intent.Message // at least one; several share one envelope (digest)
}

// Encode returns the API's JSON. It fails where no legal call says the request:
// no audience, no message, messages with different envelopes, or more than one
// custom element. It sets no limit on the size; Push does.
func (r Request) Encode() ([]byte, error) {
	if r.Audience.IsZero() {
		return nil, errors.New("encode push request: the audience names nobody")
	}
	envelope, body, err := r.join()
	if err != nil {
		return nil, fmt.Errorf("encode push request: %w", err)
	}
	b := make([]byte, 0, len(envelope)+len(body)+200)
	b = append(b, `{"MsgRandom":`...)
	b = strconv.AppendUint(b, uint64(r.Random), 10)
	b = append(append(b, ','), envelope...)
	// Leaving the condition out means all users, so only the kind that says so
	// may; whatever else has no condition was refused above.
	if r.Audience.Kind() != audience.Everyone {
		condition, err := r.Audience.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("encode push request: %w", err)
		}
		b = append(append(b, `,"Condition":`...), condition...)
	}
	b = append(append(b, `,"MsgBody":[`...), body...)
	return append(b, "]}"...), nil
}

// join returns the members of the messages' common envelope and their elements
// in order, both without the brackets. The parts are canonical JSON already, so
// they are put together as they are.
func (r Request) join() (envelope, body []byte, err error) {
	if len(r.Messages) == 0 {
		return nil, nil, errors.New("no message")
	}
	for i, m := range r.Messages {
		if m.IsZero() {
			return nil, nil, fmt.Errorf("message %d is empty", i+1)
		}
		members := trimEnds(m.Envelope())
		if i == 0 {
			envelope = members
		} else {
			body = append(body, ',')
		}
		if !bytes.Equal(envelope, members) {
			return nil, nil, fmt.Errorf("message %d: sender, flags or offline info differ from message 1: %s, want %s", i+1, members, envelope)
		}
		body = append(body, trimEnds(m.Body())...)
	}
	// One message was checked when it was made.
	if len(r.Messages) > 1 {
		if n, err := customs(body); err != nil || n > 1 {
			return nil, nil, errors.Join(err, fmt.Errorf("%d custom elements in %d messages, allowed 1", n, len(r.Messages)))
		}
	}
	return envelope, body, nil
}

func trimEnds(raw json.RawMessage) []byte { return raw[1 : len(raw)-1] }

func customs(body []byte) (n int, err error) {
	var elements []struct{ MsgType string }
	if err := json.Unmarshal(append(append([]byte{'['}, body...), ']'), &elements); err != nil {
		return 0, err
	}
	for _, e := range elements {
		if e.MsgType == (intent.Custom{}).MsgType() {
			n++
		}
	}
	return n, nil
}
