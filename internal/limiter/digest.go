package limiter

import (
	"slices"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// A digest says several messages to one audience. Its units come together where
// their audiences are equal: each message's audience grows as that of any other,
// so where the same messages are wanted by the same audiences, in whatever order,
// all of them grow to the same union and end up in one batch. No unit asks for
// more than its own items do, so the batch has no cell that nobody asked for.
//
// Where a message is wanted by more tags than one call can name, the order of
// arrival decides which are named together, and the messages would differ in it. So
// from then on the tags of a class are dealt out to pages, and a unit keeps to one.

func (u *unit) next() *unit {
	if u.also == nil || u.also.rest == nil {
		return nil
	}
	return u.also.rest.next
}

// unchain parts u from those that follow it in a batch.
func (u *unit) unchain() {
	if u.next() != nil {
		u.also.rest.next = nil
	}
}

// page returns the number of the page that a is on, counted from 1; 0 if it is on
// several, or the class needs none. A tag that is new is put on one.
func (c *class) page(a audience.Audience) int {
	if c.pages == nil || a.Kind() != audience.AnyTag {
		return 0
	}
	page, unknown := 0, 0
	for tag := range a.Atoms() {
		switch on := c.pages[tag]; {
		case on == 0:
			unknown++
		case page == 0:
			page = on
		case page != on:
			return 0
		}
	}
	if unknown == 0 {
		return page
	}
	if page == 0 {
		if page = len(c.filled); page == 0 || c.filled[page-1]+unknown > audience.MaxTags {
			c.filled = append(c.filled, 0)
			page++
		}
	}
	if c.filled[page-1]+unknown > audience.MaxTags {
		return 0
	}
	c.filled[page-1] += unknown
	for tag := range a.Atoms() {
		c.pages[tag] = page
	}
	return page
}

// keeps says whether u, to grow by a, would keep to its page.
func (c *class) keeps(page int, u *unit) bool { return page == 0 || c.page(u.audience) == page }

// paginate deals the tags of a class out to pages, those first that were together
// first, and parts what is on several.
func (s *Scheduler) paginate(c *class) {
	var all []*pending
	for at, on := range c.shelves {
		if at.audience.Kind() == audience.AnyTag {
			all = append(all, on...)
		}
	}
	slices.SortFunc(all, byID)
	c.pages = make(map[string]int)
	var parted []*unit
	for _, p := range all {
		for u := p.units; u != nil; u = u.next() {
			if c.page(u.audience) == 0 && len(u.cohorts()) > 1 {
				parted = append(parted, u)
			}
		}
	}
	for _, u := range parted {
		s.scatter(u)
	}
}

// widen adds to p, which is about to go, another batch of the same messages that it
// was kept apart from for other messages' sake, which did not come.
func (s *Scheduler) widen(p *pending) *pending {
	first := p.units
	if first.class().pages == nil || first.group() == nil {
		return p
	}
	for _, v := range first.group().some() {
		union, ok := first.audience.Union(v.audience)
		if q := v.batch; ok && q != p && p.says(q) && s.small(union, p) {
			s.spread(p, q, union)
		}
	}
	s.gather()
	return first.batch
}

// says whether p and q say the same messages.
func (p *pending) says(q *pending) bool {
	if p.messages() != q.messages() {
		return false
	}
	for u := p.units; u != nil; u = u.next() {
		if q.of(u.message) == nil {
			return false
		}
	}
	return true
}

func (p *pending) of(m intent.Message) *unit {
	for u := p.units; u != nil; u = u.next() {
		if u.message == m {
			return u
		}
	}
	return nil
}

// spread makes p reach the union of it and q, which says the same, and takes q's
// items over.
func (s *Scheduler) spread(p, q *pending, union audience.Audience) {
	s.hide(p)
	more := q.audience()
	for u := p.units; u != nil; u = u.next() {
		u.dress()
		u.group().rename(u, union, more)
	}
	s.show(p)
	for u := p.units; u != nil; {
		next := u.next()
		s.swallow(u, q.of(u.message))
		u = next
	}
}

func (p *pending) shelf() shelf { return shelf{p.units.message.EnvelopeKey(), p.audience()} }

// show puts a digest where others find it, hide takes it away; between them its
// audience and its units may change. One that is new there may join another.
func (s *Scheduler) show(p *pending) {
	class := p.units.class()
	if !class.terms.digest {
		return
	}
	at := p.shelf()
	class.shelves[at] = append(class.shelves[at], p)
	s.shown = append(s.shown, p)
}

func (s *Scheduler) hide(p *pending) {
	class := p.units.class()
	if !class.terms.digest {
		return
	}
	at := p.shelf()
	rest := slices.DeleteFunc(class.shelves[at], func(q *pending) bool { return q == p })
	if class.shelves[at] = rest; len(rest) == 0 {
		delete(class.shelves, at)
	}
}

// gather lets the digests that were shown since join others on their shelves. It
// is called once all else is as it should be, for it may end intents.
func (s *Scheduler) gather() {
	for len(s.crowded) > 0 {
		c := s.crowded[0]
		s.crowded = s.crowded[1:]
		if c.pages == nil {
			s.paginate(c)
		}
	}
	s.crowded = nil
	for len(s.shown) > 0 {
		p := s.shown[0]
		if s.shown = s.shown[1:]; len(s.shown) == 0 {
			s.shown = nil
		}
		if p.units.items == nil || p.units.batch != p || p.frozen() != nil {
			continue // it is no more
		}
		s.gatherTo(p)
	}
}

func (s *Scheduler) gatherTo(p *pending) {
	class := p.units.class()
	on := class.shelves[p.shelf()]
	if !slices.Contains(on, p) {
		return
	}
	for _, q := range slices.Clone(on) {
		if q == p {
			continue
		}
		if s.fit(q, p) {
			s.unite(q, p)
			return
		}
		if s.overflow(q, p) {
			s.shown = append(s.shown, p)
			return
		}
	}
}

// allow notes that an intent of u allows so many messages in a call. What has left
// u since is not forgotten.
func (u *unit) allow(most int32) {
	if more := u.more(); more.most == 0 || most < more.most {
		more.most = most
	}
}

// most is the fewest messages that a unit of two batches allows.
func most(p, q *pending) int {
	least := p.units.also.rest.most
	for _, b := range [...]*pending{p, q} {
		for u := b.units; u != nil; u = u.next() {
			least = min(least, u.also.rest.most)
		}
	}
	return int(least)
}

// fit says whether the messages of two batches to one audience fit into one call.
func (s *Scheduler) fit(p, q *pending) bool {
	return p.messages()+q.messages() <= most(p, q) && s.small(p.audience(), p, q)
}

// small says whether one request to a may hold the messages of all the batches.
func (s *Scheduler) small(a audience.Audience, batches ...*pending) bool {
	size, customs := 0, 0
	for _, p := range batches {
		for u := p.units; u != nil; u = u.next() {
			if size == 0 {
				size = u.message.RequestSize(a)
			} else {
				size += u.message.AddedSize()
			}
			if u.message.HasCustom() {
				customs++
			}
		}
	}
	return customs <= 1 && (s.maxBytes == 0 || size <= s.maxBytes)
}

// unite moves the units of q into p.
func (s *Scheduler) unite(p, q *pending) {
	s.hide(q)
	s.dequeue(q)
	p.merge(s, q)
	last := p.units
	for last.next() != nil {
		last = last.next()
	}
	last.more().next = q.units
	for u := q.units; u != nil; u = u.next() {
		u.batch = p
	}
	s.refile(p)
}

// newest is the newest event time that asks for u.
func (u *unit) newest() *item {
	newest := u.items
	u.each(func(i *item) {
		if i.time > newest.time {
			newest = i
		}
	})
	return newest
}

// droppable says whether all that ask for u let newer messages push it out.
func (u *unit) droppable() bool {
	all := true
	u.each(func(i *item) { all = all && i.profile.policy.Overflow == intent.Newest })
	return all
}

// overflow ends the oldest message of two batches that hold more messages than
// they may, if its intents say so.
func (s *Scheduler) overflow(p, q *pending) bool {
	if p.messages()+q.messages() <= most(p, q) {
		return false // it is the request that is too small
	}
	var oldest, newest *unit
	var when, last *item
	for _, b := range [...]*pending{p, q} {
		for u := b.units; u != nil; u = u.next() {
			at := u.newest()
			if u.droppable() && (when == nil || at.time < when.time) {
				oldest, when = u, at
			}
			if last == nil || at.time >= last.time {
				newest, last = u, at
			}
		}
	}
	if oldest == nil || oldest == newest {
		return false
	}
	by := s.origin(last)
	s.drop(oldest)
	oldest.each(func(i *item) {
		s.changing.remove(i)
		oldest.unlink(i)
		i.fated().by = &by
		s.changeAll(last, func() { last.haunt(i) })
		s.endPart(i, EndSuperseded, nil, false)
	})
	return true
}
