package bridge

import (
	"slices"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/results"
)

// take maps the records of a batch and hands their intents to the scheduler.
func (l *loop) take(batch consume.Batch, now time.Time) {
	if !l.decides() {
		return
	}
	mark := l.marks[batch.Partition]
	if batch.Lost != nil {
		if mark = l.lost(batch, mark); mark == nil {
			l.draining = true
			return
		}
	}
	for i := range batch.Records {
		r := &batch.Records[i]
		if l.isMadeAnew(r) {
			l.madeAnew(r.Position.Partition, "record", r.Position.String(), "at", r.Time)
		}
		l.begun[r.Position.Partition] = true
		l.obey(r, now)
		ended, untold := l.known.ended(r.Position), l.known.untold(r.Position)
		if ended && len(untold) == 0 {
			continue
		}
		mark.Begin(r.Position.Offset)
		open := !ended && l.route(r, now)
		if l.b.cfg.Seen != nil && !ended && r.Event != nil && r.Position.Topic != l.b.cfg.Replays {
			l.b.cfg.Seen(r, now)
		}
		if len(untold) > 0 {
			l.tellAgain(r, untold, !open, now)
		} else if !open {
			mark.Done(r.Position.Offset)
		}
	}
	mark.Skip(batch.Next)
	l.outbox.notes.read(batch)
	l.outbox.told.read(batch.Partition, batch.Next)
}

// lost reports offsets that can no longer be read. A log that was rewound gives
// old offsets to new records, so nothing of the old may be pending: then the
// session ends and a new one starts clean.
func (l *loop) lost(batch consume.Batch, mark *offset.Watermark) *offset.Watermark {
	loss := batch.Lost
	count := loss.Count
	if loss.Kind == consume.Rewound {
		count += int64(mark.Open()) // read, but not ended: they cannot be read again
	}
	l.b.metrics.lost.WithLabelValues(loss.Partition.Topic).Add(float64(count))
	l.b.cfg.Logger.Error("records lost: they are gone from Kafka without a disposition", "partition", loss.Partition.String(),
		"kind", loss.Kind.String(), "first", loss.First, "last", loss.Last, "count", count,
		"do", "lengthen the topic's retention, or find out who deleted it")
	if loss.Kind != consume.Rewound {
		l.known.lost(loss)
		return mark
	}
	if mark.Open() > 0 {
		return nil
	}
	start := batch.Next
	if len(batch.Records) > 0 {
		start = batch.Records[0].Position.Offset
	}
	l.madeAnew(loss.Partition, "ends_at", batch.End)
	mark = offset.NewWatermark(start)
	l.marks[loss.Partition] = mark
	return mark
}

// route turns one record into intents or into its disposition, and says whether
// any of that holds its offset.
func (l *loop) route(r *consume.Record, now time.Time) bool {
	origin := l.originOf(r, now)
	if r.Position.Topic == l.b.cfg.Replays && l.routeReplay(r, &origin, now) {
		return true
	}
	if r.Err != nil {
		d := journal.Disposition{Origin: origin, RulesVersion: l.rules.version(), Kind: journal.DeadLettered, Reason: r.Err.Error(), At: now}
		l.outbox.bury(r, &d, results.Undecodable)
		l.dispose(d)
		return true
	}
	m := l.rules.rules.Map(r.Event, origin)
	if m.Violation != nil {
		l.b.violations.note(r.Position, m.Violation, now)
	}
	if len(m.Intents) == 0 && len(m.Failures) == 0 {
		l.dispose(journal.Disposition{Origin: origin, RulesVersion: m.Version, Kind: journal.Unmatched, Reason: m.Why, At: now})
		return true
	}
	failures := slices.DeleteFunc(m.Failures, func(f *mapper.RuleError) bool { return l.known.endedUnder(origin.Position, f.Rule) })
	intents := slices.DeleteFunc(m.Intents, func(in intent.Intent) bool { return l.known.endedUnder(origin.Position, in.Rule) })
	switch n := len(intents) + len(failures); {
	case n == 0:
		// Every rule that asks for it now has ended it; the one that was missing
		// has left the file.
		return false
	case n > 1:
		l.several[origin.Position] = n
	}
	for _, f := range failures {
		d := journal.Disposition{Origin: origin, Rule: f.Rule, RulesVersion: m.Version, Kind: journal.DeadLettered, Reason: f.Error(), At: now}
		l.outbox.bury(r, &d, reasonFor(f))
		l.dispose(d)
	}
	repeat := len(intents) > 0 && l.repeats(now, &origin)
	if origin.ReplayID != "" {
		l.replays.open += len(intents)
	}
	for _, in := range intents {
		ln := l.laneOf[in.Policy.Lane]
		if repeat {
			l.end(ln, []limiter.Ended{{Intent: &in, Kind: limiter.EndDuplicate}}, now)
			continue
		}
		l.admit(in, now)
	}
	return true
}

// end takes over what a lane's scheduler is done with.
func (l *loop) end(ln *lane, ended []limiter.Ended, now time.Time) {
	for _, e := range ended {
		var id identity
		var o pushapi.Outcome
		if p := ln.push; p != nil && e.Batch != nil && e.Batch.ID == p.batch.ID {
			id, o = p.identity, p.outcome
		}
		key := partly{e.Intent.Origin.Position, e.Intent.Rule}
		if p := l.refused[key]; p != nil && e.Kind == limiter.EndRejected {
			id, o, e.Batch = p.identity, p.outcome, p.batch
		}
		delete(l.refused, key)
		d := dispositionOf(e, id, o, now)
		l.known.doubted(&d)
		l.unread.sign(&d, e.Intent)
		l.dispose(d)
	}
}

// dispose puts a disposition on its way. Of an event with several only the last
// one lets its offset go.
func (l *loop) dispose(d journal.Disposition) {
	if n, ok := l.several[d.Origin.Position]; ok {
		if n > 1 {
			d.More = true
			l.several[d.Origin.Position] = n - 1
		} else {
			delete(l.several, d.Origin.Position)
		}
	}
	if d.Origin.ReplayID != "" {
		l.replays.ended(&d)
	}
	key := partly{d.Origin.Position, d.Rule}
	if n, ok := l.whole[key]; ok {
		if delete(l.whole, key); d.Parts > 0 {
			d.Parts = n
		}
	}
	d.App = l.laneOf[d.Lane].App
	l.outbox.dispositions.add(d)
	l.b.metrics.disposed(&d)
}
