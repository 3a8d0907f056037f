// Package bridge is the running pipeline: it wires the stages and owns the one
// loop between them.
//
// It decides nothing that a stage decides: not what a rule asks for, not what
// may merge, not what an answer means. It reads the clock, moves values from
// stage to stage (route.go) and sees that they go in the promised order.
//
//	records ─► loop ─► map ─► Scheduler.Add ─► pending
//	            │ Scheduler.Next                   │
//	            ├─► call: Begin ─► fence ─► Push ──┴─► loop: Scheduler.Done
//	            ├─► record: dead letters, journal, results ─► loop: Watermark.Done
//	            └─► commit: what lies below the watermarks
//
// Every lane, an app of its own, has a scheduler; one call is in flight in all of
// them (docs/decisions/005-lanes.md).
//
// The goroutines, one session (one ownership of the partitions) at a time:
//
//	who     owns                                          stops when                       touches
//	loop    lanes, watermarks, outbox, all decisions      the session ends and all is      channels only, no I/O
//	                                                      recorded and committed
//	call    the one call in flight                        its call has ended               journal.Note and Begin, Commit, Push
//	record  the one batch of dispositions being written   it is written, or the deadline   dead letters, journal, results
//	commit  the one commit                                it is answered                   Session.Commit
//
// The last three exist only while they have work; each answers on a channel of
// size 1, so that none waits for the loop to end. The session waits for them.
//
// Rules are replaced by Reload: the loop takes them over between two events, or ends
// its session, and the next one maps anew what waits (docs/decisions/008-hot-reload.md).
//
// What a rule wants approved waits in the loop, beside the schedulers, until enough
// people have approved of it and the journal knows (approve.go).
//
// What a restart must know stands in three places: the committed offsets, beside
// them the name of the last attempt that was fenced, and the journal, which is
// read back to the oldest record that is still to be read (docs/journal.md). What
// an earlier life may not have told is told again, and its push in doubt is called
// again beside the schedulers, as it was.
package bridge
