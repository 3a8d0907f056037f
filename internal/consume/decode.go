package consume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
)

// decoder makes events of records. It holds no state between records.
type decoder struct {
	maxBytes int
	bare     bool // structured events without a content-type header
}

// decode sets the record's Event or its Err.
func (d decoder) decode(r *Record) {
	e, class, err := d.event(r)
	if err != nil {
		r.Err = &DecodeError{Position: r.Position, Class: class, Err: err}
		return
	}
	r.Event = e
}

// event decodes by the Kafka protocol binding of CloudEvents 1.0: the content
// type says that the value is a whole event, otherwise the headers are its
// attributes.
func (d decoder) event(r *Record) (e *event.Event, class Class, err error) {
	structured := false
	// The SDK's JSON decoder indexes without looking: "data_base64":1 and
	// "datacontentencoding":"" panic. A stranger's record must not stop the
	// bridge, whatever is found next.
	defer func() {
		if p := recover(); p != nil {
			e, class, err = nil, Invalid, fmt.Errorf("the decoder gave up: %v", p)
		}
		if structured && err != nil {
			err = structuredReason(r.Value, err)
		}
	}()
	if n := r.bytes(); n > d.maxBytes {
		return nil, TooLarge, fmt.Errorf("%d bytes, allowed %d (BRIDGE_MAX_EVENT_BYTES)", n, d.maxBytes)
	}
	msg, class, err := d.message(r)
	if err != nil {
		return nil, class, err
	}
	if structured = msg.mode == binding.EncodingStructured; structured {
		if e = quickEvent(r.Value); e != nil {
			return e, 0, nil
		}
	}
	e, err = binding.ToEvent(context.Background(), msg)
	if err != nil {
		return nil, Invalid, err
	}
	if err := upgrade(e); err != nil {
		return nil, Invalid, err
	}
	if err := e.Validate(); err != nil {
		return nil, Invalid, err
	}
	return e, 0, nil
}

// bytes is what a record costs: the key is another's business, and brokers
// bound it.
func (r *Record) bytes() int {
	n := len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// message finds out the mode.
func (d decoder) message(r *Record) (*message, Class, error) {
	contentType, attributes := r.mode()
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch {
	case mediaType == event.ApplicationCloudEventsBatchJSON || strings.HasPrefix(mediaType, "application/cloudevents-batch"):
		return nil, BatchFormat, fmt.Errorf("content type %q: one record must hold one event", mediaType)
	case mediaType == event.ApplicationCloudEventsJSON || mediaType == "application/cloudevents":
		// Without a suffix the format is JSON, the only one that every receiver
		// must know.
		if r.Value == nil {
			return nil, Tombstone, errors.New("no value")
		}
		return &message{record: r, mode: binding.EncodingStructured}, 0, nil
	case strings.HasPrefix(mediaType, "application/cloudevents"):
		return nil, NotCloudEvent, fmt.Errorf("content type %q: unknown event format, want %s", mediaType, event.ApplicationCloudEventsJSON)
	case attributes:
		// No value is an event without data here, not a tombstone.
		return &message{record: r, mode: binding.EncodingBinary}, 0, nil
	case r.Value == nil:
		return nil, Tombstone, errors.New("no value")
	case d.bare && contentType == "" && bytes.HasPrefix(bytes.TrimLeft(r.Value, " \t\r\n"), []byte("{")):
		return &message{record: r, mode: binding.EncodingStructured}, 0, nil
	}
	return nil, NotCloudEvent, fmt.Errorf("neither a content-type header of %s nor a ce_specversion header", event.ApplicationCloudEventsJSON)
}

// upgrade makes a CloudEvents 0.3 event a 1.0 one.
func upgrade(e *event.Event) error {
	if e.SpecVersion() != event.CloudEventsVersionV03 {
		return nil
	}
	e.Context = e.Context.AsV1()
	// 1.0 has no such attribute, and the data is decoded by now.
	return e.Context.SetExtension(event.DataContentEncodingKey, nil)
}

// ParseEvent reads one structured event in JSON by the rules that records are
// read by. It returns a valid CloudEvents 1.0 event, or a *DecodeError without
// a position.
func ParseEvent(value []byte) (*event.Event, error) {
	// What it takes for plain is plain for the decoder too, headers or not.
	if e := quickEvent(value); e != nil {
		return e, nil
	}
	r := Record{Value: value, Headers: []Header{{Key: contentTypeHeader, Value: []byte(event.ApplicationCloudEventsJSON)}}}
	decoder{maxBytes: math.MaxInt}.decode(&r)
	return r.Event, r.Err
}
