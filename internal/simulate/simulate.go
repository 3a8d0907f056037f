package simulate

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
)

// Config is what a run is made of.
type Config struct {
	Rules *mapper.Rules
	// Lanes are those of the rules, in their order, with Terms that are whole:
	// Calls and Interval too.
	Lanes []mapper.Lane
	// Changes are those of quotas while time goes on.
	Changes []Change

	Latency         Latency
	Seed            uint64        // of the latencies
	Settle          time.Duration // how long a burst may settle
	MaxRequestBytes int           // no call is larger; 0: no limit
	DedupWindow     time.Duration // repeats are told within this time
	DedupMax        int           // and among so many events

	Location *time.Location // whose hours the Report counts by; nil: UTC
	Log      io.Writer      // a line for each call and each end without one; nil: none
	Watch    Watch
}

// Latency is how long an answer takes: drawn evenly, in whole milliseconds, both
// ends included.
type Latency struct{ Min, Max time.Duration }

// Change gives a lane another quota.
type Change struct {
	After time.Duration // since the first arrival
	Lane  string
	Calls int
}

// Arrival is one event of the stream.
type Arrival struct {
	Line  int64        // of its file, from 1, rising; it stands for the record's offset
	At    time.Time    // when it reached Kafka; without an Event it may be zero: when the one before it did
	Event *event.Event // valid, and not kept; nil where Err is set
	Err   error        // why it is no event
}

// OrderError is an arrival before the one that precedes it in the stream.
type OrderError struct {
	Line       int64
	At, Before time.Time // its arrival, and the later one before it
}

// Error names the line and both instants.
func (e *OrderError) Error() string {
	return fmt.Sprintf("line %d arrived at %s, before what precedes it, at %s", e.Line, e.At.UTC().Format(time.RFC3339Nano), e.Before.UTC().Format(time.RFC3339Nano))
}

// Run plays the events in the order of their arrival, and goes on after the last
// one until every intent has ended. It fails where the stream does, where an
// event arrives before the one before it (an *OrderError), where a rule names a
// lane without terms and where the log cannot be written.
func Run(c Config, events iter.Seq2[Arrival, error]) (Report, error) {
	r, err := newRun(c)
	if err != nil {
		return Report{}, err
	}
	for a, err := range events {
		if err != nil {
			return Report{}, err
		}
		if err := r.arrive(&a); err != nil {
			return Report{}, err
		}
	}
	if err := r.finish(); err != nil {
		return Report{}, err
	}
	return r.tally.report(r.lanes, r.now), r.log.flush()
}

// run is the state of one simulation.
type run struct {
	rules    *mapper.Rules
	lanes    []*lane
	maxBytes int
	latency  Latency
	random   *rand.Rand

	start   time.Time // of the first arrival; zero: nothing has arrived
	changes []Change  // still to come, in order

	now    time.Time // a whole millisecond
	latest time.Time // arrival of the event before
	wake   time.Time // when the schedulers want to be asked again; zero: when something happens
	flight *flight   // the process's one call; nil: none

	log   log
	tally tally
	watch Watch
	looks []time.Time // still to come, in order
}

// flight is a call that was sent and not answered yet.
type flight struct {
	lane      *lane
	batch     *limiter.Batch
	sent, end time.Time
}

func newRun(c Config) (*run, error) {
	switch {
	case c.Rules == nil:
		return nil, errors.New("simulate: no rules")
	case c.DedupWindow <= 0 || c.DedupMax <= 0:
		return nil, errors.New("simulate: the dedup window and its size must be above 0")
	case c.Latency.Min < 0 || c.Latency.Max < c.Latency.Min || c.Latency.Min%time.Millisecond != 0 || c.Latency.Max%time.Millisecond != 0:
		return nil, fmt.Errorf("simulate: latency %v to %v: want whole milliseconds, the smaller first", c.Latency.Min, c.Latency.Max)
	}
	r := &run{
		rules: c.Rules, maxBytes: c.MaxRequestBytes, latency: c.Latency,
		random: rand.New(rand.NewPCG(c.Seed, 0)),
		log:    newLog(c.Log), tally: newTally(c.Location),
		watch: c.Watch, looks: looksOf(c.Watch),
	}
	var err error
	if r.lanes, err = newLanes(c); err != nil {
		return nil, err
	}
	r.changes, err = changesOf(c.Changes, r.lanes)
	return r, err
}

// arrive lets time go on up to the arrival and takes the event in.
func (r *run) arrive(a *Arrival) error {
	if a.At.IsZero() && a.Err != nil {
		a.At = r.latest
	}
	if a.At.Before(r.latest) {
		return &OrderError{Line: a.Line, At: a.At, Before: r.latest}
	}
	r.latest = a.At
	at := wholeMillisecond(a.At)
	if err := r.playUntil(at); err != nil {
		return err
	}
	if r.start.IsZero() && !at.IsZero() {
		r.start = at
	}
	r.now = at
	r.wake = at // whatever is pending now, the schedulers are asked again
	return r.take(a)
}

// playUntil goes through all that happens before an instant.
func (r *run) playUntil(end time.Time) error {
	for {
		at := r.next()
		if at.IsZero() || !at.Before(end) {
			r.looksBefore(end)
			return nil
		}
		if err := r.step(at); err != nil {
			return err
		}
	}
}

// finish goes on until nothing is pending.
func (r *run) finish() error {
	for r.pending() {
		at := r.next()
		if at.IsZero() {
			panic("simulate: intents are pending and their schedulers wait for nothing")
		}
		if err := r.step(at); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) pending() bool {
	for _, l := range r.lanes {
		if l.sched.Total() > 0 {
			return true
		}
	}
	return false
}

// next is when something happens next, if no event arrives; zero: never.
func (r *run) next() time.Time {
	at := r.wake
	if r.flight != nil {
		at = earliest(at, r.flight.end)
	}
	if len(r.changes) > 0 && !r.start.IsZero() {
		at = earliest(at, r.changeAt())
	}
	return at
}

// earliest is the earlier of two instants, of which a zero one is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// step is one round of the live loop: the answer to the call is learnt, then the
// lanes are asked for the next one.
func (r *run) step(now time.Time) error {
	r.looksBefore(now)
	r.now = now
	if f := r.flight; f != nil && !f.end.After(now) {
		r.flight = nil
		verdict := limiter.Verdict{Result: limiter.Pushed, End: f.end, Counted: true, Reached: true}
		if err := r.end(f.lane.sched.Done(now, f.batch, verdict), f.sent); err != nil {
			return err
		}
	}
	for len(r.changes) > 0 && !r.changeAt().After(now) {
		laneOf(r.lanes, r.changes[0].Lane).change(r.changes[0].Calls)
		r.changes = r.changes[1:]
	}
	r.wake = time.Time{}
	l, b, err := r.choose()
	if err != nil || b == nil {
		return err
	}
	return r.call(l, b)
}

// wakeAt notes that a scheduler wants to be asked at an instant, or soon after
// now where that has passed: a round always moves time on.
func (r *run) wakeAt(at time.Time) {
	if at.IsZero() {
		return
	}
	at = wholeMillisecond(at)
	if !at.After(r.now) {
		at = r.now.Add(time.Millisecond)
	}
	r.wake = earliest(r.wake, at)
}

// call sends a batch.
func (r *run) call(l *lane, b *limiter.Batch) error {
	took := r.latency.Min
	if spread := (r.latency.Max - r.latency.Min) / time.Millisecond; spread > 0 {
		took += time.Duration(r.random.Int64N(int64(spread)+1)) * time.Millisecond
	}
	f := &flight{lane: l, batch: b, sent: r.now, end: r.now.Add(took)}
	r.flight = f
	l.called(f, r.tally.calls+1)
	r.tally.called(f)
	if r.watch.Call != nil {
		r.watch.Call(Call{Lane: l.name, Batch: b, Sent: f.sent, Ends: f.end})
	}
	return r.log.call(f, r.maxBytes)
}

// wholeMillisecond is the first whole millisecond from t on.
func wholeMillisecond(t time.Time) time.Time {
	u := t.Truncate(time.Millisecond)
	if u.Before(t) {
		u = u.Add(time.Millisecond)
	}
	return u
}
