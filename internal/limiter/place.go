package limiter

import (
	"cmp"
	"slices"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// place puts an item into the pending batch where it costs least, or into a new
// one. A batch that grew takes over those that it now contains.
func (s *Scheduler) place(i *item) {
	g := s.groupOf(i.ask)
	i.ask.intent.Message = g.key.message // equal; so one copy of its text is kept for all
	p := g.find(i.audience)
	s.expiries.add(i)
	if p == nil {
		s.serial++
		p = &pending{id: s.serial, group: g, audience: i.audience, distinct: make(map[audience.Audience]int), state: waiting}
		p.attach(i)
		g.index(p)
		if p.priority() == intent.Critical {
			p.state = settling
		}
		s.queueOf(p.state).add(p)
		s.absorb(p)
		return
	}
	grew := !p.audience.Contains(i.audience)
	if grew {
		g.unindex(p)
		union, ok := p.audience.Union(i.audience)
		if !ok {
			panic("limiter: a batch was found that cannot grow")
		}
		p.audience = union
		g.index(p)
	}
	s.join(p, i)
	if grew {
		s.absorb(p)
	}
}

// join adds an item whose audience p contains.
func (s *Scheduler) join(p *pending, i *item) {
	p.attach(i)
	if p.group.lone == nil {
		p.group.exact[i.audience] = p
	}
	if p.state == waiting && p.priority() == intent.Critical {
		s.move(p, settling)
		return
	}
	s.queueOf(p.state).fix(p)
}

// absorb moves into p the items of all batches that p contains.
func (s *Scheduler) absorb(p *pending) {
	for {
		contained := p.group.within(p)
		if len(contained) == 0 {
			return
		}
		for _, q := range contained {
			s.leave(q)
			for _, i := range q.items {
				s.join(p, i)
			}
			// What had waited goes on as if it had waited here.
			if q.state > p.state {
				s.move(p, q.state)
			}
		}
	}
}

// takeOut removes a pending item. Its batch shrinks to what the others ask for;
// where that is no legal call (what contained narrower ones is gone), they are
// placed anew. A batch in doubt is sent as it was or not at all.
func (s *Scheduler) takeOut(i *item) {
	p := i.pending
	s.expiries.remove(i)
	asked := p.detach(i)
	if !asked && p.frozen == nil {
		delete(p.group.exact, i.audience)
	}
	switch {
	case len(p.items) == 0:
		s.leave(p)
		s.forgetIfEmpty(p.group)
		return
	case asked || p.frozen != nil || !p.couldShrink(i.audience):
		s.queueOf(p.state).fix(p)
		return
	}
	union, ok := unionOf(p.distinct)
	if !ok || !p.group.holds(union) {
		s.scatter(p)
		return
	}
	p.group.unindex(p)
	p.audience = union
	p.group.index(p)
	s.queueOf(p.state).fix(p)
}

// scatter places all items of a batch anew.
func (s *Scheduler) scatter(p *pending) {
	items := p.items
	s.leave(p)
	for _, i := range items {
		s.expiries.remove(i)
		i.pending = nil
		s.place(i)
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
		return cmp.Or(cmp.Compare(narrow(a), narrow(b)), cmp.Compare(a.Len(), b.Len()))
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

// narrowest is the rank of the audiences that ask for several things at once.
const narrowest = 2

func narrow(a audience.Audience) int {
	switch a.Kind() {
	case audience.Everyone:
		return 0
	case audience.AnyTag, audience.AnyAttr:
		return 1
	case audience.AllTags, audience.AllAttrs:
	}
	return narrowest
}

func (s *Scheduler) groupOf(a *ask) *group {
	key := groupKey{message: a.intent.Message, onDoubt: a.intent.Policy.OnDoubt}
	if a.intent.Policy.Mode == intent.Alone {
		key.alone = a.ordered
	}
	g, ok := s.groups[key]
	if !ok {
		g = newGroup(key, s.maxBytes)
		s.groups[key] = g
	}
	return g
}

func (s *Scheduler) forgetIfEmpty(g *group) {
	if g.batches == 0 && s.groups[g.key] == g {
		delete(s.groups, g.key)
	}
}
