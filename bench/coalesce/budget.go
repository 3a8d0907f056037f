package main

import "time"

const (
	interval = time.Second      // a call starts later than this after the last response
	tick     = time.Millisecond // the logs' resolution: "later" is one of it
	window   = 24 * time.Hour
)

// budget keeps the two limits of the API. A call counts from its sending until 24
// hours after its response.
type budget struct {
	quota int
	ends  []time.Duration // responses, in order
}

// legal is the first instant from now on when a call may start. It changes nothing.
func (b *budget) legal(now time.Duration) time.Duration {
	n := len(b.ends)
	if n > 0 {
		now = max(now, b.ends[n-1]+interval+tick)
	}
	if n >= b.quota {
		now = max(now, b.ends[n-b.quota]+window+tick)
	}
	return now
}

// held returns the responses of the calls that count at now. It changes nothing.
func (b *budget) held(now time.Duration) []time.Duration {
	i := max(0, len(b.ends)-b.quota)
	for i < len(b.ends) && b.ends[i]+window < now {
		i++
	}
	return b.ends[i:]
}

// free is how many calls the quota leaves at now.
func (b *budget) free(now time.Duration) int { return b.quota - len(b.held(now)) }

func (b *budget) spend(end time.Duration) { b.ends = append(b.ends, end) }
