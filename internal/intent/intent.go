package intent

import (
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/offset"
)

// Origin says which event an intent, a disposition or a dead letter is about.
type Origin struct {
	Position offset.Position
	Key      []byte // the record's key, nil where it had none

	Source, ID string    // the CloudEvent's identity; empty where it could not be decoded
	Type       string    // the CloudEvent's type
	Time       time.Time // the event's own time; Received where it has none

	CorrelationID string // the event's correlationid extension, passed on to results
	Traceparent   string // the event's traceparent extension, passed on to results

	// ReplayID is the replay by which the event comes again, and ReplayOf where its
	// original is, as Position prints itself; both empty where it comes for the first time.
	ReplayID, ReplayOf string

	// Received is when the event reached Kafka, by the record's timestamp, but
	// not later than when it was read: a producer's clock may run ahead.
	Received time.Time
}

// EventKey identifies the event for deduplication.
func (o Origin) EventKey() EventKey {
	return EventKey{Source: o.Source, ID: o.ID, Replay: o.ReplayID}
}

// EventKey is the identity that CloudEvents gives an event, and the replay by which
// it comes again: it is no repeat of its original, but it is one of itself.
type EventKey struct{ Source, ID, Replay string }

// Intent is what one event asks for under one rule.
type Intent struct {
	Origin Origin
	Rule   string // the rule's name
	// Version is that of the rules that the event was mapped under: they may be
	// replaced while the intent waits.
	Version string

	// Audiences holds one audience, or the parts of an any-tag audience that is
	// too large for one call (audience.Spread). The event is pushed when its
	// last part is.
	Audiences []audience.Audience

	Message Message
	Policy  Policy
}
