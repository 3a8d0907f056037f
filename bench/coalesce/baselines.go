package main

import (
	"cmp"
	"time"
)

// best returns the batch that comes first, ties by age of the batch; nil where
// none is wanted.
func best(p *pool, wanted func(*batch) bool, before func(a, b *batch) int) *batch {
	var top *batch
	for _, b := range p.batches {
		if !wanted(b) {
			continue
		}
		if top == nil || cmp.Or(before(b, top), cmp.Compare(b.id, top.id)) < 0 {
			top = b
		}
	}
	return top
}

func older(a, b *batch) int { return cmp.Compare(a.first, b.first) }

func anyOne(*batch) bool { return true }

// atOnce sends the oldest at every legal instant. On a plain pool it is first in,
// first out; on another, what waits in the queue merges.
type atOnce struct{ deaf }

func (atOnce) next(_ time.Duration, p *pool, _ *budget) (*batch, time.Duration) {
	return best(p, anyOne, older), never
}

// windows sends, in their order, what had arrived by the last boundary of fixed
// windows. What a later arrival merges with carries it along.
type windows struct {
	deaf
	long time.Duration
}

func (w windows) next(now time.Duration, p *pool, _ *budget) (*batch, time.Duration) {
	boundary := now.Truncate(w.long)
	return best(p, func(b *batch) bool { return b.first < boundary }, older), boundary + w.long
}

// groups are those of Alertmanager, one a rule: what arrives for a new group is
// flushed after its group_wait, what comes later at every group_interval from
// then on; a group in whose interval nothing came is forgotten. A batch belongs
// to the group of its first piece.
type groups struct {
	deaf
	wait, every time.Duration
	groups      map[string]*group
}

// group is a rule's.
type group struct {
	flushed time.Duration // the last time
	flush   time.Duration // the next; 0: there is no group
	news    bool          // something came since the last flush
}

func newGroups(wait, every time.Duration) *groups {
	return &groups{wait: wait, every: every, groups: map[string]*group{}}
}

func (g *groups) arrive(a *ask) {
	one := g.groups[a.in.Rule]
	if one == nil {
		one = &group{flushed: -1}
		g.groups[a.in.Rule] = one
	}
	one.advance(a.arrived, g.every)
	if one.flush == 0 {
		one.flush = a.arrived + g.wait
	}
	one.news = true
}

// advance makes the flushes that are due by now.
func (g *group) advance(now, every time.Duration) {
	for g.flush != 0 && g.flush <= now {
		g.flushed = g.flush
		g.flush += every
		if !g.news {
			g.flush = 0
		}
		g.news = false
	}
}

func (g *groups) next(now time.Duration, p *pool, _ *budget) (*batch, time.Duration) {
	wake := never
	for _, one := range g.groups {
		one.advance(now, g.every)
		if one.flush != 0 {
			wake = min(wake, one.flush)
		}
	}
	return best(p, func(b *batch) bool {
		return b.first <= g.groups[b.units[0].pieces[0].ask.in.Rule].flushed
	}, older), wake
}

// deadlines waits until a batch is nearly due and sends what is due first. The
// guard grows with the queue: what is due at one instant leaves one a second.
type deadlines struct{ deaf }

func (deadlines) next(now time.Duration, p *pool, b *budget) (*batch, time.Duration) {
	ahead := guard(len(p.batches), b.free(now))
	due := func(b *batch) time.Duration {
		at := never
		for x := range b.pieces {
			at = min(at, x.ask.due)
			for _, older := range x.ask.waitsFor {
				at = min(at, older.due)
			}
		}
		return at
	}
	top := best(p, anyOne, func(a, b *batch) int { return cmp.Compare(due(a), due(b)) })
	if at := due(top) - ahead; at > now {
		return nil, at
	}
	return top, 0
}

// guard is how long before it is due a batch goes, so many being pending and so
// many calls free.
func guard(batches, free int) time.Duration {
	return 3*time.Second + time.Duration(min(batches, free))*1300*time.Millisecond
}
