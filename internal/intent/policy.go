package intent

import (
	"fmt"
	"time"
)

// Priority orders batches when calls are scarce.
type Priority uint8

// The four priorities, least urgent first, so that a larger one goes first.
const (
	Low Priority = iota + 1
	Normal
	High
	Critical
)

// Priorities lists all of them, most urgent first.
var Priorities = [...]Priority{Critical, High, Normal, Low}

// String returns the rule file's word.
func (p Priority) String() string {
	switch p {
	case Low:
		return "low"
	case Normal:
		return "normal"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return fmt.Sprintf("Priority(%d)", uint8(p))
}

// ParsePriority reads the rule file's word.
func ParsePriority(s string) (Priority, error) {
	for _, p := range Priorities {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, fmt.Errorf("priority %q: want critical, high, normal or low", s)
}

// Mode says which pending intents an intent may share a call with.
type Mode uint8

// The modes of coalescing.
const (
	// Merge shares a call with intents of an equal message whose audiences unite
	// exactly.
	Merge Mode = iota + 1
	// Latest is Merge, and of several pending intents with one key in one scope
	// only the newest by event time is pushed.
	Latest
	// Alone never shares a call.
	Alone
	// Digest is Merge, and also shares a call with other messages to an equal
	// audience, up to MaxMessages of them in one MsgBody.
	Digest
)

// String returns the rule file's word.
func (m Mode) String() string {
	switch m {
	case Merge:
		return "merge"
	case Latest:
		return "latest"
	case Alone:
		return "none"
	case Digest:
		return "digest"
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// OnDoubt says what happens when it is unknown whether a call was carried out.
type OnDoubt uint8

// The two answers to doubt.
const (
	// Resend makes the call again with the same MsgRandom: at least once.
	Resend OnDoubt = iota + 1
	// Drop takes the call as made: at most once.
	Drop
)

// String returns the rule file's word.
func (d OnDoubt) String() string {
	switch d {
	case Resend:
		return "resend"
	case Drop:
		return "drop"
	}
	return fmt.Sprintf("OnDoubt(%d)", uint8(d))
}

// Overflow says what happens to a digest that would hold more messages than it
// may.
type Overflow uint8

// The two answers.
const (
	// Next puts what does not fit into the next call.
	Next Overflow = iota + 1
	// Newest keeps the newest by event time; what they push out ends superseded.
	Newest
)

// String returns the rule file's word.
func (o Overflow) String() string {
	switch o {
	case Next:
		return "next"
	case Newest:
		return "newest"
	}
	return fmt.Sprintf("Overflow(%d)", uint8(o))
}

// Policy says when and how hard to try.
type Policy struct {
	Lane     string // whose calls it may use; empty: the default lane
	Priority Priority
	MaxDelay time.Duration // soft: should be pushed within this of Origin.Received
	Expires  time.Time     // hard: is not pushed after this instant
	OnDoubt  OnDoubt

	Mode Mode
	// Key is what Latest compares, never empty there. Of Digests only those with
	// equal keys share a call; it may be empty.
	Key string
	// Scope is where Key is compared: the rule's name, or a name that several
	// rules share, so that a revision that rises from one rule to another still
	// replaces the older.
	Scope       string
	MaxMessages int      // of Digest: messages in one call, at least 1
	Overflow    Overflow // of Digest

	Gate       *Gate        // what may hold it back beside the price; nil: nothing
	Suppresses *Suppression // whom it holds back; nil: nobody
	Approve    *Approval    // who must have read it first; nil: nobody
}

// Gate is what holds an intent back however low the price of a call is. Equal
// gates are one pointer: intents share a call only if they share the gate.
type Gate struct {
	Pool      string    // whose share of the calls it draws on; empty: what is common
	Active    *Calendar // outside of it: held, and released at its opening; nil: always
	Frequency Frequency // how often a user may be reached
	NotBefore time.Time // a digest's clock time; zero: none
}

// Frequency says how many pushes that may reach one of an audience's users may
// go out in any period: a push under whatever rule counts, if some user could be
// in both. The zero Frequency is no limit.
type Frequency struct {
	Calls int
	Per   time.Duration
}

// Suppression holds back the intents of one pool whose audience overlaps that of
// the one that suppresses: from its arrival until so long after its push.
type Suppression struct {
	Pool string
	For  time.Duration
}
