package bridge

import (
	"iter"
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi"
)

// frozen is a push in doubt of an earlier life whose rules say resend: the request
// of the journal once more, byte for byte, for its events and no others. What of
// them is read again waits for it, beside the scheduler, where others would join.
//
//	journal ─► frozen ◄─ hold ─ its events
//	             │ call, until it was taken or refused for good
//	             └─► made ─► release: pushed, rejected, or to the scheduler with the parts that are left
type frozen struct {
	attempt journal.Attempt // the latest
	held    []intent.Intent
	expires time.Time // the first of them; zero: none is held
}

// hold takes the intent in if the push carries it, or a part of it that is left.
func (f *frozen) hold(in intent.Intent) bool {
	if !slices.ContainsFunc(f.attempt.Covers, func(c journal.Cover) bool {
		return coversIntent(&c, in.Rule, in.Origin.Position) && (!c.Part || slices.ContainsFunc(in.Audiences, f.attempt.Condition.Contains))
	}) {
		return false
	}
	f.held = append(f.held, in)
	f.expires = sooner(f.expires, in.Policy.Expires)
	return true
}

// expire returns what may not be pushed any more: it may have been, and counts so.
func (f *frozen) expire(now time.Time) []intent.Intent {
	if f.expires.IsZero() || now.Before(f.expires) {
		return nil
	}
	var expired, rest []intent.Intent
	f.expires = time.Time{}
	for _, in := range f.held {
		if !now.Before(in.Policy.Expires) {
			expired = append(expired, in)
			continue
		}
		rest = append(rest, in)
		f.expires = sooner(f.expires, in.Policy.Expires)
	}
	f.held = rest
	return expired
}

// batch is the push for logs, metrics and status; the scheduler does not know it.
func (f *frozen) batch() *limiter.Batch {
	b := &limiter.Batch{
		Audience: f.attempt.Condition, Messages: f.attempt.Messages, OnDoubt: intent.Resend, Why: limiter.WhyResend, Resend: true,
	}
	for i := range f.held {
		b.Covers = append(b.Covers, limiter.Cover{Intent: &f.held[i], Audience: f.attempt.Condition})
		b.Priority = max(b.Priority, f.held[i].Policy.Priority)
	}
	return b
}

// again is the attempt that follows.
func (f *frozen) again(ln *lane, now, deadline time.Time) journal.Attempt {
	a := f.attempt
	a.Number++
	a.At, a.Deadline, a.UnderWay, a.Why = now, deadline, ln.afterFence(), limiter.WhyResend.String()
	return a
}

// without forgets what the push carries of a partition, whose records are gone.
func (f *frozen) without(p offset.Partition) {
	f.attempt.Covers = slices.DeleteFunc(slices.Clone(f.attempt.Covers), func(c journal.Cover) bool { return c.Partition == p })
}

// resend says which frozen push is the lane's next call, and when that may be made;
// nil: none waits, or nothing of it was read again yet.
func (ln *lane) resend(now time.Time) (*frozen, time.Time) {
	for _, f := range ln.frozen {
		if len(f.held) > 0 {
			return f, later(ln.budget.Next(now), ln.notBefore)
		}
	}
	return nil, time.Time{}
}

// holding is how many intents wait for the lane's frozen pushes, by priority.
func (ln *lane) holding() map[intent.Priority]int {
	n := make(map[intent.Priority]int)
	for _, f := range ln.frozen {
		for i := range f.held {
			n[f.held[i].Policy.Priority]++
		}
	}
	return n
}

// hold lets an intent wait for the frozen push that carries it.
func (l *loop) hold(in intent.Intent) bool {
	for _, ln := range l.lanes {
		for _, f := range ln.frozen {
			if f.hold(in) {
				return true
			}
		}
	}
	return false
}

// expireFrozen ends what frozen pushes cannot carry any more.
func (l *loop) expireFrozen(ln *lane, now time.Time) {
	for _, f := range ln.frozen {
		for _, in := range f.expire(now) {
			l.disposeMade(&in, &made{attempt: &f.attempt, doubt: true}, now)
		}
	}
}

// learnFrozen is learn for a frozen push, which the scheduler does not know: it is
// over when the API took it or refused it for good, and comes again otherwise.
func (l *loop) learnFrozen(end *pushEnd, p *push, v limiter.Verdict, now time.Time) {
	f, ln := p.frozen, p.lane
	f.attempt = p.attempt
	ln.notBefore = v.NotBefore
	switch {
	case v.Counted:
		ln.budget.SpendFrom(p.attempt.Pool, v.End)
	case v.Reached:
		ln.budget.Touch(v.End)
	}
	before := l.outbox.dispositions.len()
	switch v.Result {
	case limiter.Pushed, limiter.Rejected:
		ln.frozen = slices.DeleteFunc(ln.frozen, func(other *frozen) bool { return other == f })
		// Rejected now, it may have been carried out before.
		l.known.add(made{attempt: &f.attempt, outcome: end.outcome, doubt: v.Result == limiter.Rejected})
		for _, in := range f.held {
			l.admit(in, now)
		}
	case limiter.Again, limiter.Doubt:
	}
	end.dispositions = l.outbox.dispositions.takeFrom(before)
	end.after = l.outbox.dispositions.seal()
	l.outbox.ended = end
}

// admit gives an intent, or what of it no earlier life called for, to the frozen
// push that carries it or to its lane's scheduler.
func (l *loop) admit(in intent.Intent, now time.Time) {
	rest, made := l.known.remaining(in)
	if made != nil && len(rest) == 0 {
		l.disposeMade(&in, made, now)
		return
	}
	if !l.decides() {
		return // the next owner reads it again
	}
	key := partly{in.Origin.Position, in.Rule}
	if _, ok := l.whole[key]; !ok && len(rest) < len(in.Audiences) {
		l.whole[key] = len(in.Audiences)
	}
	in.Audiences = rest
	switch {
	case l.hold(in):
	case l.isCancelled(&in.Origin, now):
		l.endCancelled(&in, now)
	case l.mustBeRead(&in):
		l.await(in)
	default:
		ln := l.laneOf[in.Policy.Lane]
		l.end(ln, ln.sched.Add(now, in), now)
	}
}

// made is what one call of an earlier life carried, or a frozen one of this.
type made struct {
	attempt *journal.Attempt
	outcome journal.Outcome // zero where it is in doubt
	doubt   bool
}

// carried is what a made call carried of one rule and partition.
type carried struct {
	made

	offsets *offset.Set
	part    bool // of these events' audiences only those that the attempt's contains
}

func (k *known) add(m made) {
	for _, c := range m.attempt.Covers {
		byPartition, ok := k.made[c.Rule]
		if !ok {
			byPartition = make(map[offset.Partition][]carried)
			k.made[c.Rule] = byPartition
		}
		byPartition[c.Partition] = append(byPartition[c.Partition], carried{made: m, offsets: c.Offsets, part: c.Part})
	}
}

// remaining returns the parts of an intent's audience that nobody has called for,
// and the last call for others, in doubt if one of them is; nil: there was none.
func (k *known) remaining(in intent.Intent) ([]audience.Audience, *made) {
	rest := in.Audiences
	var last *made
	for c := range k.callsFor(in.Rule, in.Origin.Position) {
		if !c.part || c.outcome.Class == pushapi.ClassReject.String() { // of an event in two parts of which one is refused none is pushed
			rest, last = nil, &c.made
			break
		}
		last = &c.made
		rest = slices.DeleteFunc(slices.Clone(rest), c.attempt.Condition.Contains)
	}
	if last == nil {
		return rest, nil
	}
	return rest, &made{attempt: last.attempt, outcome: last.outcome, doubt: k.inDoubt(in.Rule, in.Origin.Position)}
}

// callsFor yields the calls that carried an event under a rule, or a part of it.
func (k *known) callsFor(rule string, p offset.Position) iter.Seq[*carried] {
	return func(yield func(*carried) bool) {
		calls := k.made[rule][p.Partition]
		for i := range calls {
			if calls[i].offsets.Contains(p.Offset) && !yield(&calls[i]) {
				return
			}
		}
	}
}

// inDoubt says whether one of the calls that carried the event is.
func (k *known) inDoubt(rule string, p offset.Position) bool {
	for c := range k.callsFor(rule, p) {
		if c.doubt {
			return true
		}
	}
	return false
}

// dispositionOfMade says how an intent ended whose last call was made in an earlier
// life, or was frozen there.
func dispositionOfMade(in intent.Intent, m *made, now time.Time) journal.Disposition {
	d := journal.Disposition{
		Origin: in.Origin, Rule: in.Rule, RulesVersion: m.attempt.RulesVersion, Lane: in.Policy.Lane, Priority: in.Policy.Priority, Kind: journal.Pushed, At: now, Parts: len(in.Audiences),
		PushID: m.attempt.ID, TaskID: m.outcome.TaskID, Why: m.attempt.Why, PushedAt: m.outcome.Started, Doubt: m.doubt,
	}
	if d.PushedAt.IsZero() {
		d.PushedAt = m.attempt.At
	}
	if m.outcome.Class == pushapi.ClassReject.String() {
		d.Kind, d.Code, d.Info = journal.Rejected, m.outcome.Code, m.outcome.Info
	}
	return d
}

func (l *loop) disposeMade(in *intent.Intent, m *made, now time.Time) {
	d := dispositionOfMade(*in, m, now)
	l.unread.sign(&d, in)
	l.dispose(d)
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
