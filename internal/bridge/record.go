package bridge

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/results"
)

// retryWrite is how long a write that did not succeed rests; the writers below
// have been patient already.
const retryWrite = time.Second

// recordMax bounds the dispositions of one write, at some 400 bytes each. More
// would make the journal's record a little shorter and what is read ahead of it
// a lot larger.
const recordMax = 10_000

// outboxMax is how many dispositions may wait to be written before the loop takes
// no more records: one write under way and one to follow it keep Kafka busy.
const outboxMax = 2 * recordMax

// lettersMax is how many bytes of dead letters may wait before the loop takes no
// more records.
const lettersMax = 32 << 20

// tellMax is how many result events are made at once.
const tellMax = 2000

// outbox is what must be recorded: written to Kafka, in this order, before an
// offset may be committed.
type outbox struct {
	letters      []results.DeadLetter
	letterBytes  int // of the letters' records
	dispositions pile
	ended        *pushEnd   // the outcome of the last call, with its dispositions
	failed       *recordJob // a write to be repeated before any other
}

// pushEnd is the end of one call and of the events that ended with it.
type pushEnd struct {
	attempt      journal.Attempt
	outcome      journal.Outcome
	dispositions []journal.Disposition
	after        int // pieces of the pile that are older
}

// recordJob is one write. Its stage rises as parts of it succeed, so that a
// repetition does not write them again.
type recordJob struct {
	letters      []results.DeadLetter
	letterBytes  int
	push         *pushEnd
	early        []journal.Disposition // of events that ended without a call
	rulesVersion string
	stage        int
}

type recordDone struct {
	job *recordJob
	err error
}

func (o *outbox) len() int {
	n := o.dispositions.len() + len(o.letters)
	if o.ended != nil {
		n += 1 + len(o.ended.dispositions)
	}
	if o.failed != nil {
		n += o.failed.len()
	}
	return n
}

func (j *recordJob) len() int {
	n := 1 + len(j.early)
	if j.push != nil {
		n += len(j.push.dispositions)
	}
	return n
}

// unrecorded counts what Kafka has not acknowledged, for bounds and for people.
func (l *loop) unrecorded() int {
	n := l.outbox.len()
	if l.recording != nil {
		n += l.recording.len()
	}
	return n
}

// letterBytes counts what records hold on to until their dead letters are
// written: each may be as large as an event may be.
func (l *loop) letterBytes() int {
	n := l.outbox.letterBytes
	for _, job := range []*recordJob{l.outbox.failed, l.recording} {
		if job != nil {
			n += job.letterBytes
		}
	}
	return n
}

// bury puts a record that could not be used on its way to the dead letters; d
// says why and under which rule.
func (o *outbox) bury(r *consume.Record, d *journal.Disposition, reason results.Reason) {
	headers := make([]results.Header, len(r.Headers))
	o.letterBytes += len(r.Key) + len(r.Value)
	for i, h := range r.Headers {
		headers[i] = results.Header{Key: h.Key, Value: h.Value}
		o.letterBytes += len(h.Key) + len(h.Value)
	}
	o.letters = append(o.letters, results.DeadLetter{
		Position: r.Position, Key: r.Key, Value: r.Value, Headers: headers, Time: r.Time,
		Reason: reason, Text: d.Reason, Rule: d.Rule, At: d.At, Attempts: 1,
	})
}

// next takes the next write out of the outbox: nil where there is none. What was
// decided first is written first: the last disposition of an event lets its
// offset go, and says to a restart that there were no others.
func (o *outbox) next(rulesVersion string) *recordJob {
	if job := o.failed; job != nil {
		o.failed = nil
		return job
	}
	if o.ended == nil && o.dispositions.len() == 0 && len(o.letters) == 0 {
		return nil
	}
	// Letters are older than the dispositions that speak of them, so writing all
	// letters with the first dispositions keeps the order.
	job := &recordJob{letters: o.letters, letterBytes: o.letterBytes, early: o.dispositions.take(), rulesVersion: rulesVersion}
	o.letters, o.letterBytes = nil, 0
	switch {
	case o.ended == nil:
	case o.ended.after > 0:
		o.ended.after--
	default:
		job.push, o.ended = o.ended, nil
	}
	return job
}

// record starts the next write, if none is under way, and returns when to try
// again; zero: there is nothing to wait for.
func (l *loop) record(ctx context.Context, now time.Time) time.Time {
	if l.recording != nil {
		return time.Time{}
	}
	if l.outbox.failed != nil && now.Before(l.retryAt) {
		return l.retryAt
	}
	job := l.outbox.next(l.b.cfg.Rules.Version())
	if job == nil {
		return time.Time{}
	}
	l.recording = job
	l.helpers.Go(func() { l.recorded <- recordDone{job: job, err: job.write(ctx, l.b.cfg.Journal, l.b.cfg.Teller)} })
	return time.Time{}
}

// write goes through the stages: dead letters first, because until they are
// written Kafka's copy is the only one; then the journal, which is the promise;
// then the results.
func (j *recordJob) write(ctx context.Context, log Journal, tell Teller) error {
	for _, stage := range []func() error{
		func() error { return tell.Bury(ctx, j.letters) },
		func() error { return j.buryPush(ctx, tell) },
		func() error {
			if j.push == nil {
				return nil
			}
			return log.End(ctx, j.push.outcome, j.push.dispositions)
		},
		func() error { return log.Record(ctx, j.early) },
		func() error { return j.tell(ctx, tell) },
		func() error {
			if j.push == nil || j.push.outcome.Class == journal.ClassVoid {
				return nil
			}
			return tell.TellPush(ctx, results.Completed{Attempt: j.push.attempt, Outcome: j.push.outcome})
		},
	}[j.stage:] {
		if err := stage(); err != nil {
			return err
		}
		j.stage++
	}
	return nil
}

// all returns the dispositions, those of the call first.
func (j *recordJob) all() iter.Seq[*journal.Disposition] {
	return func(yield func(*journal.Disposition) bool) {
		var called []journal.Disposition
		if j.push != nil {
			called = j.push.dispositions
		}
		for _, ds := range [][]journal.Disposition{called, j.early} {
			for i := range ds {
				if !yield(&ds[i]) {
					return
				}
			}
		}
	}
}

func (j *recordJob) tell(ctx context.Context, tell Teller) error {
	ds := make([]results.Disposed, 0, min(tellMax, j.len()))
	for d := range j.all() {
		ds = append(ds, results.Disposed{
			Disposition: *d, RulesVersion: j.rulesVersion,
			CorrelationID: d.Origin.CorrelationID, TraceParent: d.Origin.Traceparent,
		})
		if len(ds) == tellMax {
			if err := tell.Tell(ctx, ds); err != nil {
				return err
			}
			ds = ds[:0]
		}
	}
	if len(ds) == 0 {
		return nil
	}
	return tell.Tell(ctx, ds)
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
