package bridge

import (
	"context"
	"encoding/json"
	"slices"

	"pushbridge/internal/journal"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/results"
)

// recordJob is one write. Its stage rises as parts of it succeed, so that a
// repetition does not write them again.
type recordJob struct {
	// Of the start of a session: outcomes for attempts that have none, and calls
	// whose ends may not have been told.
	unended []journal.Completed
	calls   []journal.Completed
	again   []repeat // ends of events that may not have been told

	letters     []results.DeadLetter
	letterBytes int
	notes       journal.Notes
	push        *pushEnd
	early       []journal.Disposition // of events that ended without a call
	reloaded    []results.Reloaded
	approved    []approved
	stage       int
	lapsed      func() bool // see consume.Session.Lapsed; nil: never

	promised bool  // its mark and tellsAll are set
	onlyMark bool  // it has nothing else; not worth a repetition
	tellsAll bool  // once it is written, nothing that is older is untold
	written  int64 // the journal's end after its own part of it
}

func (j *recordJob) len() int {
	n := 1 + len(j.reloaded) + len(j.approved) + len(j.early) + len(j.again) + len(j.unended) + len(j.calls)
	if j.push != nil {
		n += len(j.push.dispositions)
	}
	return n
}

// write goes through the stages: dead letters first, because until they are
// written Kafka's copy is the only one; then the journal, which is the promise;
// then the results.
func (j *recordJob) write(ctx context.Context, log Journal, tell Teller) error {
	for _, stage := range []func() error{
		func() error { return tell.Bury(ctx, j.letters) },
		func() error { return j.buryPush(ctx, tell) },
		func() error { return log.Note(ctx, j.notes) },
		func() error { return j.end(ctx, log) },
		func() error { return log.Record(ctx, j.own()) },
		func() error {
			j.written = log.Written()
			return j.tell(ctx, tell)
		},
		func() error { return j.tellCalls(ctx, tell) },
		func() error { return j.tellReloads(ctx, tell) },
	}[j.stage:] {
		if err := stage(); err != nil {
			return err
		}
		j.stage++
	}
	return nil
}

// own is what was decided without a call, and nothing once this process has stood
// still: those events are the next owner's, who may have pushed meanwhile what was
// superseded here. So each stage asks anew; what it does not tell and an earlier one
// wrote stays untold in the journal, see toldBy.
func (j *recordJob) own() []journal.Disposition {
	if j.stoodStill() {
		return nil
	}
	return j.early
}

// stoodStill stays true once it is.
func (j *recordJob) stoodStill() bool { return j.lapsed != nil && j.lapsed() }

// end writes how calls ended.
func (j *recordJob) end(ctx context.Context, log Journal) error {
	for _, c := range j.unended {
		if err := log.End(ctx, c.Outcome, nil); err != nil {
			return err
		}
	}
	if j.push == nil {
		return nil
	}
	return log.End(ctx, j.push.outcome, j.push.dispositions)
}

// tellCalls tells how calls ended, but for those that were not made.
func (j *recordJob) tellCalls(ctx context.Context, tell Teller) error {
	calls := slices.Concat(j.calls, j.unended)
	if j.push != nil {
		calls = append(calls, journal.Completed{Attempt: j.push.attempt, Outcome: j.push.outcome})
	}
	for _, c := range calls {
		if c.Outcome.Class == journal.ClassVoid {
			continue
		}
		if err := tell.TellPush(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (j *recordJob) tellReloads(ctx context.Context, tell Teller) error {
	for _, r := range j.reloaded {
		if err := tell.TellReload(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// called is what its call decided.
func (j *recordJob) called() []journal.Disposition {
	if j.push == nil {
		return nil
	}
	return j.push.dispositions
}

// repeated is what an earlier life decided.
func (j *recordJob) repeated() []journal.Disposition {
	ds := make([]journal.Disposition, len(j.again))
	for i := range j.again {
		ds[i] = j.again[i].Disposition
	}
	return ds
}

// tell asks for what is its own right before that is written.
func (j *recordJob) tell(ctx context.Context, tell Teller) error {
	for _, of := range []func() []journal.Disposition{j.repeated, j.called, j.own} {
		if ds := of(); len(ds) > 0 {
			if err := tell.Tell(ctx, ds); err != nil {
				return err
			}
		}
	}
	return nil
}

// buryPush keeps the request that the API refused for good.
func (j *recordJob) buryPush(ctx context.Context, tell Teller) error {
	if j.push == nil || j.push.outcome.Class != pushapi.ClassReject.String() {
		return nil
	}
	body, err := requestOf(j.push.attempt).Encode()
	if err != nil {
		// It was never a request; the error's text says what it was.
		body, err = json.Marshal(map[string]string{"error": err.Error()})
		if err != nil {
			return err
		}
	}
	return tell.BuryPush(ctx, results.RefusedPush{
		PushID: j.push.attempt.ID, Request: body, Code: j.push.outcome.Code, Text: j.push.outcome.Info,
		Rules: j.push.attempt.Rules(), Lane: j.push.attempt.Lane, At: j.push.outcome.Ended, Attempts: j.push.attempt.Number,
	})
}
