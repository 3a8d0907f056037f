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
// Every simulated answer is ok. The scheduler is asked at exact instants, as the
// live loop asks it; what is told (log, Watch, Report) is in whole milliseconds. The
// same input and the same seed give the same bytes.
//
// What it says of a recorded day is what the bridge did on it, call for call, if
// it is told the day's quotas, latencies and since when the bridge ran; a test in
// bridge holds the two together. It cannot know what the records do not say: calls that
// were refused or in doubt, a restart in between (the forecast begins anew), who
// else used the quota, and how long Kafka took.
//
// A run has one owner: who calls Run.
package simulate
