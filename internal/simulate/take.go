package simulate

import (
	"fmt"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
)

// recording is the topic that the stream stands for. Its name is in no output.
const recording = "recording"

// take maps an event and hands its intents to their lanes.
func (r *run) take(a *Arrival) error {
	r.tally.arrived(a.At)
	r.asked = 1
	if a.Err != nil {
		return r.bury(a, nil, a.Err)
	}
	o := originOf(a)
	m := r.rules.Map(a.Event, o)
	if len(m.Intents) == 0 && len(m.Failures) == 0 {
		r.tally.ends.Unmatched++
		r.watchUnmatched(&o, m.Why)
		return r.log.unmatched(&o, m.Why, r.now)
	}
	r.asked = len(m.Intents) + len(m.Failures)
	for _, f := range m.Failures {
		if err := r.bury(a, &o, f); err != nil {
			return err
		}
	}
	for _, in := range m.Intents {
		l := laneOf(r.lanes, in.Policy.Lane)
		if l == nil {
			return fmt.Errorf("line %d: rule %q: lane %q has no terms", a.Line, in.Rule, in.Policy.Lane)
		}
		r.tally.intents++
		if err := r.end(l.sched.Add(r.now, in), nil); err != nil {
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
		Source:   e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: a.At, ReplayID: a.Again,
	}
	if o.Time.IsZero() {
		o.Time = a.At
	}
	return o
}

// bury records what a rule failed on or, without an origin, what is no event.
func (r *run) bury(a *Arrival, o *intent.Origin, cause error) error {
	r.tally.deadLetter(a.Line, cause)
	r.watchDeadLetter(a.Line, o, cause)
	return r.log.deadLetter(a.Line, o, cause, r.now)
}

// end records what a scheduler is done with. by is the call that ended them; nil:
// none did.
func (r *run) end(ended []limiter.Ended, by *Call) error {
	r.watchEnds(ended, by)
	for i := range ended {
		e := &ended[i]
		r.tally.ended(e, by)
		if err := r.log.ended(e, r.now); err != nil {
			return err
		}
	}
	return nil
}
