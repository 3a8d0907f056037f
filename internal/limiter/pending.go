package limiter

import (
	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// away is the slot of an item that is in no queue: in flight, or ended.
const away = -1

// item is one pending intent, or one part of it: what of it can be said in one
// call. There may be a million, so it holds what is its own and no more.
type item struct {
	profile                 *profile
	offset                  int64
	time, received, expires instant
	arrived                 elapsed
	blob                    string  // see blobOf
	unit                    *unit   // where it waits, or waited before its call
	cohort                  *cohort // those of its unit that ask for the same; nil: all of its unit do
	next, prev              *item   // the ring of its unit's items
	fate                    *fate   // nil for what nothing has happened to yet
	slot                    int32   // its index in the queue of changes
	late                    bool    // its max_delay has passed
	held                    bool    // it came while the hours of its class were shut
}

// fate is what only some intents have. The parts of one share it.
type fate struct {
	audiences []audience.Audience // where there are several parts
	parts     []item              // empty where there is but the one that has this fate
	open      int                 // parts that have not ended
	kind      EndKind             // the worst that happened to a part so far
	batch     *Batch              // the last call that carried a part
	by        *intent.Origin      // of what superseded it
	doubt     bool

	inherits bool           // the age of what it superseded:
	since    instant        // from when the oldest's delay is counted
	due      instant        // the earliest of theirs
	ghost    ghost          // what it superseded, as far as the price is concerned
	whole    *intent.Intent // as it came, where its times cannot be packed
}

// fated returns the fate of i, which is one from now on.
func (i *item) fated() *fate {
	if i.fate == nil {
		i.fate = &fate{open: 1, kind: EndPushed}
	}
	return i.fate
}

// parts calls do for each part of the intent that i is one of.
func (i *item) parts(do func(*item)) {
	if i.fate == nil || len(i.fate.parts) == 0 {
		do(i)
		return
	}
	for n := range i.fate.parts {
		do(&i.fate.parts[n])
	}
}

func (i *item) count() int {
	if i.fate == nil {
		return 1
	}
	return max(1, len(i.fate.parts))
}

// audience is what of the intent this item asks for.
func (i *item) audience() audience.Audience {
	if i.fate != nil {
		for n := range i.fate.parts {
			if &i.fate.parts[n] == i {
				return i.fate.audiences[n]
			}
		}
	}
	if i.cohort != nil {
		return i.cohort.audience
	}
	return i.unit.audience
}

func (i *item) priority() intent.Priority { return i.profile.policy.Priority }

// since is from when its delay is counted: its own arrival, or the opening that it
// was held for.
func (i *item) since() instant { return i.profile.class.since(i.received, i.held) }

// oldest is since, or that of the oldest that it superseded.
func (i *item) oldest() instant {
	if i.fate != nil && i.fate.inherits {
		return min(i.since(), i.fate.since)
	}
	return i.since()
}

// ownDue is when the intent should have been pushed: what expires before its delay
// is over has less.
func (i *item) ownDue() instant {
	return min(i.since().plus(i.profile.policy.MaxDelay), max(i.since(), i.expires))
}

// due is when something of it should have been pushed: the intent, or what it
// superseded, so that revisions cannot postpone a push for ever.
func (i *item) due() instant {
	if i.fate != nil && i.fate.inherits {
		return min(i.ownDue(), i.fate.due)
	}
	return i.ownDue()
}

// changes is when its loss takes another course: at its own due, and when it expires.
func (i *item) changes() instant {
	if i.late {
		return i.expires
	}
	return min(i.ownDue(), i.expires)
}

// state says where a pending batch stands.
type state uint8

const (
	nowhere state = iota // between two places, or in flight
	asleep               // worth less than a call
	waiting              // until it has paid for a call, or its deadline is near
	lulling              // has paid, until its burst is over
	ready                // until a call may start
	held                 // until the hours of its class open
	behind               // a bar, until it is lifted
)

// pending is a batch that is not in flight: units of one audience, which is one
// unit unless they are of digests.
type pending struct {
	id      uint64
	units   *unit   // the first; the others follow
	due     instant // no later than the earliest due of an item
	tally   *tally  // nil while there is one item, which then says it all
	slot    int32   // its index in the queue of its state
	dueSlot int32   // its index among those of a purse by due
	rank    float32 // what its queue goes by: what a call would save, or more; of a grade, its filedZero
	grade   int16   // its rate of loss, or more; see grades
	purse   uint8   // whose calls it would use
	state   state
}

func (p *pending) audience() audience.Audience { return p.units.audience }

// pool is whose share of the calls p draws on; empty: what is common.
func (p *pending) pool() string {
	if g := p.units.class().terms.gate; g != nil {
		return g.Pool
	}
	return ""
}

// replayed says whether it draws on the replays' share: what happens now is not
// measured by it, does not wait behind it and pays no more for it.
func (p *pending) replayed() bool { return p.pool() == intent.ReplayPool }

// solo is the only item of a batch without a tally.
func (p *pending) solo() *item { return p.units.items }

func (p *pending) frozen() *Batch {
	if p.tally == nil {
		return nil
	}
	return p.tally.frozen
}

// items is how many there are.
func (p *pending) items() int {
	if p.tally == nil {
		return 1
	}
	return p.tally.items
}

// messages is how many units there are.
func (p *pending) messages() int {
	n := 0
	for u := p.units; u != nil; u = u.next() {
		n++
	}
	return n
}

// each calls do for each item. do may unlink the one it is given.
func (p *pending) each(do func(*item)) {
	for u := p.units; u != nil; u = u.next() {
		u.each(do)
	}
}

// all lists the items, for who moves them about.
func (p *pending) all() []*item {
	all := make([]*item, 0, p.items())
	p.each(func(i *item) { all = append(all, i) })
	return all
}

// priority is that of the most urgent item.
func (p *pending) priority() intent.Priority {
	if p.tally == nil {
		return p.solo().priority()
	}
	for _, priority := range intent.Priorities {
		if p.tally.urgency[priority-1] > 0 {
			return priority
		}
	}
	panic("limiter: a pending batch without items has no priority")
}

func (p *pending) oldest() instant {
	if p.tally == nil {
		return p.solo().oldest()
	}
	return p.tally.oldest
}

// born is when the first item came, lastJoin when the last did, joins how many.
func (p *pending) born() elapsed {
	if p.tally == nil {
		return p.solo().arrived
	}
	return p.tally.born
}

func (p *pending) lastJoin() elapsed {
	if p.tally == nil {
		return p.solo().arrived
	}
	return p.tally.lastJoin
}

func (p *pending) joins() int {
	if p.tally == nil {
		return 1
	}
	return p.tally.joins
}

// freeze makes the call out of what is pending now.
func (s *Scheduler) freeze(p *pending, why Why) *Batch {
	b := &Batch{
		ID:       p.id,
		Audience: p.audience(),
		Covers:   s.covers(p),
		Priority: p.priority(),
		OnDoubt:  p.units.class().terms.onDoubt,
		Why:      why,
		Due:      s.date(p.due),
	}
	for u := p.units; u != nil; u = u.next() {
		b.Messages = append(b.Messages, u.message)
		b.Overlap = b.Overlap || u.overlapped()
	}
	p.each(func(i *item) { b.Overlap = b.Overlap || i.count() > 1 })
	return b
}

func (s *Scheduler) covers(p *pending) []Cover {
	covers := make([]Cover, 0, p.items())
	p.each(func(i *item) { covers = append(covers, Cover{Intent: s.unpack(i), Audience: i.audience()}) })
	return covers
}
