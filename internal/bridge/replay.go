package bridge

import (
	"fmt"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/replay"
	"pushbridge/internal/results"
)

// replays is what the loop knows of events that come again. They wait beside the
// bound of those that come for the first time, so that neither keeps the other from
// being read.
type replays struct {
	open      int             // intents that have not ended
	bound     limiter.Bound   // of open
	cancelled map[string]bool // by id; the journal knows those of earlier lives
}

// newReplays: half as many as others may wait, since a replay may last.
func newReplays(b *Bridge) replays {
	return replays{bound: limiter.NewBound(max(1, b.cfg.Limits.MaxPending/2)), cancelled: make(map[string]bool)}
}

// admitsReplays says whether more of them may be read: they leave half of what may
// wait to be written to the others.
func (l *loop) admitsReplays() bool {
	r := &l.replays
	if r.bound.Set(r.open) {
		if r.bound.Paused() {
			l.b.cfg.Logger.Info("reading of replays pauses: too many of their intents wait", "pending", r.open, "limit", r.bound.Most())
		} else {
			l.b.cfg.Logger.Info("reading of replays resumes", "pending", r.open)
		}
	}
	return !r.bound.Paused() && l.unrecorded() < outboxMax/2
}

// originOf says where a record came from, and by which replay.
func (l *loop) originOf(r *consume.Record, now time.Time) intent.Origin {
	o := originOf(r, now)
	if r.Position.Topic == l.b.cfg.Replays && r.Event != nil {
		if of, err := replay.Read(r.Event); err == nil {
			o.ReplayID, o.ReplayOf = of.ID, of.Of
		}
	}
	return o
}

// obey cancels what the record says is cancelled, also where an earlier life ended
// it: what it cancels may lie above.
func (l *loop) obey(r *consume.Record, now time.Time) {
	if r.Position.Topic != l.b.cfg.Replays || r.Event == nil || r.Event.Type() != replay.TypeCancelled {
		return
	}
	of, err := replay.Read(r.Event)
	if err != nil || l.replays.cancelled[of.ID] {
		return
	}
	l.replays.cancelled[of.ID] = true
	before := l.replays.open
	l.withdraw(now)
	l.b.cfg.Logger.Info("replay cancelled", "replay_id", of.ID, "withdrawn", before-l.replays.open)
}

// withdraw ends what waits of replays that are cancelled.
func (l *loop) withdraw(now time.Time) {
	for _, ln := range l.lanes {
		l.end(ln, ln.sched.Withdraw(now, intent.ReplayPool, func(o *intent.Origin) bool { return l.isCancelled(o, now) }), now)
	}
	l.withdrawUnread(now)
}

// cancelKey stands in the journal for the event that a replay was cancelled; no event
// has an empty source.
func cancelKey(id string) intent.EventKey { return intent.EventKey{Replay: id} }

// isCancelled says whether the event comes by a replay that was cancelled.
func (l *loop) isCancelled(o *intent.Origin, now time.Time) bool {
	if o.ReplayID == "" {
		return false
	}
	if cancelled, known := l.replays.cancelled[o.ReplayID]; known {
		return cancelled
	}
	_, cancelled := l.known.state.Seen.First(now, journal.PrintOf(cancelKey(o.ReplayID)))
	l.replays.cancelled[o.ReplayID] = cancelled
	return cancelled
}

// routeReplay ends what on the replays' topic is no event that comes again, and says
// whether it did.
func (l *loop) routeReplay(r *consume.Record, o *intent.Origin, now time.Time) bool {
	if r.Err != nil {
		return false
	}
	of, err := replay.Read(r.Event)
	if err != nil {
		d := journal.Disposition{Origin: *o, RulesVersion: l.rules.version(), Kind: journal.DeadLettered, Reason: err.Error(), At: now}
		l.outbox.bury(r, &d, results.Undecodable)
		l.dispose(d)
		return true
	}
	reason := ""
	switch of.Kind {
	case replay.Again:
		return false
	case replay.Begun:
		reason = fmt.Sprintf("it says that replay %s begins", of.ID)
	case replay.Cancelled:
		reason = fmt.Sprintf("it cancels replay %s", of.ID)
		l.outbox.notes.seen = append(l.outbox.notes.seen, journal.Sighting{Position: r.Position, Print: journal.PrintOf(cancelKey(of.ID))})
	}
	l.dispose(journal.Disposition{Origin: *o, RulesVersion: l.rules.version(), Kind: journal.Unmatched, Reason: reason, At: now})
	return true
}

// ended counts an end, and says why where the replay was cancelled.
func (r *replays) ended(d *journal.Disposition) {
	if d.Rule == "" || d.Kind == journal.DeadLettered {
		return
	}
	r.open--
	if d.Kind == journal.Expired && r.cancelled[d.Origin.ReplayID] {
		d.Reason = fmt.Sprintf("replay %s was cancelled", d.Origin.ReplayID)
	}
}

// endCancelled ends an intent of a replay that was cancelled before it came.
func (l *loop) endCancelled(in *intent.Intent, now time.Time) {
	l.end(l.laneOf[in.Policy.Lane], []limiter.Ended{{Intent: in, Kind: limiter.EndExpired}}, now)
}
