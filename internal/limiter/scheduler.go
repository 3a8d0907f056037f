package limiter

import (
	"cmp"
	"fmt"
	"time"

	"pushbridge/internal/intent"
)

// Config is what a Scheduler is made of.
type Config struct {
	Budget    *Budget       // the calls that may be made; the Scheduler spends from it
	Settle    time.Duration // how long a critical batch may wait for others while calls are plenty
	Memory    *Memory       // tells repeats
	NotBefore time.Time     // no call before this instant; what an earlier Scheduler was told
	MaxBytes  int           // of a request: nothing is united beyond it; 0: no limit
}

// Scheduler holds the pending intents of one app and chooses the calls.
type Scheduler struct {
	budget *Budget
	settle time.Duration
	memory *Memory

	epoch    time.Time // the first instant it was told
	dated    time.Time // the same by the wall clock alone
	now      time.Time // the one that it was told last, as three readings
	at       instant
	clock    elapsed
	profiles map[traits]*profile
	lately   *profile // the last one used; often the next
	classes  map[terms]*class
	doors    doors
	newest   map[latestKey][]*item // the first parts; several only of one record

	purses  []*purse
	byKey   map[purseKey]*purse
	ready   queue[*pending] // by priority, then worth
	turning queue[*class]   // with hours, by when those change
	behind  queue[*pending] // by when their bars end
	bars    map[*pending]bar

	pushes      *pushes
	inhibitions *inhibitions
	changing    queue[*item] // by the next change of its loss, the last of which is its expiry
	shown       []*pending   // digests that may have to join others
	crowded     []*class     // of digests with a message that one call cannot name all for

	flight    *flight
	notBefore time.Time
	maxBytes  int
	full      bool // see Hurry

	pricedAt time.Time // as of when the prices are
	pricedBy int       // changes of the budget that they know
	demand   demand
	count    int // of pending batches

	serial  uint64 // last number given to a batch
	intents [intent.Critical + 1]int
	ended   []Ended
}

// remembered is how long ago a push may be that a frequency counts: the journal
// gives back the calls of so long.
const remembered = 24 * time.Hour

// flight is the one call that is being made.
type flight struct {
	batch *Batch
	from  *pending
	saves float64
}

// latestKey is what two intents of mode Latest have in common when one is a
// revision of the other.
type latestKey struct{ scope, key string }

func keyOf(i *item) latestKey {
	scope := i.profile.policy.Scope
	if scope == "" {
		scope = i.profile.rule
	}
	return latestKey{scope, i.key()}
}

// Decision is the answer of Next.
type Decision struct {
	Batch  *Batch    // to be called now, and then given to Done; nil: none
	WakeAt time.Time // when to ask again, if nothing happens before; zero: only when something happens
	Ended  []Ended
}

// New returns a Scheduler without pending intents. It panics where the Config lacks
// a Budget or a Memory, or its Settle is negative: they come from checked configuration.
func New(c Config) *Scheduler {
	if c.Budget == nil || c.Settle < 0 || c.Memory == nil {
		panic(fmt.Sprintf("limiter: incomplete config %+v", c))
	}
	s := &Scheduler{
		budget:      c.Budget,
		settle:      c.Settle,
		memory:      c.Memory,
		notBefore:   c.NotBefore,
		maxBytes:    c.MaxBytes,
		profiles:    make(map[traits]*profile),
		classes:     make(map[terms]*class),
		doors:       newDoors(),
		newest:      make(map[latestKey][]*item),
		byKey:       make(map[purseKey]*purse),
		ready:       queue[*pending]{less: moreUrgent, slot: slotOf},
		turning:     queue[*class]{less: byChange, slot: func(c *class) *int32 { return &c.hours.slot }},
		bars:        make(map[*pending]bar),
		pushes:      newPushes(remembered),
		inhibitions: newInhibitions(),
		// Of equal ones the order is that of the heap, which is the same for the same inputs.
		changing: queue[*item]{less: func(a, b *item) bool { return a.changes() < b.changes() }, slot: func(i *item) *int32 { return &i.slot }},
	}
	s.behind = queue[*pending]{slot: slotOf, less: func(a, b *pending) bool { return before(s.bars[a].until, s.bars[b].until, a.id, b.id) }}
	return s
}

// Add takes an intent in. What ends by that is returned: the intent itself, as a
// duplicate, expired or already superseded, or what it supersedes.
func (s *Scheduler) Add(now time.Time, in intent.Intent) []Ended {
	if len(in.Audiences) == 0 {
		panic("limiter: an intent for nobody, which would never end")
	}
	s.begin(now)
	s.turn()
	switch {
	case s.memory.repeated(now, &in.Origin):
		return endedAtOnce(in, EndDuplicate, nil)
	case !now.Before(in.Policy.Expires):
		return endedAtOnce(in, EndExpired, nil)
	}
	i := s.pack(now, &in)
	if in.Policy.Mode == intent.Latest {
		if by := s.revise(i); by != nil {
			i.parts(func(i *item) { s.release(i.profile) })
			return endedAtOnce(in, EndSuperseded, by)
		}
	}
	s.suppress(&in) // before anything can end it
	s.intents[in.Policy.Priority]++
	for n, a := range in.Audiences {
		part := i
		if i.fate != nil && len(i.fate.parts) > 0 {
			part = &i.fate.parts[n]
		}
		s.changing.add(part)
		before := s.serial
		if s.place(part, in.Message, a); s.serial > before && in.Origin.ReplayID == "" {
			s.demand.open(s.at)
		}
	}
	s.gather()
	return s.takeEnded()
}

// endedAtOnce takes a copy: an intent that waits is packed, and need not be kept as it came.
func endedAtOnce(in intent.Intent, kind EndKind, by *intent.Origin) []Ended {
	return []Ended{{Intent: &in, Kind: kind, By: by}}
}

// Next returns the call to make now, if one is due and the budget has one, or
// when to ask again. While a call is in flight there is no other.
func (s *Scheduler) Next(now time.Time) Decision {
	s.begin(now)
	s.turn()
	s.expire(now)
	var d Decision
	if s.flight == nil {
		if at := s.legal(now); at.After(now) {
			if s.count > 0 {
				d.WakeAt = at
			}
		} else if p := s.choose(now); p != nil {
			d.Batch = s.take(p)
		} else {
			d.WakeAt = s.wake(now)
		}
	}
	d.WakeAt = earliest(d.WakeAt, s.wakeAnyway())
	d.Ended = s.takeEnded()
	return d
}

// Idle is Next where no call can be made for a reason that is not the
// scheduler's: nothing is taken, only time goes on.
func (s *Scheduler) Idle(now time.Time) Decision {
	s.begin(now)
	s.turn()
	s.expire(now)
	return Decision{WakeAt: s.wakeAnyway(), Ended: s.takeEnded()}
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
	s.begin(now)
	s.turn()
	f := s.flight
	s.flight = nil
	if v.Counted {
		s.budget.SpendFrom(f.from.pool(), v.End)
		if !f.from.replayed() {
			s.demand.saved(s.at, f.saves)
		}
	} else if v.Reached {
		s.budget.Touch(v.End)
	}
	s.notBefore = v.NotBefore

	if v.Result == Pushed || v.Result == Doubt {
		s.pushes.add(b.Audience, v.End)
	}
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
		for _, i := range f.from.all() {
			s.comeBack(i, b)
		}
	case Doubt:
		if b.OnDoubt == intent.Resend {
			s.keepFrozen(f)
		} else {
			s.endAll(f, EndPushed, true)
		}
	}
	s.gather()
	return s.takeEnded()
}

// legal is the first instant from now on at which a call may start.
func (s *Scheduler) legal(now time.Time) time.Time { return latest(s.budget.Next(now), s.notBefore) }

// take turns a ready batch into the call in flight.
func (s *Scheduler) take(p *pending) *Batch {
	why := s.reason(p)
	b := p.frozen()
	if b == nil {
		p = s.widen(p)
		b = s.freeze(p, why)
		for u := p.units; u != nil; u = u.next() {
			s.unfile(u)
		}
		s.hide(p)
	} else {
		b.Covers = s.covers(p) // some may have expired meanwhile
	}
	s.dequeue(p)
	s.flight = &flight{batch: b, from: p, saves: p.value(s.at.seconds())}
	p.each(s.changing.remove)
	p.each(s.unlist)
	return b
}

func (s *Scheduler) takeEnded() []Ended {
	ended := s.ended
	s.ended = nil
	return ended
}

func before[T cmp.Ordered](t, u T, i, j uint64) bool {
	if t != u {
		return t < u
	}
	return i < j
}

// moreUrgent orders the batches that are ready: those in doubt first, since they
// may be half done, then critical ones, then by what they are worth; last what comes
// again.
func moreUrgent(a, b *pending) bool {
	if doubted := a.frozen() != nil; doubted != (b.frozen() != nil) {
		return doubted
	}
	if p, q := a.priority() == intent.Critical, b.priority() == intent.Critical; p != q {
		return p
	}
	if again := a.replayed(); again != b.replayed() {
		return !again
	}
	return before(-a.rank, -b.rank, a.id, b.id)
}
