package journal

import (
	"fmt"
	"time"

	"pushbridge/internal/intent"
)

// Kind is one of the ways in which an event ends. The zero Kind is invalid.
type Kind uint8

// The dispositions of the design's first promise.
const (
	Pushed       Kind = iota + 1 // a call that carried it, or its last part, was made
	Superseded                   // a newer revision replaced it while it was pending, or newer messages of a digest
	Duplicate                    // its source and id were seen within the dedup window
	Expired                      // its expiry passed before a call could carry it, or its replay was cancelled
	Unmatched                    // no rule asks for it
	Rejected                     // the API refused its push for good
	DeadLettered                 // it could not be decoded, or a rule failed on it
)

// Kinds lists all of them.
var Kinds = [...]Kind{Pushed, Superseded, Duplicate, Expired, Unmatched, Rejected, DeadLettered}

// String returns the design's word.
func (k Kind) String() string {
	switch k {
	case Pushed:
		return "pushed"
	case Superseded:
		return "superseded"
	case Duplicate:
		return "duplicate"
	case Expired:
		return "expired"
	case Unmatched:
		return "unmatched"
	case Rejected:
		return "rejected"
	case DeadLettered:
		return "dead-lettered"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// ParseKind reads the design's word.
func ParseKind(s string) (Kind, error) {
	for _, k := range Kinds {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("disposition %q: want one of %v", s, Kinds)
}

// Disposition says how one event ended under one rule.
//
// The journal keeps what cannot be had again from the event's record, the rules and
// the push's attempt: position, rule, lane and app, kind, push, task, code, info, why,
// by, doubt, more, and the latest At of those that are stored together. The rest is
// for the result event, which is made from the same value.
type Disposition struct {
	Origin intent.Origin
	Rule   string // empty where the event ended before a rule took it
	// RulesVersion is that of the rules that decided on the event; empty: not known
	// any more.
	RulesVersion string

	Kind Kind
	At   time.Time // when it was decided

	Lane     string          // whose calls the rule may use; empty: the default lane, or no rule
	App      uint32          // of that lane
	Priority intent.Priority // zero where the event ended before a rule took it

	PushID   string    // Pushed, Rejected: the push that carried it, or its last part
	TaskID   string    // Pushed: the API's id of that push
	PushedAt time.Time // when that push's call began
	Parts    int       // calls that it took; 0 and 1: one
	Code     int       // the API's ErrorCode
	Info     string    // the API's ErrorInfo
	Why      string    // why the push went when it went
	Doubt    bool      // it is not known whether the call was carried out

	ApprovedBy []string // Pushed, Rejected: who approved of it; none: nobody had to

	By     string // Superseded, Duplicate: the other event, as source#id
	Reason string // DeadLettered, Unmatched: what was wrong; Expired: what else than time, if anything

	// More says that the event matched several rules and has not ended under all
	// of them. Only the last disposition of an event leaves it false.
	More bool
}
