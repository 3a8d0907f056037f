package main

import (
	"container/heap"
	"slices"
	"time"
)

// take removes the batch, which is sent, and returns what it covers.
func (p *pool) take(b *batch) []*piece {
	var covers []*piece
	for _, u := range slices.Clone(b.units) {
		covers = append(covers, u.pieces...)
		p.drop(u)
	}
	for _, x := range covers {
		x.unit = nil
		p.pending[x.ask] = slices.DeleteFunc(p.pending[x.ask], func(y *piece) bool { return y == x })
		if len(p.pending[x.ask]) == 0 {
			p.forget(x.ask)
		}
	}
	return covers
}

// remove takes back what is left of an ask that ended otherwise.
func (p *pool) remove(a *ask) {
	for _, x := range p.pending[a] {
		u := x.unit
		u.pieces = slices.DeleteFunc(u.pieces, func(y *piece) bool { return y == x })
		switch {
		case len(u.pieces) == 0:
			p.drop(u)
		case slices.ContainsFunc(u.pieces, func(y *piece) bool { return y.audience == x.audience }):
			u.batch.refresh()
		default:
			// The union of the others may be smaller, or need several units where
			// this piece's audience contained them all.
			p.drop(u)
			for _, y := range u.pieces {
				p.place(y)
			}
		}
	}
	p.forget(a)
}

func (p *pool) forget(a *ask) {
	delete(p.pending, a)
	if key, ok := a.revises(); ok && p.latest[key] == a {
		delete(p.latest, key)
	}
}

// drop removes a unit from everywhere.
func (p *pool) drop(u *unit) {
	p.units[u.slot] = slices.DeleteFunc(p.units[u.slot], func(v *unit) bool { return v == u })
	if len(p.units[u.slot]) == 0 {
		delete(p.units, u.slot)
	}
	p.leave(u)
}

// leave removes a unit from its batch, and the batch with its last unit.
func (p *pool) leave(u *unit) {
	b := u.batch
	if b == nil { // it was only just made
		return
	}
	u.batch = nil
	b.units = slices.DeleteFunc(b.units, func(v *unit) bool { return v == u })
	if len(b.units) > 0 {
		b.refresh()
		return
	}
	last := p.batches[len(p.batches)-1]
	last.at = b.at
	p.batches[b.at] = last
	p.batches = p.batches[:len(p.batches)-1]
	key := digestKey{b.audience, b.key}
	if p.digests[key] = slices.DeleteFunc(p.digests[key], func(o *batch) bool { return o == b }); len(p.digests[key]) == 0 {
		delete(p.digests, key)
	}
}

// touch tells the batches of an ask that what hangs on it has changed.
func (p *pool) touch(a *ask) {
	for _, x := range p.pending[a] {
		x.unit.batch.changed = true
	}
}

// expire ends what has not gone by now. Lost says what a call would have been
// worth that is no longer to be made.
func (p *pool) expire(now time.Duration, lost func(float64)) []*ask {
	var ended []*ask
	for {
		next, ok := p.nextExpiry()
		if !ok || next > now {
			return ended
		}
		a, _ := heap.Pop(&p.dying).(*ask)
		for _, x := range p.pending[a] {
			b := x.unit.batch
			b.lost += a.weight * x.share
			if len(b.units) == 1 && len(b.units[0].pieces) == 1 {
				lost(b.lost)
			}
		}
		p.remove(a)
		ended = append(ended, a)
	}
}

// nextExpiry is when the next pending ask ends; false: none is pending.
func (p *pool) nextExpiry() (time.Duration, bool) {
	for len(p.dying) > 0 {
		if _, ok := p.pending[p.dying[0]]; ok {
			return p.dying[0].dies, true
		}
		heap.Pop(&p.dying)
	}
	return 0, false
}

// dying is a heap of asks by their expiry.
type dying []*ask

// Len is a heap's.
func (d dying) Len() int { return len(d) }

// Less is a heap's.
func (d dying) Less(i, j int) bool { return d[i].dies < d[j].dies }

// Swap is a heap's.
func (d dying) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Push is a heap's.
func (d *dying) Push(x any) { *d = append(*d, x.(*ask)) }

// Pop is a heap's.
func (d *dying) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
