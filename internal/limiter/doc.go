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
// A pending batch is units, one of each message it says, and all of one audience;
// only digests have several. A unit is the items of one message, an item being an
// intent or a part of one, and what it reaches is always their union. Items wait
// packed: an intent that is handed out again is equal to the one that came, its
// times in UTC.
//
// A call has a price. A batch sleeps while it saves less, waits until it has lost its
// share of the price, lulls while its burst goes on, and then is ready; it is held
// while its hours are shut, and stands behind a bar while its users were reached too
// often or an alert holds its pool back.
//
// A Scheduler has one owner and is not safe for concurrent use.
package limiter
