// Package replay says what an event looks like that comes again, and keeps account
// of what became of events, which tells the ones that are worth it.
//
// An event comes again on a topic of its own, as it was and with these extensions:
//
//	replayid        the replay, as its operator named it
//	replayof        where the original is, as topic/partition@offset
//	replaypriority  the most urgent that it may be; without it low
//	replayexpiry    "ignored" where the instants at which it expired are to count no more
//	replaynot       the rules under which it has ended and is not mapped again
//
// Beside them the topic holds two kinds of control records, events of this package's
// own types: a replay begins with what it selects, and may be cancelled by one.
//
// It does no I/O and starts nothing.
package replay
