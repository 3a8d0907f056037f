package main

import (
	"container/heap"
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// maxRequest is the largest request in bytes.
const maxRequest = 8000

// slot holds the units whose pieces may share a message's calls.
type slot struct {
	message intent.Message
	digest  bool
	key     string // of digests
}

// unit is the pieces of one message that go to one audience, their exact union.
type unit struct {
	slot     slot
	most     int // messages that a digest with it may have; 1: it is none
	alone    bool
	audience audience.Audience
	pieces   []*piece
	batch    *batch
}

// batch is one call, should it be made now: a unit, or the units of one digest.
type batch struct {
	id       int
	at       int // in pool.batches
	audience audience.Audience
	key      string // of a digest
	units    []*unit
	first    time.Duration // arrival of its oldest piece
	changed  bool          // since a policy last looked at it
	lost     float64       // weight that expired in it
	filed    filing        // what the priced policy noted on it
}

// pool is what is pending, merged as far as it is exact. It is what all baselines
// but the first have in common; when a batch goes is not its business.
type pool struct {
	plain   bool // nothing merges and nothing is superseded
	units   map[slot][]*unit
	digests map[digestKey][]*batch
	batches []*batch
	latest  map[revision]*ask
	pending map[*ask][]*piece
	dying   dying
	made    int // batches so far
}

type digestKey struct {
	audience audience.Audience
	key      string
}

func newPool(plain bool) *pool {
	return &pool{plain: plain, units: map[slot][]*unit{}, digests: map[digestKey][]*batch{}, latest: map[revision]*ask{}, pending: map[*ask][]*piece{}}
}

// add makes the ask pending. It returns the ask that ended by that, and by whom:
// an older revision, or the ask itself where a newer one is pending.
func (p *pool) add(a *ask) (ended, by *ask) {
	if key, ok := a.revises(); ok && !p.plain {
		if other := p.latest[key]; other != nil {
			if a.happened.Before(other.happened) {
				other.waitsFor = append(other.waitsFor, a)
				p.touch(other)
				return a, other
			}
			ended, by = other, a
			a.waitsFor = append(append(a.waitsFor, other.waitsFor...), other)
			p.remove(other)
		}
		p.latest[key] = a
	}
	pieces := a.pieces()
	p.pending[a] = pieces
	heap.Push(&p.dying, a)
	for _, x := range pieces {
		p.place(x)
	}
	return ended, by
}

// place finds the piece a unit: one that reaches all of its users anyway, else the
// one that grows the least by it, else its own.
func (p *pool) place(x *piece) {
	policy := x.ask.in.Policy
	s := slot{message: x.ask.in.Message}
	most := 1
	if policy.Mode == intent.Digest {
		s.digest, s.key, most = true, policy.Key, policy.MaxMessages
	}
	if p.plain || policy.Mode == intent.Alone {
		u := &unit{slot: s, most: 1, alone: true, audience: x.audience}
		u.take(x)
		p.settle(u)
		return
	}
	var best *unit
	least := 0
	for _, u := range p.units[s] {
		if u.audience.Contains(x.audience) {
			best = u
			break
		}
		growth, ok := u.audience.Growth(x.audience)
		if !ok || (best != nil && growth >= least) {
			continue
		}
		if union, _ := u.audience.Union(x.audience); s.message.RequestSize(union) <= maxRequest {
			best, least = u, growth
		}
	}
	if best == nil {
		best = &unit{slot: s, most: most, audience: x.audience}
		p.units[s] = append(p.units[s], best)
	}
	if !best.audience.Contains(x.audience) {
		best.audience, _ = best.audience.Union(x.audience)
		p.absorb(best)
	}
	best.most = min(best.most, most)
	best.take(x)
	p.settle(best)
}

// absorb gives a unit that has grown the pieces of those it now contains.
func (p *pool) absorb(u *unit) {
	for _, v := range slices.Clone(p.units[u.slot]) {
		if v == u || !u.audience.Contains(v.audience) {
			continue
		}
		p.drop(v)
		u.most = min(u.most, v.most)
		for _, x := range v.pieces {
			u.take(x)
		}
	}
}

func (u *unit) take(x *piece) {
	x.unit = u
	u.pieces = append(u.pieces, x)
}

// settle puts the unit into the batch where it belongs by now.
func (p *pool) settle(u *unit) {
	key := digestKey{u.audience, u.slot.key}
	if b := u.batch; b != nil {
		if (len(b.units) == 1 && !u.slot.digest) || (b.audience == u.audience && len(b.units) <= b.cap()) {
			b.audience = u.audience
			b.refresh()
			return
		}
		p.leave(u)
	}
	if u.slot.digest && !u.alone {
		for _, b := range p.digests[key] {
			if b.room(u) {
				u.batch = b
				b.units = append(b.units, u)
				b.refresh()
				return
			}
		}
	}
	p.made++
	b := &batch{id: p.made, at: len(p.batches), audience: u.audience, key: u.slot.key, units: []*unit{u}}
	u.batch = b
	b.refresh()
	p.batches = append(p.batches, b)
	if u.slot.digest && !u.alone {
		p.digests[key] = append(p.digests[key], b)
	}
}

// cap is how many messages the batch may have.
func (b *batch) cap() int {
	most := b.units[0].most
	for _, u := range b.units {
		most = min(most, u.most)
	}
	return most
}

// room says whether the unit fits into the batch.
func (b *batch) room(u *unit) bool {
	bytes := u.slot.message.RequestSize(b.audience)
	for _, v := range b.units {
		bytes += v.slot.message.Size()
	}
	return len(b.units) < min(b.cap(), u.most) && bytes <= maxRequest
}

func (b *batch) refresh() {
	b.changed = true
	b.first = b.units[0].pieces[0].ask.arrived
	for x := range b.pieces {
		b.first = min(b.first, x.ask.arrived)
	}
}

// pieces goes over all that the batch covers.
func (b *batch) pieces(yield func(*piece) bool) {
	for _, u := range b.units {
		for _, x := range u.pieces {
			if !yield(x) {
				return
			}
		}
	}
}

// critical says whether the batch carries a critical ask.
func (b *batch) critical() bool {
	for x := range b.pieces {
		if x.ask.in.Policy.Priority == intent.Critical {
			return true
		}
	}
	return false
}
