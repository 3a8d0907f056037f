// Package limiter decides which pending intents become one call, and when that
// call may start.
//
// It is a state machine and nothing else: no clock, no goroutine, no I/O. Every
// method takes the present instant, so that real time and virtual time get the
// same decisions from the same inputs.
//
//	Add ──► pending ──► Next ──► in flight ──► Done ──► ended
//	           ▲                                │
//	           └───────── again, resend ────────┘
//
// A Scheduler has one owner and is not safe for concurrent use.
package limiter
