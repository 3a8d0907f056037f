package journal

import (
	"fmt"
	"time"
)

// callKey names an attempt.
type callKey struct {
	id     string
	number int
}

func (k callKey) String() string { return fmt.Sprintf("%s.%d", k.id, k.number) }

// call is what the records say about one attempt, in whatever number and order
// they came: a write may have been repeated, and the window may begin between.
type call struct {
	attempt *Attempt
	ended   bool
	outcome *Outcome // the one that ended last
	taken   bool     // by the API
	doubt   bool     // its outcome says so
	counted bool
	made    bool
	class   string // of the outcome that ended last
	lane    string
	app     uint32
	start   time.Time
	end     time.Time

	brokerAt, brokerEnd time.Time // of attempt and end, by the journal's leader
}

// took is how long after its start the call's end came; 0 where no start is known, or
// the clock was set back in between.
func (c *call) took() time.Duration {
	if c.start.IsZero() {
		return 0
	}
	return max(0, c.end.Sub(c.start))
}

// age is how long ago the call was over. An unknown end is as late as it can be;
// fenced is how long after the attempt its fence was begun, negative: not known.
func (c *call) age(clocks Clocks, fenced time.Duration) time.Duration {
	if c.ended {
		return clocks.age(c.end, c.brokerEnd, c.took())
	}
	lasts := max(0, c.attempt.Deadline.Sub(c.attempt.At))
	if fenced >= 0 && c.attempt.UnderWay > 0 {
		lasts = min(lasts, fenced+c.attempt.UnderWay)
	}
	broker := c.brokerAt
	if !broker.IsZero() {
		broker = broker.Add(lasts)
	}
	return clocks.age(c.attempt.At.Add(lasts), broker, lasts)
}

// toCall is what of a call that was made counts after a restart.
func (c *call) toCall(end time.Time) Call {
	out := Call{Lane: c.lane, App: c.app, Start: c.start, End: end, Counted: c.counted || !c.ended, Class: c.class}
	if c.attempt != nil {
		out.Pool, out.Random = c.attempt.Pool, c.attempt.Random
		if c.taken || c.doubt || !c.ended {
			out.Condition = c.attempt.Condition
		}
	}
	return out
}
