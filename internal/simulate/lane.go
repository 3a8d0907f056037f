package simulate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
)

// day is the window of the API's quota.
const day = 24 * time.Hour

// lane is one app with its own scheduler and budget. All lanes share the
// process's one call, as they do in the bridge.
type lane struct {
	name  string
	terms intent.Terms
	sched *limiter.Scheduler

	calls     int
	worst     int         // most calls in any 24 hours
	responses []time.Time // of the calls of the last 24 hours
}

func newLanes(c Config) ([]*lane, error) {
	if len(c.Lanes) == 0 {
		return nil, errors.New("simulate: no lane")
	}
	lanes := make([]*lane, 0, len(c.Lanes))
	for _, name := range slices.Sorted(maps.Keys(c.Lanes)) {
		t := c.Lanes[name]
		if t.Calls <= 0 || t.Interval <= 0 {
			return nil, fmt.Errorf("simulate: lane %q: quota %d, interval %v: want both above 0", name, t.Calls, t.Interval)
		}
		lanes = append(lanes, &lane{name: name, terms: t, sched: limiter.New(limiter.Config{
			Budget: limiter.NewBudget(t.Interval, day, t.Calls), Settle: c.Settle,
			Memory: limiter.NewMemory(c.DedupWindow, c.DedupMax), MaxBytes: c.MaxRequestBytes,
		})})
	}
	return lanes, nil
}

// laneOf returns the lane of a name, nil where there is none.
func laneOf(lanes []*lane, name string) *lane {
	for _, l := range lanes {
		if l.name == name {
			return l
		}
	}
	return nil
}

// called counts a call. One belongs to a period of 24 hours from its sending
// until 24 hours after its response, the strictest reading.
func (l *lane) called(f *flight) {
	l.calls++
	gone, _ := slices.BinarySearchFunc(l.responses, f.sent.Add(-day+1), time.Time.Compare)
	l.responses = append(slices.Delete(l.responses, 0, gone), f.end)
	l.worst = max(l.worst, len(l.responses))
}
