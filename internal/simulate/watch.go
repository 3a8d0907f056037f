package simulate

import (
	"errors"
	"slices"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
)

// Watch is told what happens while a run goes on. A nil function is not called.
// What they are handed is immutable, and theirs to keep. Its instants are those of
// the log, in whole milliseconds.
type Watch struct {
	Call func(Call)
	End  func(End)

	// Look is told what waits at each of the instants At, before anything happens
	// there. To look changes nothing.
	At   []time.Time
	Look func(Look)
}

// Call is one call, as it is sent.
type Call struct {
	Number     int // from 1, over all lanes
	Lane       string
	Batch      *limiter.Batch
	Sent, Ends time.Time
}

// End is how one event ended under one rule.
type End struct {
	Line        int64          // of the Arrival
	Origin      *intent.Origin // nil: it is no event
	Intent      *intent.Intent // what the rule asked for; nil where none did
	Rule        string         // empty: no rule took it, or it is no event
	Disposition string         // the journal's word
	At          time.Time      // zero: before the first event
	Call        int            // the number of the call that carried it, or the last part of it; 0: none did
	Sent        time.Time      // when that was sent
	By          int64          // the line of what superseded it
	Reason      string         // where it matched no rule or is a dead letter
}

// Look is what waits in a lane.
type Look struct {
	At      time.Time
	Lane    string
	Waiting []limiter.Waiting
}

// lookMax is how many batches a Look describes.
const lookMax = 64

// looksBefore looks at all the instants up to t, which run in order.
func (r *run) looksBefore(t time.Time) {
	for len(r.looks) > 0 && !r.looks[0].After(t) {
		at := r.looks[0]
		r.looks = r.looks[1:]
		for _, l := range r.lanes {
			if waiting := l.sched.Snapshot(at, lookMax).Waiting; len(waiting) > 0 {
				r.watch.Look(Look{At: at, Lane: l.name, Waiting: waiting})
			}
		}
	}
}

// looksOf returns the instants in order.
func looksOf(w Watch) []time.Time {
	if w.Look == nil {
		return nil
	}
	return slices.SortedFunc(slices.Values(w.At), time.Time.Compare)
}

// watchEnds tells the ends of which the scheduler decides.
func (r *run) watchEnds(ended []limiter.Ended, by *Call) {
	if r.watch.End == nil {
		return
	}
	for i := range ended {
		e := &ended[i]
		end := End{Line: e.Intent.Origin.Position.Offset, Origin: &e.Intent.Origin, Intent: e.Intent, Rule: e.Intent.Rule, At: wholeMillisecond(r.now)}
		switch e.Kind {
		case limiter.EndPushed:
			end.Disposition, end.Call, end.Sent = "pushed", by.Number, wholeMillisecond(by.Sent)
		case limiter.EndRejected:
			end.Disposition, end.Call, end.Sent = "rejected", by.Number, wholeMillisecond(by.Sent)
		case limiter.EndExpired:
			end.Disposition = "expired"
		case limiter.EndSuperseded:
			end.Disposition, end.By = "superseded", e.By.Position.Offset
		case limiter.EndDuplicate:
			end.Disposition = "duplicate"
		}
		r.watch.End(end)
	}
}

// watchDeadLetter tells of what is no event, or of what a rule failed on.
func (r *run) watchDeadLetter(line int64, o *intent.Origin, cause error) {
	if r.watch.End == nil {
		return
	}
	end := End{Line: line, Origin: o, Disposition: "dead-lettered", At: wholeMillisecond(r.now), Reason: cause.Error()}
	if failed, ok := errors.AsType[*mapper.RuleError](cause); ok {
		end.Rule = failed.Rule
	}
	r.watch.End(end)
}

func (r *run) watchUnmatched(o *intent.Origin, why string) {
	if r.watch.End != nil {
		r.watch.End(End{Line: o.Position.Offset, Origin: o, Disposition: "unmatched", At: wholeMillisecond(r.now), Reason: why})
	}
}
