package simulate

import (
	"fmt"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
)

// recording is the topic that the stream stands for. Its name is in no output.
const recording = "recording"

// take maps an event and hands its intents to their lanes.
func (r *run) take(a *Arrival) error {
	r.tally.arrived(a.At)
	if a.Err != nil {
		r.tally.deadLetter(a.Line, a.Err)
		r.watchDeadLetter(a.Line, a.Err)
		return r.log.deadLetter(a.Line, nil, a.Err, r.now)
	}
	o := originOf(a)
	m := r.rules.Map(a.Event, o)
	if len(m.Intents) == 0 && len(m.Failures) == 0 {
		r.tally.ends.Unmatched++
		r.watchUnmatched(a.Line, m.Why)
		return r.log.unmatched(&o, m.Why, r.now)
	}
	for _, f := range m.Failures {
		r.tally.deadLetter(a.Line, f)
		r.watchDeadLetter(a.Line, f)
		if err := r.log.deadLetter(a.Line, &o, f, r.now); err != nil {
			return err
		}
	}
	for _, in := range m.Intents {
		l := laneOf(r.lanes, in.Policy.Lane)
		if l == nil {
			return fmt.Errorf("line %d: rule %q: lane %q has no terms", a.Line, in.Rule, in.Policy.Lane)
		}
		r.tally.intents++
		if err := r.end(l.sched.Add(r.now, in), time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// originOf says where an event came from.
func originOf(a *Arrival) intent.Origin {
	e := a.Event
	o := intent.Origin{
		Position: offset.Position{Partition: offset.Partition{Topic: recording}, Offset: a.Line},
		Source:   e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: a.At,
	}
	if o.Time.IsZero() {
		o.Time = a.At
	}
	return o
}

// end records what a scheduler is done with. sent is when the call went out that
// ended them; zero: none did.
func (r *run) end(ended []limiter.Ended, sent time.Time) error {
	r.watchEnds(ended, sent)
	for i := range ended {
		e := &ended[i]
		r.tally.ended(e, sent)
		if err := r.log.ended(e, r.now); err != nil {
			return err
		}
	}
	return nil
}
