package limiter

import (
	"fmt"
	"maps"
	"slices"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// check recomputes all that a Scheduler keeps to be fast, and says what of it is
// not so.
func (s *Scheduler) check(w *world) error {
	perGroup := map[*group][]*pending{}
	items := map[*item]bool{}
	asks := map[*ask]bool{}
	for _, st := range []state{waiting, settling, ready} {
		q := s.queueOf(st)
		if err := ordered(q); err != nil {
			return fmt.Errorf("queue %d: %w", st, err)
		}
		for _, p := range q.items {
			if p.state != st {
				return fmt.Errorf("batch %d of state %d is in queue %d", p.id, p.state, st)
			}
			if err := p.check(w, items); err != nil {
				return fmt.Errorf("batch %d: %w", p.id, err)
			}
			if n := p.group.key.message.RequestSize(p.audience); s.maxBytes > 0 && n > s.maxBytes && len(p.distinct) > 1 {
				return fmt.Errorf("batch %d is united to %d bytes, allowed %d", p.id, n, s.maxBytes)
			}
			for _, i := range p.items {
				asks[i.ask] = true
			}
			if p.frozen == nil {
				perGroup[p.group] = append(perGroup[p.group], p)
			}
		}
	}
	if s.flight != nil {
		for _, i := range s.flight.items {
			if asks[i.ask] = true; i.pending != nil {
				return fmt.Errorf("a part in flight is in batch %d too", i.pending.id)
			}
		}
	}
	if err := s.checkCounts(items, asks); err != nil {
		return err
	}
	if err := s.checkNewest(asks); err != nil {
		return err
	}
	for key, g := range s.groups {
		if g.key != key {
			return fmt.Errorf("group %v is filed under %v", g.key, key)
		}
		if len(perGroup[g]) == 0 && (s.flight == nil || s.flight.group != g) {
			return fmt.Errorf("group %v is empty", g.key)
		}
		if err := g.check(perGroup[g]); err != nil {
			return fmt.Errorf("group %v: %w", g.key, err)
		}
		delete(perGroup, g)
	}
	for g := range perGroup {
		return fmt.Errorf("group %v has batches and is not filed", g.key)
	}
	return nil
}

func (p *pending) check(w *world, items map[*item]bool) error {
	distinct := map[audience.Audience]int{}
	var urgency [intent.Critical + 1]int
	var parts []audience.Audience
	for slot, i := range p.items {
		switch {
		case items[i]:
			return fmt.Errorf("item %d is in another batch too", slot)
		case i.pending != p || i.slot != slot:
			return fmt.Errorf("item %d knows its place as %d", slot, i.slot)
		case i.ask.due().Before(p.due) || i.ask.since.Before(p.oldest) || i.ask.settled.Before(p.settled):
			return fmt.Errorf("item %d is due %v, since %v, settled %v; the batch %v, %v, %v", slot, i.ask.due(), i.ask.since, i.ask.settled, p.due, p.oldest, p.settled)
		}
		items[i] = true
		distinct[i.audience]++
		urgency[i.ask.intent.Policy.Priority]++
		parts = append(parts, i.audience)
		if i.ask.intent.Message != p.group.key.message {
			return fmt.Errorf("item %d has another message", slot)
		}
	}
	switch {
	case len(p.items) == 0:
		return fmt.Errorf("it has no items")
	case !maps.Equal(distinct, p.distinct) || urgency != p.urgency:
		return fmt.Errorf("counts %v %v, want %v %v", p.distinct, p.urgency, distinct, urgency)
	case p.frozen == nil && !w.same(p.audience, parts):
		return fmt.Errorf("audience %v is not the union of %v", p.audience, parts)
	case p.frozen == nil && p.state == waiting && p.priority() == intent.Critical:
		return fmt.Errorf("it is critical and waits for its deadline")
	}
	return nil
}

func (s *Scheduler) checkCounts(items map[*item]bool, asks map[*ask]bool) error {
	if err := ordered(&s.expiries); err != nil {
		return fmt.Errorf("expiries: %w", err)
	}
	if len(s.expiries.items) != len(items) {
		return fmt.Errorf("%d expiries of %d items", len(s.expiries.items), len(items))
	}
	for _, i := range s.expiries.items {
		if !items[i] {
			return fmt.Errorf("an expiry of what is not pending")
		}
	}
	var perPriority [intent.Critical + 1]int
	for a := range asks {
		perPriority[a.intent.Policy.Priority]++
		open := 0
		for n := range a.parts {
			i := &a.parts[n]
			if items[i] || (s.flight != nil && slices.Contains(s.flight.items, i)) {
				open++
			}
		}
		if open != a.open {
			return fmt.Errorf("%d parts open, %d counted", open, a.open)
		}
	}
	if perPriority != s.asks {
		return fmt.Errorf("%v intents counted, want %v", s.asks, perPriority)
	}
	return nil
}

// Of the revisions under one key, just one can be pending, and it is findable.
func (s *Scheduler) checkNewest(asks map[*ask]bool) error {
	want := map[latestKey]*ask{}
	for a := range asks {
		if a.intent.Policy.Mode != intent.Latest {
			continue
		}
		for n := range a.parts {
			if p := a.parts[n].pending; p == nil || p.frozen != nil {
				continue
			}
			if other := want[keyOf(a)]; other != nil && other != a {
				return fmt.Errorf("two revisions of %v are pending", keyOf(a))
			}
			want[keyOf(a)] = a
		}
	}
	if !maps.Equal(want, s.newest) {
		return fmt.Errorf("%d keys are known, want %d", len(s.newest), len(want))
	}
	return nil
}

func (g *group) check(batches []*pending) error {
	if g.batches != len(batches) {
		return fmt.Errorf("%d batches, counted %d", len(batches), g.batches)
	}
	if len(batches) == 1 && g.lone == batches[0] && g.exact == nil {
		return nil
	}
	if g.lone != nil {
		return fmt.Errorf("batch %d counts as the only one", g.lone.id)
	}
	exact, entries, roomy, all := 0, 0, 0, 0
	for _, p := range batches {
		for a := range p.distinct {
			if exact++; g.exact[a] != p {
				return fmt.Errorf("%v of batch %d is not found", a, p.id)
			}
		}
		if p.audience.Kind() == audience.Everyone {
			if all++; g.all != p {
				return fmt.Errorf("batch %d for everyone is not found", p.id)
			}
			continue
		}
		for n, at := range atomsOf(p.audience) {
			if entries++; g.atoms[at][p.slots[n]] != (entry{p, n}) {
				return fmt.Errorf("batch %d is not found under %v", p.id, at)
			}
		}
		if r, ok := roomOf(p.audience); ok {
			if roomy++; g.roomy[r][p.roomy] != p {
				return fmt.Errorf("batch %d has room and is not found", p.id)
			}
		}
	}
	listed := 0
	for at, list := range g.atoms {
		if listed += len(list); len(list) == 0 {
			return fmt.Errorf("an empty list under %v", at)
		}
	}
	for _, list := range g.roomy {
		roomy -= len(list)
	}
	if len(g.exact) != exact || listed != entries || roomy != 0 || (g.all != nil) != (all == 1) {
		return fmt.Errorf("indexes hold %d %d %v, want %d %d %d; %d more with room than listed", len(g.exact), listed, g.all, exact, entries, all, roomy)
	}
	return nil
}

func ordered[E indexed](q *queue[E]) error {
	for n, e := range q.items {
		if *e.place() != n {
			return fmt.Errorf("element %d knows its place as %d", n, *e.place())
		}
		if n > 0 && q.less(e, q.items[(n-1)/2]) {
			return fmt.Errorf("element %d goes before its parent", n)
		}
	}
	return nil
}
