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
	// Latest is Merge, and of several pending intents with one key under one
	// rule only the newest by event time is pushed.
	Latest
	// Alone never shares a call.
	Alone
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

// Policy says when and how hard to try.
type Policy struct {
	Priority Priority
	MaxDelay time.Duration // soft: should be pushed within this of Origin.Received
	Expires  time.Time     // hard: is not pushed after this instant
	Mode     Mode
	Key      string // what Latest compares; not empty exactly in that mode
	OnDoubt  OnDoubt
}
