// Package consume reads CloudEvents from Kafka for the one member of the group
// that owns all partitions.
//
// It joins the group, fetches, decodes and commits. It never decides what
// becomes of an event, never commits on its own, and never skips a record
// silently: what cannot be decoded comes with an error, what is gone comes as a
// Loss.
//
//	join ──► standby                       no partitions; waits
//	  ▲  └──► own ──► serve(ctx, Session)  all partitions
//	  │                │
//	  └── generation ends, serve returns ◄─ ctx of serve ends first
//
// One goroutine a partition fetches and decodes, and hands over whole batches
// on a channel without a buffer: whoever stops receiving has stopped fetching.
// A generation, and so the handover to another member, waits until serve has
// returned.
//
// Group.Run owns everything it starts and returns when all of it has ended. A
// Session belongs to the call of serve that got it; Commit and the channel may
// be used from several goroutines.
package consume
