package bridge

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/results"
)

// retryWrite is how long a write that did not succeed rests; the writers below
// have been patient already.
const retryWrite = time.Second

// recordMax bounds the dispositions of one write, and so its memory: some 500
// bytes each on their way to the results topic.
const recordMax = 50_000

// outbox is what must be recorded: written to Kafka, in this order, before an
// offset may be committed.
type outbox struct {
	letters      []results.DeadLetter
	dispositions []journal.Disposition
	ended        *pushEnd   // the outcome of the last call, with its dispositions
	failed       *recordJob // a write to be repeated before any other
}

// pushEnd is the end of one call and of the events that ended with it.
type pushEnd struct {
	attempt      journal.Attempt
	outcome      journal.Outcome
	dispositions []journal.Disposition
}

// recordJob is one write. Its stage rises as parts of it succeed, so that a
// repetition does not write them again.
type recordJob struct {
	letters      []results.DeadLetter
	push         *pushEnd
	dispositions []journal.Disposition // those of push first
	rulesVersion string
	stage        int
}

type recordDone struct {
	job *recordJob
	err error
}

func (o *outbox) len() int {
	n := len(o.dispositions) + len(o.letters)
	if o.ended != nil {
		n += 1 + len(o.ended.dispositions)
	}
	if o.failed != nil {
		n += o.failed.len()
	}
	return n
}

func (j *recordJob) len() int { return 1 + len(j.dispositions) }

// unrecorded counts what Kafka has not acknowledged, for bounds and for people.
func (l *loop) unrecorded() int {
	n := l.outbox.len()
	if l.recording != nil {
		n += l.recording.len()
	}
	return n
}

// bury puts a record that could not be used on its way to the dead letters.
func (o *outbox) bury(r *consume.Record, reason results.Reason, rule string, cause error, now time.Time) {
	headers := make([]results.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = results.Header{Key: h.Key, Value: h.Value}
	}
	o.letters = append(o.letters, results.DeadLetter{
		Position: r.Position, Key: r.Key, Value: r.Value, Headers: headers, Time: r.Time,
		Reason: reason, Text: cause.Error(), Rule: rule, At: now, Attempts: 1,
	})
}

// next takes the next write out of the outbox: nil where there is none.
func (o *outbox) next(rulesVersion string) *recordJob {
	if job := o.failed; job != nil {
		o.failed = nil
		return job
	}
	if o.ended == nil && len(o.dispositions) == 0 && len(o.letters) == 0 {
		return nil
	}
	job := &recordJob{letters: o.letters, push: o.ended, rulesVersion: rulesVersion}
	if o.ended != nil {
		job.dispositions = slices.Clone(o.ended.dispositions)
	}
	// Letters are older than the dispositions that speak of them, so writing all
	// letters with the first dispositions keeps the order.
	n := min(recordMax, len(o.dispositions))
	job.dispositions = append(job.dispositions, o.dispositions[:n]...)
	o.letters, o.ended = nil, nil
	if o.dispositions = o.dispositions[n:]; len(o.dispositions) == 0 {
		o.dispositions = nil
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
		func() error { return log.Record(ctx, j.early()) },
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

// early is the dispositions that no call brought about.
func (j *recordJob) early() []journal.Disposition {
	if j.push == nil {
		return j.dispositions
	}
	return j.dispositions[len(j.push.dispositions):]
}

func (j *recordJob) tell(ctx context.Context, tell Teller) error {
	if len(j.dispositions) == 0 {
		return nil
	}
	ds := make([]results.Disposed, len(j.dispositions))
	for i, d := range j.dispositions {
		ds[i] = results.Disposed{
			Disposition: d, RulesVersion: j.rulesVersion,
			CorrelationID: d.Origin.CorrelationID, TraceParent: d.Origin.Traceparent,
		}
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
	var rules []string
	for _, c := range j.push.attempt.Covers {
		if !slices.Contains(rules, c.Rule) {
			rules = append(rules, c.Rule)
		}
	}
	return tell.BuryPush(ctx, results.RefusedPush{
		PushID: j.push.attempt.ID, Request: body, Code: j.push.outcome.Code, Text: j.push.outcome.Info,
		Rules: rules, At: j.push.outcome.Ended, Attempts: j.push.attempt.Number,
	})
}
