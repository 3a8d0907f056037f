package consume

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/offset"
)

// Class says why a record is no event. It is in the error's text, and with it in that
// of the disposition and the dead letter.
type Class uint8

// The zero Class is invalid, so that a forgotten one is seen.
const (
	NotCloudEvent Class = iota + 1 // neither mode, or a format other than JSON
	BatchFormat                    // several events in one record
	Tombstone                      // no value, and no attributes in headers
	TooLarge                       // over Config.MaxEventBytes
	Invalid                        // broken JSON, or attributes missing or illegal
)

// String returns the error's word.
func (c Class) String() string {
	switch c {
	case NotCloudEvent:
		return "not_cloudevent"
	case BatchFormat:
		return "batch"
	case Tombstone:
		return "tombstone"
	case TooLarge:
		return "too_large"
	case Invalid:
		return "invalid"
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// DecodeError is a record that is no event.
type DecodeError struct {
	Position offset.Position
	Class    Class
	Err      error
}

// Error names the place, where there is one, the class and the reason.
func (e *DecodeError) Error() string {
	if e.Position == (offset.Position{}) {
		return fmt.Sprintf("%s: %s", e.Class, brief(e.Err))
	}
	return fmt.Sprintf("decode %s: %s: %s", e.Position, e.Class, brief(e.Err))
}

// Unwrap returns the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

// maxReason bounds a reason's bytes: a parser's error may quote the event.
const maxReason = 200

// brief puts a reason on one line. The SDK's validation errors are maps, whose
// text has a line for each member in another order every time.
func brief(err error) string {
	text := err.Error()
	if fields, ok := errors.AsType[event.ValidationError](err); ok {
		var lines []string
		for name, err := range fields {
			lines = append(lines, attributeReason(name, err))
		}
		slices.Sort(lines)
		text = strings.Join(lines, "; ")
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}

// attributeReason says what is wrong with an attribute that headers gave, or did not.
func attributeReason(name string, err error) string {
	switch name {
	case "id", "type":
		return name + " is missing or empty"
	case "source":
		return "source is missing, or no URI reference"
	}
	return name + ": " + err.Error()
}
