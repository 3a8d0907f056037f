package limiter

import (
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// Why says what made a batch go now.
type Why uint8

// The reasons, a closed list; the words are those of results and logs.
const (
	WhyDeadline Why = iota + 1 // a max_delay is near
	WhyCritical                // it is critical, and has lost what a critical call costs
	WhyOpened                  // its hours have opened
	WhyDigest                  // it is its digest's time
	WhyPrice                   // it has lost as much by waiting as a call costs
	WhyResend                  // its outcome was unknown and its rule says resend
	WhyFull                    // memory is full, and this gives back most of it
)

// String returns the word.
func (w Why) String() string {
	switch w {
	case WhyDeadline:
		return "deadline"
	case WhyCritical:
		return "critical"
	case WhyOpened:
		return "window opened"
	case WhyDigest:
		return "digest time"
	case WhyPrice:
		return "price"
	case WhyResend:
		return "resend"
	case WhyFull:
		return "memory full"
	}
	return "unknown"
}

// Batch is intents that are one call. It is frozen: what arrives while it is in
// flight opens another.
type Batch struct {
	ID       uint64 // unique within the Scheduler; a resend keeps it
	Audience audience.Audience
	Messages []intent.Message
	Covers   []Cover // for each message their audiences unite to Audience
	Priority intent.Priority
	OnDoubt  intent.OnDoubt
	Why      Why
	Due      time.Time // when the first of its intents should have been pushed
	Overlap  bool      // a user may get one of the messages in another call too: of an event with more than 10 tags, or that waits as well
	Resend   bool      // the same call was made before, with an unknown outcome
}

// Cover is one intent, or one part of it, that a batch carries.
type Cover struct {
	Intent   *intent.Intent
	Audience audience.Audience // what of the intent this batch asks for
}
