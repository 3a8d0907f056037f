package limiter

import (
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// ask is one pending intent: it ends once, when the last of its parts has.
type ask struct {
	intent  intent.Intent
	since   time.Time      // from when its delay is counted: its own arrival, or that of what it superseded
	settled time.Time      // until when it may wait for others of its burst; rides on like since
	open    int            // parts that have not ended
	parts   []item         // its parts, open or not
	kind    EndKind        // the worst that happened to a part so far
	batch   *Batch         // the last call that carried a part
	by      *intent.Origin // of what superseded it
	doubt   bool
	ordered uint64 // order of arrival, for ties
}

// due is when the intent should have been pushed.
func (a *ask) due() time.Time { return a.since.Add(a.intent.Policy.MaxDelay) }

// inherit takes over the age of what a supersedes, so that revisions cannot
// postpone a push for ever.
func (a *ask) inherit(old *ask) {
	a.since = earliest(a.since, old.since)
	a.settled = earliest(a.settled, old.settled)
}

// item is one part of an ask: what of it can be said in one call.
type item struct {
	ask      *ask
	audience audience.Audience
	pending  *pending // where it waits; nil while in flight and once ended
	slot     int      // its index in pending.items
	expiry   int      // its index in the queue of expiries
}

func (i *item) place() *int { return &i.expiry }

// state says which queue a pending batch stands in.
type state uint8

const (
	waiting  state = iota + 1 // until its deadline is near
	settling                  // until settled
	ready                     // until a call may start
)

// pending is a batch that is not in flight: items of one message whose
// audiences unite to one legal condition.
type pending struct {
	id       uint64
	group    *group
	audience audience.Audience         // the union of its items' audiences, always
	distinct map[audience.Audience]int // how many items ask for each
	items    []*item
	urgency  [intent.Critical + 1]int // items by priority
	due      time.Time                // no later than the earliest due of an item
	oldest   time.Time                // no later than the earliest arrival of an item
	settled  time.Time                // when it has waited long enough for others of the same burst
	frozen   *Batch                   // the batch as it was sent, where its outcome is in doubt; in no index then

	state state
	slot  int   // its index in the queue of its state
	slots []int // its index in the group's list of each of its atoms, in their order
	roomy int   // its index in the group's list of batches with room
}

func (p *pending) place() *int { return &p.slot }

// priority is that of the most urgent item.
func (p *pending) priority() intent.Priority {
	for _, priority := range intent.Priorities {
		if p.urgency[priority] > 0 {
			return priority
		}
	}
	panic("limiter: a pending batch without items has no priority")
}

func (p *pending) attach(i *item) {
	i.pending, i.slot = p, len(p.items)
	p.items = append(p.items, i)
	p.distinct[i.audience]++
	p.urgency[i.ask.intent.Policy.Priority]++
	p.hurry(i.ask)
}

// hurry makes p go no later than a has to.
func (p *pending) hurry(a *ask) {
	p.due = earliest(p.due, a.due())
	p.oldest = earliest(p.oldest, a.since)
	p.settled = earliest(p.settled, a.settled)
}

// detach takes the item out and says whether its audience is still asked for.
// due is left as it is: it may only be too early.
func (p *pending) detach(i *item) (asked bool) {
	last := len(p.items) - 1
	p.items[i.slot] = p.items[last]
	p.items[i.slot].slot = i.slot
	p.items[last] = nil
	p.items = p.items[:last]
	p.urgency[i.ask.intent.Policy.Priority]--
	i.pending = nil
	p.distinct[i.audience]--
	if p.distinct[i.audience] == 0 {
		delete(p.distinct, i.audience)
		return false
	}
	return true
}

// couldShrink says whether p may ask for less now that nobody in it asks for
// gone. It spares unionOf, whose cost is that of all that p holds.
func (p *pending) couldShrink(gone audience.Audience) bool {
	// Another asks for all of p. Or p is of an any kind: each of its atoms is
	// asked for alone, and one that is of an all kind never asked for any alone.
	return p.distinct[p.audience] == 0 && (gone == p.audience || narrow(gone) < narrowest)
}

// freeze makes the call out of what is pending now.
func (p *pending) freeze(why Why) *Batch {
	b := &Batch{
		ID:       p.id,
		Audience: p.audience,
		Messages: []intent.Message{p.group.key.message},
		Covers:   p.covers(),
		Priority: p.priority(),
		OnDoubt:  p.group.key.onDoubt,
		Why:      why,
		Due:      p.due,
	}
	for _, i := range p.items {
		b.Overlap = b.Overlap || len(i.ask.parts) > 1
	}
	return b
}

func (p *pending) covers() []Cover {
	covers := make([]Cover, len(p.items))
	for n, i := range p.items {
		covers[n] = Cover{Intent: &i.ask.intent, Audience: i.audience}
	}
	return covers
}
