package limiter

import (
	"cmp"
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// place puts an item into the pending batch where it costs least, or into a new
// one. A batch that grew takes over those that it now contains.
func (s *Scheduler) place(now time.Time, i *item) {
	g := s.groupOf(i.ask)
	p, union := g.find(i.audience)
	if p == nil {
		s.serial++
		p = &pending{id: s.serial, group: g, audience: i.audience, distinct: make(map[audience.Audience]int), state: waiting}
		p.attach(i, s.settle, now)
		g.exact[i.audience] = p
		g.index(p)
		if p.priority() == intent.Critical {
			p.state = settling
		}
		s.queueOf(p.state).add(p)
		s.expiries.add(i)
		s.absorb(now, p)
		return
	}
	grew := union != p.audience
	if grew {
		g.unindex(p)
		p.audience = union
		g.index(p)
	}
	s.join(now, p, i)
	s.expiries.add(i)
	if grew {
		s.absorb(now, p)
	}
}

// join adds an item whose audience p contains.
func (s *Scheduler) join(now time.Time, p *pending, i *item) {
	p.attach(i, s.settle, now)
	p.group.exact[i.audience] = p
	if p.state == waiting && p.priority() == intent.Critical {
		s.move(p, settling)
		return
	}
	s.queueOf(p.state).fix(p)
}

// absorb moves into p the items of all batches that p contains.
func (s *Scheduler) absorb(now time.Time, p *pending) {
	for {
		contained := p.group.within(p.audience, p)
		if len(contained) == 0 {
			return
		}
		for _, q := range contained {
			items := q.items
			settled, qState := q.settled, q.state
			s.leave(q)
			for _, i := range items {
				s.join(now, p, i)
			}
			// What had waited goes on as if it had waited here.
			p.settled = earliest(p.settled, settled)
			if qState > p.state {
				s.move(p, qState)
			} else {
				s.queueOf(p.state).fix(p)
			}
		}
	}
}

// takeOut removes a pending item. Its batch shrinks to what the others ask for;
// where that is no legal condition (what contained a narrower one is gone), they
// are placed anew.
func (s *Scheduler) takeOut(now time.Time, i *item) {
	p := i.pending
	s.expiries.remove(i)
	asked := p.detach(i)
	switch {
	case len(p.items) == 0:
		delete(p.group.exact, i.audience)
		s.leave(p)
		s.forgetIfEmpty(p.group)
	case p.frozen != nil:
		// It is sent as it was or not at all.
		s.queueOf(p.state).fix(p)
	case asked:
		s.queueOf(p.state).fix(p)
	default:
		delete(p.group.exact, i.audience)
		if union, ok := unionOf(p.distinct); ok {
			p.group.unindex(p)
			p.audience = union
			p.group.index(p)
			s.queueOf(p.state).fix(p)
			return
		}
		s.scatter(now, p)
	}
}

// scatter places all items of a batch anew.
func (s *Scheduler) scatter(now time.Time, p *pending) {
	items := p.items
	s.leave(p)
	for _, i := range items {
		s.expiries.remove(i)
		i.pending = nil
		s.place(now, i)
	}
}

// leave takes a batch out of its queue and its group.
func (s *Scheduler) leave(p *pending) {
	s.queueOf(p.state).remove(p)
	if p.frozen != nil {
		return
	}
	p.group.unindex(p)
	for a := range p.distinct {
		if p.group.exact[a] == p {
			delete(p.group.exact, a)
		}
	}
}

// unionOf returns the union of the audiences, and false where no legal condition
// is it. Wide ones come first, so that a narrow one finds what contains it.
func unionOf(distinct map[audience.Audience]int) (audience.Audience, bool) {
	list := make([]audience.Audience, 0, len(distinct))
	for a := range distinct {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b audience.Audience) int {
		return cmp.Or(cmp.Compare(narrow(a), narrow(b)), cmp.Compare(size(a), size(b)))
	})
	union := list[0]
	for _, a := range list[1:] {
		var ok bool
		if union, ok = union.Union(a); !ok {
			return audience.Audience{}, false
		}
	}
	return union, true
}

func narrow(a audience.Audience) int {
	switch a.Kind() {
	case audience.Everyone:
		return 0
	case audience.AnyTag, audience.AnyAttr:
		return 1
	case audience.AllTags, audience.AllAttrs:
	}
	return 2
}

func (s *Scheduler) groupOf(a *ask) *group {
	key := groupKey{message: a.intent.Message, onDoubt: a.intent.Policy.OnDoubt}
	if a.intent.Policy.Mode == intent.Alone {
		key.alone = a.ordered
	}
	g, ok := s.groups[key]
	if !ok {
		g = newGroup(key)
		s.groups[key] = g
	}
	return g
}

func (s *Scheduler) forgetIfEmpty(g *group) {
	if g.batches == 0 && s.groups[g.key] == g {
		delete(s.groups, g.key)
	}
}
