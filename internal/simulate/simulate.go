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
	// Spent is, by lane, the calls that were made before the first arrival, oldest first.
	Spent map[string][]Spent
	// Changes are those of quotas while time goes on.
	Changes []Change

	Latency         Latency
	Seed            uint64        // of the latencies
	Settle          time.Duration // how long a burst may settle
	MaxRequestBytes int           // no call is larger; 0: no limit
	DedupWindow     time.Duration // repeats are told within this time
	DedupMax        int           // and among so many events

	// Watched is for how long the schedulers have been asked when the first event
	// arrives, as since the start of `bridge run`: their forecast is believed more the
	// longer they have watched.
	Watched time.Duration
	// MaxPending is how many intents may wait before nothing more is read, until three
	// quarters of them do; 0: any number.
	MaxPending int

	Location *time.Location // whose hours the Report counts by; nil: UTC
	Log      io.Writer      // a line for each call and each end without one; nil: none
	Watch    Watch
}

// Spent is a call that was made before.
type Spent struct {
	Pool string
	End  time.Time
}

// Latency is how long an answer takes: drawn evenly, in whole milliseconds, both
// ends included.
type Latency struct{ Min, Max time.Duration }

// Draw returns how long the next answer takes.
func (l Latency) Draw(random *rand.Rand) time.Duration {
	if spread := (l.Max - l.Min) / time.Millisecond; spread > 0 {
		return l.Min + time.Duration(random.Int64N(int64(spread)+1))*time.Millisecond
	}
	return l.Min
}

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
	Again string       // the replay by which it comes again; empty: it comes for the first time
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
	grain    time.Duration
	watched  time.Duration
	bounded  bool
	bound    limiter.Bound // of what waits; while it pauses nothing is read
	full     bool          // and the schedulers hurry

	start   time.Time // of the first arrival; zero: nothing has arrived
	changes []Change  // still to come, in order

	now    time.Time // a multiple of the grain
	latest time.Time // arrival of the event before
	wake   time.Time // when the schedulers want to be asked again; zero: when something happens
	flight *flight   // the process's one call; nil: none

	log   log
	tally tally
	watch Watch
	looks []time.Time // still to come, in order
	asked int         // ends that the last arrival has or will have
}

// flight is a call that was sent and not answered yet.
type flight struct {
	*Call
	lane *lane
}

func newRun(c Config) (*run, error) {
	switch {
	case c.Rules == nil:
		return nil, errors.New("simulate: no rules")
	case c.DedupWindow <= 0 || c.DedupMax <= 0:
		return nil, errors.New("simulate: the dedup window and its size must be above 0")
	case c.Latency.Min < 0 || c.Latency.Max < c.Latency.Min || c.Latency.Min%time.Millisecond != 0 || c.Latency.Max%time.Millisecond != 0:
		return nil, fmt.Errorf("simulate: latency %v to %v: want whole milliseconds, the smaller first", c.Latency.Min, c.Latency.Max)
	case c.Watched < 0 || c.MaxPending < 0:
		return nil, fmt.Errorf("simulate: watched for %v, %d may wait: want 0 or more", c.Watched, c.MaxPending)
	}
	// Instants are exact, as the live loop's. But of calls that are answered at once a
	// log of milliseconds could not say that the interval lay between them.
	grain := time.Nanosecond
	if c.Latency.Min < time.Millisecond {
		grain = time.Millisecond
	}
	r := &run{
		rules: c.Rules, maxBytes: c.MaxRequestBytes, latency: c.Latency,
		random: rand.New(rand.NewPCG(c.Seed, 0)), grain: grain, watched: c.Watched, bounded: c.MaxPending > 0, bound: limiter.NewBound(c.MaxPending),
		log: newLog(c.Log), tally: newTally(c.Location, c.Rules.Rules()),
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
	at := whole(a.At, r.grain)
	if r.start.IsZero() && !at.IsZero() {
		r.start = at
		r.begin(at.Add(-r.watched))
	}
	if err := r.playUntil(at); err != nil {
		return err
	}
	if err := r.resume(); err != nil {
		return err
	}
	if r.now.Before(at) { // after a pause it is read late
		r.goOn(at)
	}
	r.wake = r.now // whatever is pending now, the schedulers are asked again
	return r.take(a)
}

// goOn lets it be now.
func (r *run) goOn(now time.Time) {
	r.tally.timeline.pass(r.now, now, r.lanes)
	r.now = now
}

// begin is when the schedulers are told of the time for the first time.
func (r *run) begin(at time.Time) {
	r.now = at
	for _, l := range r.lanes {
		l.sched.Idle(at)
	}
}

// resume goes on until what arrives is read, as the live loop reads nothing while
// too much waits.
func (r *run) resume() error {
	if r.bounded && !r.bound.Paused() && r.waiting() >= r.bound.Most() {
		if err := r.step(r.now); err != nil {
			return err
		}
	}
	for r.bound.Paused() {
		if err := r.step(r.next()); err != nil {
			return err
		}
	}
	return nil
}

// setPaused says whether the next arrival is read. While it is not the schedulers
// hurry, as in the live loop; it says whether that has changed.
func (r *run) setPaused() bool {
	waiting := r.waiting()
	r.bound.Set(waiting)
	full := r.bound.Full(waiting)
	if full == r.full {
		return false
	}
	r.full = full
	for _, l := range r.lanes {
		l.sched.Hurry(full)
	}
	return true
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
	for r.waiting() > 0 {
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

// waiting is how many intents have not ended.
func (r *run) waiting() int {
	n := 0
	for _, l := range r.lanes {
		n += l.sched.Total()
	}
	return n
}

// next is when something happens next, if no event arrives; zero: never.
func (r *run) next() time.Time {
	at := r.wake
	if r.flight != nil {
		at = earliest(at, r.flight.Ends)
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
	r.goOn(now)
	if f := r.flight; f != nil && !f.Ends.After(now) {
		r.flight = nil
		verdict := limiter.Verdict{Result: limiter.Pushed, End: f.Ends, Counted: true, Reached: true}
		if err := r.end(f.lane.sched.Done(now, f.Batch, verdict), f.Call); err != nil {
			return err
		}
	}
	for len(r.changes) > 0 && !r.changeAt().After(now) {
		laneOf(r.lanes, r.changes[0].Lane).change(r.changes[0].Calls)
		r.changes = r.changes[1:]
	}
	r.wake = time.Time{}
	l, b, err := r.choose()
	if err != nil {
		return err
	}
	if b != nil {
		if err := r.call(l, b); err != nil {
			return err
		}
	}
	if r.bounded && r.setPaused() {
		return r.step(now) // the schedulers may have another answer
	}
	return nil
}

// wakeAt notes that a scheduler wants to be asked at an instant, or soon after
// now where that has passed: a round always moves time on.
func (r *run) wakeAt(at time.Time) {
	if at.IsZero() {
		return
	}
	at = whole(at, r.grain)
	if !at.After(r.now) {
		at = r.now.Add(r.grain)
	}
	r.wake = earliest(r.wake, at)
}

// call sends a batch.
func (r *run) call(l *lane, b *limiter.Batch) error {
	c := &Call{Number: r.tally.calls + 1, Lane: l.name, Sent: r.now, Ends: r.now.Add(r.latency.Draw(r.random)), Batch: b}
	r.flight = &flight{Call: c, lane: l}
	l.turn = c.Number
	shown := c.told()
	l.called(&shown)
	r.tally.called(&shown)
	if r.watch.Call != nil {
		r.watch.Call(shown)
	}
	return r.log.call(&shown, r.maxBytes)
}
