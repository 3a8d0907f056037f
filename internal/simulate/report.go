package simulate

import (
	"time"

	"pushbridge/internal/intent"
)

// Report is what a run would have come to.
type Report struct {
	From, To time.Time // the first arrival, and the last arrival, call or end
	Events   int       // of the stream, those that are no events included
	Intents  int       // what the events asked for, repeats included
	Ends     Ends

	Calls      int
	Covered    int // intents that calls carried, or parts of them
	MaxCovered int // by one call
	Overlaps   int // calls of which some user may get the message in another call too
	Why        map[string]int
	Worst24h   int    // most calls of one lane in any 24 hours, each from its sending to its response
	Hours      []Hour // that had a call, in order

	Priorities []Priority // of those that occurred, the most urgent first
	Rules      []Rule     // all, in the order of their file
	Lanes      []Lane     // by name
	Timeline   []Moment   // how the lanes stood, hour by hour

	Problems []Problem // the first dead letters, at most 10
}

// Ends counts dispositions: an event has one under each rule that took it.
type Ends struct {
	Pushed, Superseded, Expired, Duplicate, Unmatched, DeadLettered int
}

// Priority is how the intents of one priority fared. Repeats are not counted.
// What was superseded fares like its successor, from its own arrival on.
type Priority struct {
	Priority intent.Priority
	Intents  int
	Late     int   // pushed after max_delay
	Never    int   // not pushed
	Delay    Delay // of what was pushed
}

// Days is how long the run took, in days, and no less than one.
func (r *Report) Days() float64 { return max(1, r.To.Sub(r.From).Hours()/24) }

// Missed is what was not pushed within max_delay.
func (p *Priority) Missed() int { return p.Late + p.Never }

// Delay is the time from arrival to the sending of the call. The percentiles are
// delays that occurred: the smallest that so many percent do not exceed.
type Delay struct{ Mean, P50, P99, Max time.Duration }

// Hour counts the calls that were sent in one hour of the clock.
type Hour struct {
	Start time.Time // in Config.Location
	Calls int
}

// Lane is what one app's calls came to.
type Lane struct {
	Name     string
	Quota    int // at the beginning
	Calls    int
	Worst24h int // most calls in any 24 hours
	WorstDay int // most calls of a calendar day, where that is the window; else 0
}

// Problem is a line of the stream that was dead-lettered, and why.
type Problem struct {
	Line int64
	Err  error
}

// CriticalMissed is how many critical intents were pushed late or never.
func (r *Report) CriticalMissed() int {
	for i := range r.Priorities {
		if r.Priorities[i].Priority == intent.Critical {
			return r.Priorities[i].Missed()
		}
	}
	return 0
}
