package journal

import (
	"sync/atomic"
	"time"
)

// Clocks is one moment by two clocks.
type Clocks struct {
	Now time.Time // of this process, with its monotonic reading
	// Broker is the clock of the broker that leads the journal, no later than Now.
	// Zero: the topic keeps the times of its producers, so there is no second clock
	// (message.timestamp.type is not LogAppendTime).
	Broker time.Time
}

// age is how long ago an instant was that was stored by the writer's wall clock and
// perhaps by the broker's: the less of what the two support. A wall clock that was
// set, or two machines' that differ, thus make no call older than it is unless the
// brokers' clock is wrong in the same way.
//
// A call of which the end lies ahead can last as long again as it was to take.
func (c Clocks) age(wall, broker time.Time, toTake time.Duration) time.Duration {
	age := c.Now.Round(0).Sub(wall)
	if !c.Broker.IsZero() && !broker.IsZero() {
		age = min(age, c.Broker.Sub(broker))
	}
	return max(age, -toTake)
}

// when is the instant of that age. It has a monotonic reading if Now has: from here
// on no step of the wall clock changes its age.
func (c Clocks) when(age time.Duration) time.Time { return c.Now.Add(-age) }

// brokerTick is the unit in which brokers tell the time.
const brokerTick = time.Millisecond

// brokerClock tells this process's instants by the clock of the journal's leader, as
// the answer to the last write gave it away. Between two writes the monotonic clock
// goes on.
type brokerClock struct {
	last atomic.Pointer[reading]
}

// reading is one look at the broker's clock: it showed broker at a moment after sent.
type reading struct {
	sent   time.Time
	broker time.Time
}

// read takes in the answer to a write; writes may be answered in another order.
func (c *brokerClock) read(sent, broker time.Time) {
	next := &reading{sent, broker}
	for {
		last := c.last.Load()
		if last != nil && sent.Before(last.sent) || c.last.CompareAndSwap(last, next) {
			return
		}
	}
}

// at is the latest that the broker's clock can have shown at t; zero: there is no such
// clock, or no t.
func (c *brokerClock) at(t time.Time) time.Time {
	r := c.last.Load()
	if r == nil || r.broker.IsZero() || t.IsZero() {
		return time.Time{}
	}
	return r.broker.Add(t.Sub(r.sent) + brokerTick)
}
