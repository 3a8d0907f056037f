package limiter

import (
	"fmt"
	"time"

	"pushbridge/internal/intent"
)

// Config is what a Scheduler is made of.
type Config struct {
	Budget    *Budget       // the calls that may be made; the Scheduler spends from it
	Settle    time.Duration // how long a due or critical batch may wait for others of its burst
	Memory    *Memory       // tells repeats
	NotBefore time.Time     // no call before this instant; what an earlier Scheduler was told
	MaxBytes  int           // of a request: nothing is united beyond it; 0: no limit
}

// Scheduler holds the pending intents of one app and chooses the calls.
type Scheduler struct {
	budget *Budget
	settle time.Duration
	memory *Memory

	groups map[groupKey]*group
	newest map[latestKey]*ask

	waiting  queue[*pending] // by due
	settling queue[*pending] // by settled
	ready    queue[*pending] // by priority, then due
	expiries queue[*item]    // by expiry

	flight    *flight
	notBefore time.Time
	maxBytes  int

	serial uint64 // last number given to an ask or a batch
	asks   [intent.Critical + 1]int
	ended  []Ended
}

// flight is the one call that is being made.
type flight struct {
	batch *Batch
	items []*item
	group *group
}

// latestKey is what two intents of mode Latest have in common when one is a
// revision of the other.
type latestKey struct{ rule, key string }

func keyOf(a *ask) latestKey { return latestKey{a.intent.Rule, a.intent.Policy.Key} }

// Decision is the answer of Next.
type Decision struct {
	Batch  *Batch    // to be called now, and then given to Done; nil: none
	WakeAt time.Time // when to ask again, if nothing happens before; zero: only when something happens
	Ended  []Ended
}

// New returns a Scheduler without pending intents. It panics where the Config
// lacks a budget or a positive dedup window and size: they come from checked
// configuration.
func New(c Config) *Scheduler {
	if c.Budget == nil || c.Settle < 0 || c.Memory == nil {
		panic(fmt.Sprintf("limiter: incomplete config %+v", c))
	}
	return &Scheduler{
		budget:    c.Budget,
		settle:    c.Settle,
		memory:    c.Memory,
		notBefore: c.NotBefore,
		maxBytes:  c.MaxBytes,
		groups:    make(map[groupKey]*group),
		newest:    make(map[latestKey]*ask),
		waiting:   queue[*pending]{less: func(a, b *pending) bool { return before(a.due, b.due, a.id, b.id) }},
		settling:  queue[*pending]{less: func(a, b *pending) bool { return before(a.settled, b.settled, a.id, b.id) }},
		ready:     queue[*pending]{less: moreUrgent},
		expiries: queue[*item]{less: func(a, b *item) bool {
			return before(a.ask.intent.Policy.Expires, b.ask.intent.Policy.Expires, a.ask.ordered, b.ask.ordered)
		}},
	}
}

// Add takes an intent in. What ends by that is returned: the intent itself, as a
// duplicate, expired or already superseded, or the older revision that it
// supersedes.
func (s *Scheduler) Add(now time.Time, in intent.Intent) []Ended {
	if len(in.Audiences) == 0 {
		panic("limiter: an intent for nobody, which would never end")
	}
	policy := &in.Policy
	a := &ask{intent: in, since: in.Origin.Received, kind: EndPushed, open: len(in.Audiences)}
	switch {
	case s.memory.repeated(now, &a.intent.Origin):
		return []Ended{{Intent: &a.intent, Kind: EndDuplicate}}
	case !now.Before(policy.Expires):
		return []Ended{{Intent: &a.intent, Kind: EndExpired}}
	}
	s.serial++
	a.ordered = s.serial
	// No more than half of what may be waited in all: settling must not make it late.
	a.settled = now.Add(min(s.settle, policy.MaxDelay/2))
	if policy.Mode == intent.Latest {
		if old, ok := s.newest[keyOf(a)]; ok {
			if old.intent.Origin.Time.After(a.intent.Origin.Time) {
				return []Ended{{Intent: &a.intent, Kind: EndSuperseded, By: &old.intent.Origin}}
			}
			a.inherit(old)
			s.supersede(old, a)
		}
		s.newest[keyOf(a)] = a
	}
	s.asks[policy.Priority]++
	a.parts = make([]item, len(in.Audiences))
	for n, part := range in.Audiences {
		a.parts[n] = item{ask: a, audience: part}
	}
	for n := range a.parts {
		s.place(&a.parts[n])
	}
	return s.takeEnded()
}

// Next returns the call to make now, if one is due and the budget has one, or
// when to ask again. While a call is in flight there is no other.
func (s *Scheduler) Next(now time.Time) Decision {
	s.expire(now)
	s.advance(now)
	d := Decision{WakeAt: s.wake(now)}
	if s.flight == nil {
		if p, ok := s.ready.top(); ok {
			if at := s.legal(now); at.After(now) {
				d.WakeAt = earliest(d.WakeAt, at)
			} else {
				d.Batch = s.take(p)
			}
		}
	}
	d.Ended = s.takeEnded()
	return d
}

// Idle is Next where no call can be made for a reason that is not the
// scheduler's: nothing is taken, only time goes on.
func (s *Scheduler) Idle(now time.Time) Decision {
	s.expire(now)
	s.advance(now)
	return Decision{WakeAt: s.wake(now), Ended: s.takeEnded()}
}

// Done says how the call of a batch ended. The batch must be the one that Next
// gave last.
func (s *Scheduler) Done(now time.Time, b *Batch, v Verdict) []Ended {
	if s.flight == nil || s.flight.batch != b {
		panic("limiter: Done for a batch that is not in flight")
	}
	if v.Result < Pushed || v.Result > Doubt {
		panic(fmt.Sprintf("limiter: Done with the unknown result %d", v.Result))
	}
	f := s.flight
	s.flight = nil
	if v.Counted {
		s.budget.Spend(v.End)
	} else if v.Reached {
		s.budget.Touch(v.End)
	}
	s.notBefore = v.NotBefore

	result := v.Result
	if result == Again && b.Resend {
		result = Doubt // this one was not done, the one before it may have been
	}
	switch result {
	case Pushed:
		s.endAll(f, EndPushed, false)
	case Rejected:
		s.endAll(f, EndRejected, b.Resend)
	case Again:
		for _, i := range f.items {
			s.comeBack(i)
		}
	case Doubt:
		if b.OnDoubt == intent.Resend {
			s.keepFrozen(f)
		} else {
			s.endAll(f, EndPushed, true)
		}
	}
	s.forgetIfEmpty(f.group)
	return s.takeEnded()
}

// InFlight says whether a call is being made.
func (s *Scheduler) InFlight() bool { return s.flight != nil }

// legal is the first instant from now on at which a call may start.
func (s *Scheduler) legal(now time.Time) time.Time { return latest(s.budget.Next(now), s.notBefore) }

// guard is how long before its due a batch should be ready. It grows with the
// queue: calls go one an interval, so many that are due at the same instant
// would make the last ones late.
func (s *Scheduler) guard(now time.Time) time.Duration {
	queued := min(s.batches(), s.budget.Free(now))
	return 3*time.Second + time.Duration(queued)*s.budget.interval*13/10
}

func (s *Scheduler) batches() int { return s.waiting.Len() + s.settling.Len() + s.ready.Len() }

// advance moves batches on whose time has come.
func (s *Scheduler) advance(now time.Time) {
	guard := s.guard(now)
	for {
		p, ok := s.waiting.top()
		if !ok || p.due.Add(-guard).After(now) {
			break
		}
		s.move(p, settling)
	}
	for {
		p, ok := s.settling.top()
		if !ok || p.settled.After(now) {
			break
		}
		s.move(p, ready)
	}
}

// wake is when the next batch moves on or the next intent expires.
func (s *Scheduler) wake(now time.Time) time.Time {
	var at time.Time
	if p, ok := s.waiting.top(); ok {
		at = earliest(at, p.due.Add(-s.guard(now)))
	}
	if p, ok := s.settling.top(); ok {
		at = earliest(at, p.settled)
	}
	if s.waiting.Len() > 0 {
		// The guard grows with the free calls.
		at = earliest(at, s.budget.nextReturn(now))
	}
	if i, ok := s.expiries.top(); ok {
		at = earliest(at, i.ask.intent.Policy.Expires)
	}
	return at
}

// take turns a ready batch into the call in flight.
func (s *Scheduler) take(p *pending) *Batch {
	why := WhyDeadline
	if p.priority() == intent.Critical {
		why = WhyCritical
	}
	b := p.frozen
	if b == nil {
		b = p.freeze(why)
	} else {
		b.Covers = p.covers() // some may have expired meanwhile
	}
	s.flight = &flight{batch: b, items: p.items, group: p.group}
	for _, i := range p.items {
		s.expiries.remove(i)
		i.pending = nil
		i.ask.batch = b
	}
	s.leave(p)
	for _, i := range s.flight.items {
		s.unlist(i.ask)
	}
	return b
}

func (s *Scheduler) takeEnded() []Ended {
	ended := s.ended
	s.ended = nil
	return ended
}

func (s *Scheduler) queueOf(st state) *queue[*pending] {
	switch st {
	case waiting:
		return &s.waiting
	case settling:
		return &s.settling
	case ready:
		return &s.ready
	}
	panic("limiter: a batch in no queue")
}

func (s *Scheduler) move(p *pending, to state) {
	s.queueOf(p.state).remove(p)
	p.state = to
	s.queueOf(to).add(p)
}

func before(t, u time.Time, i, j uint64) bool {
	if c := t.Compare(u); c != 0 {
		return c < 0
	}
	return i < j
}

// moreUrgent orders the batches that are ready: those in doubt first, since they
// may be half done, then by priority, then by due.
func moreUrgent(a, b *pending) bool {
	if (a.frozen != nil) != (b.frozen != nil) {
		return a.frozen != nil
	}
	if p, q := a.priority(), b.priority(); p != q {
		return p > q
	}
	return before(a.due, b.due, a.id, b.id)
}
