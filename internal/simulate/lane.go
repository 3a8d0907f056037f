package simulate

import (
	"errors"
	"fmt"
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
	name   string
	quota  int // at the beginning
	terms  intent.Terms
	budget *limiter.Budget
	sched  *limiter.Scheduler

	turn      int // when it called last, among the calls of all lanes
	calls     int
	worst     int         // most calls in any 24 hours
	responses []time.Time // of the calls of the last 24 hours
	today     time.Time   // where the window is a day: midnight of the latest that had a call
	ofToday   int         // its calls
	worstDay  int         // most calls of a day
}

func newLanes(c Config) ([]*lane, error) {
	if len(c.Lanes) == 0 {
		return nil, errors.New("simulate: no lane")
	}
	// One memory, as in the bridge: an event is a repeat whichever lane it takes.
	memory := limiter.NewMemory(c.DedupWindow, c.DedupMax)
	lanes := make([]*lane, 0, len(c.Lanes))
	for _, of := range c.Lanes {
		if err := of.Terms.Check(); err != nil {
			return nil, fmt.Errorf("simulate: lane %q: %w", of.Name, err)
		}
		if laneOf(lanes, of.Name) != nil {
			return nil, fmt.Errorf("simulate: lane %q is there twice", of.Name)
		}
		budget := limiter.NewBudgetOf(of.Terms)
		for _, call := range c.Spent[of.Name] {
			budget.SpendFrom(call.Pool, call.End)
		}
		lanes = append(lanes, &lane{name: of.Name, quota: of.Terms.Calls, terms: of.Terms, budget: budget, sched: limiter.New(limiter.Config{
			Budget: budget, Settle: c.Settle, Memory: memory, MaxBytes: c.MaxRequestBytes,
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
func (l *lane) called(c *Call) {
	l.calls++
	gone, _ := slices.BinarySearchFunc(l.responses, c.Sent.Add(-day+1), time.Time.Compare)
	l.responses = append(slices.Delete(l.responses, 0, gone), c.Ends)
	l.worst = max(l.worst, len(l.responses))
	if l.terms.Day == nil {
		return
	}
	// One under way at midnight belongs to both days.
	for _, at := range []time.Time{c.Sent, c.Ends} {
		midnight := intent.StartOfDay(at, l.terms.Day)
		switch {
		case !midnight.Equal(l.today):
			l.today, l.ofToday = midnight, 1
		case at.Equal(c.Sent):
			l.ofToday++
		}
		l.worstDay = max(l.worstDay, l.ofToday)
	}
}

// choose lets time go on in every lane and returns the call to make now, if any
// lane has one: a critical one before others, then that of the lane whose turn
// lies furthest back. It is what the bridge does with the same schedulers.
func (r *run) choose() (*lane, *limiter.Batch, error) {
	var first *lane
	var batch *limiter.Batch
	for _, l := range r.lanes {
		var d limiter.Decision
		if r.flight == nil {
			d = l.sched.Next(r.now)
		} else {
			d = l.sched.Idle(r.now)
		}
		r.wakeAt(d.WakeAt)
		if err := r.end(d.Ended, nil); err != nil {
			return nil, nil, err
		}
		if d.Batch == nil {
			continue
		}
		if first == nil {
			first, batch = l, d.Batch
			continue
		}
		behind, later := l, d.Batch
		if goesBefore(l, d.Batch, first, batch) {
			behind, later, first, batch = first, batch, l, d.Batch
		}
		// It goes on merging until the other's call has ended.
		if err := r.end(behind.sched.Done(r.now, later, limiter.Verdict{Result: limiter.Again}), nil); err != nil {
			return nil, nil, err
		}
	}
	return first, batch, nil
}

// goesBefore says whether one lane's call goes before another's.
func goesBefore(a *lane, of *limiter.Batch, b *lane, other *limiter.Batch) bool {
	if x, y := of.Priority == intent.Critical, other.Priority == intent.Critical; x != y {
		return x
	}
	return a.turn < b.turn
}
