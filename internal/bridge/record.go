package bridge

import (
	"context"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
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

// outbox is what must be recorded: written to Kafka, in this order, before an
// offset may be committed.
type outbox struct {
	start        *recordJob // of the session: before any other
	again        []repeat   // what an earlier life may not have told
	told         tellMark
	notes        notes
	letters      []results.DeadLetter
	letterBytes  int // of the letters' records
	dispositions pile
	reloaded     []results.Reloaded
	approved     []approved // may not take effect before they are written
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

type recordDone struct {
	job *recordJob
	err error
}

func (o *outbox) len() int {
	n := o.dispositions.len() + len(o.letters) + len(o.again) + len(o.notes.rewound) + len(o.reloaded) + len(o.approved)
	if o.start != nil {
		n += o.start.len()
	}
	if o.ended != nil {
		n += 1 + len(o.ended.dispositions)
	}
	if o.failed != nil {
		n += o.failed.len()
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
func (o *outbox) next() *recordJob {
	if job := o.failed; job != nil {
		o.failed = nil
		return job
	}
	if job := o.start; job != nil {
		o.start = nil
		return job
	}
	if len(o.again) > 0 {
		// Before what is decided now: a later end of the same event lets its offset go.
		n := min(recordMax, len(o.again))
		job := &recordJob{again: o.again[:n:n]}
		o.again = o.again[n:]
		return job
	}
	if o.ended == nil && o.dispositions.len() == 0 && len(o.letters) == 0 && len(o.notes.rewound) == 0 && len(o.reloaded) == 0 && len(o.approved) == 0 && len(o.notes.seen) < recordMax {
		return nil
	}
	// Letters are older than the dispositions that speak of them, so writing all
	// letters with the first dispositions keeps the order.
	job := &recordJob{letters: o.letters, letterBytes: o.letterBytes, early: o.dispositions.take(), notes: o.notes.take(), reloaded: o.reloaded, approved: o.approved}
	o.letters, o.letterBytes, o.reloaded, o.approved = nil, 0, nil, nil
	for i := range job.approved {
		job.notes.Approvals = append(job.notes.Approvals, job.approved[i].Approval)
	}
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
	job := l.outbox.next()
	if job == nil {
		if job = l.lastMark(); job == nil {
			return time.Time{}
		}
	}
	job.lapsed = l.session.Lapsed
	l.promiseTold(job)
	l.recording = job
	l.helpers.Go(func() { l.recorded <- recordDone{job: job, err: job.write(ctx, l.b.cfg.Journal, l.b.cfg.Teller)} })
	return time.Time{}
}
