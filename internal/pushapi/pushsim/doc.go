// Package pushsim serves the push API of push-api.md locally: users with
// tags and attributes, signatures that are really verified, every error code,
// the interval and the quota, deliveries at 200 users a second, recall, and
// faults on demand.
//
// It imports nothing of this module and reads the wire from the page alone, so
// that one misreading cannot pass on both sides. It never calls anyone, starts
// no goroutine of its own (Run starts those of net/http) and reads time only
// through [time.Now], so a whole day of it fits into a testing/synctest bubble.
//
//	request ─► number, faults ─► delay ─► judge ─► delay ─► answer, or the fault
//	                                        │
//	              app: signature, fields, MsgRandom, interval, quota ─► task ─► deliveries
//
// Judging is one step under one lock, without I/O: what a call did is decided
// at one instant, whatever the network does to its answer. Deliveries are
// arithmetic, not events: a task keeps its audience as a bit set and the
// instant its turn begins, and who has received it by now is computed when
// somebody asks.
//
// A [Server] is safe for concurrent use. What the page leaves open is a field
// of [Config]; an audience that says nothing reaches everyone by default,
// because that is the reading under which a careless caller is found out.
package pushsim
