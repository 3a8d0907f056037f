// Package journal is the bridge's memory: what it was about to do, what came of
// it, and how every event ended, on a Kafka topic of one partition.
//
//	Start ──► started (and what the broker's clock shows)
//	Begin ──► attempt ──► (the call) ──► End ──► outcome + dispositions
//	Record ──────────────────────────────────► dispositions of events that leave early
//	Note ────────────────────────────────────► what was seen, told, made anew
//	Read ◄── all of it, back to the start of the window
//
// Every write is acknowledged by all in-sync replicas before its method returns.
// A write that was answered with an error may be in the topic all the same, once
// or more often, so reading counts by attempt and by position, never by record.
//
// It never calls the API, never decides what to do about doubt and never commits
// offsets. A session starts, the bridge's call goroutine owns Begin, its loop's helper owns End
// and Record, both note; a Log is safe for both at once.
package journal
