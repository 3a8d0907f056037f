// Package simulate plays a recorded stream of events to the real mapper and the
// real scheduler in virtual time, and says what the bridge would have done.
//
// It never waits, reads no clock and starts no goroutine: it goes from one
// instant at which something happens to the next, which are an arrival, the
// scheduler's own wake and the response to the call in flight.
//
//	arrivals ──► mapper ──► Scheduler ──► call ──► log, Report
//	                            ▲           │
//	                            └─ response ┘  after a latency drawn from the seed
//
// Every simulated answer is ok. All instants but arrivals are whole milliseconds,
// what the log can say: the scheduler is asked at the next one. The same input
// and the same seed give the same bytes.
//
// A run has one owner: who calls Run.
package simulate
