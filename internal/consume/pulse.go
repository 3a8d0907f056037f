package consume

import (
	"context"
	"sync"
	"time"
)

// pulse notices that this process stood still: frozen, paused with its machine,
// or starved. The group may have given the partitions away meanwhile, and what
// the process knows first when it goes on is the time.
type pulse struct {
	limit time.Duration // between two beats

	mu     sync.Mutex
	last   time.Time // monotonic
	lapsed bool
}

// newPulse allows half a session, of which heartbeats leave more than the other
// half.
func newPulse(session time.Duration, now time.Time) *pulse {
	return &pulse{limit: session / 2, last: now}
}

// beat notes that the process runs, and returns whether it has done so all the
// time. Whoever beats first after a standstill finds it out.
//
// The monotonic clock of a machine that is suspended stands still with it, the
// wall clock does not; a wall clock that is set forward costs one session.
func (p *pulse) beat(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	gap := max(now.Sub(p.last), now.Round(0).Sub(p.last.Round(0)))
	p.lapsed = p.lapsed || gap > p.limit
	p.last = now
	return !p.lapsed
}

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) {
	tick := time.NewTicker(p.limit / 4)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.beat(time.Now())
		case <-ctx.Done():
			return
		}
	}
}
