package limiter

import (
	"cmp"
	"slices"
	"unique"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// unit is what is pending of one message to one audience: items whose audiences
// unite to it, always.
type unit struct {
	message  intent.Message
	audience audience.Audience
	batch    *pending
	items    *item // the first of their ring
	n        int32
	also     *also // nil for what most units do not have
}

// also is the rest of a unit.
type also struct {
	next    *unit  // of its batch
	group   *group // where its message has, or had, other units
	cohorts cohorts
	most    int32 // of a digest: messages that its intents allow in a call, or fewer

	// Where the group has it: index in units, spot under each of its atoms, and index
	// in the list of those with room.
	slot  int32
	roomy int32
	spots []spot
}

// cohort is the items of a unit that ask for one audience. A unit has none while
// all of them ask for its own.
type cohort struct {
	unit     *unit
	audience audience.Audience
	items    int32
	slot     int32 // its index in cohorts.list
}

// few is up to how many cohorts are searched one by one.
const few = 8

// cohorts finds them by audience.
type cohorts struct {
	list []*cohort
	by   map[audience.Audience]*cohort // nil while they are few
}

func (c *cohorts) get(a audience.Audience) *cohort {
	if c.by != nil {
		return c.by[a]
	}
	for _, has := range c.list {
		if has.audience == a {
			return has
		}
	}
	return nil
}

func (c *cohorts) add(one *cohort) {
	one.slot = int32(len(c.list))
	c.list = append(c.list, one)
	switch {
	case c.by != nil:
		c.by[one.audience] = one
	case len(c.list) > few:
		c.by = make(map[audience.Audience]*cohort, 2*few)
		for _, has := range c.list {
			c.by[has.audience] = has
		}
	}
}

func (c *cohorts) remove(one *cohort) {
	last := len(c.list) - 1
	c.list[one.slot] = c.list[last]
	c.list[one.slot].slot = one.slot
	c.list[last] = nil
	c.list = c.list[:last]
	delete(c.by, one.audience)
}

// class is the terms that the intents of a call have in common, beside what is
// said and to whom.
type class struct {
	terms   terms
	shelves map[shelf][]*pending // of digests
	pages   map[string]int       // of digests: on which page a tag is, from 1; nil while one call names all that a message needs
	filled  []int                // tags on each page
	users   int                  // profiles
	hours   *hours               // nil: always open
}

// terms: what becomes of the call in doubt, since a resend reaches all of a batch;
// what may hold it back; and for digests, which share a call only with such, the key.
type terms struct {
	onDoubt intent.OnDoubt
	gate    *intent.Gate
	digest  bool
	key     string
}

// shelf is where batches stand that other messages may join: all of their messages
// have the envelope.
type shelf struct {
	envelope unique.Handle[string]
	audience audience.Audience
}

func (s *Scheduler) classOf(p *intent.Policy) *class {
	t := terms{onDoubt: p.OnDoubt, gate: p.Gate}
	if p.Mode == intent.Digest {
		t.digest, t.key = true, p.Key
	}
	c, ok := s.classes[t]
	if !ok {
		c = &class{terms: t}
		if t.digest {
			c.shelves = make(map[shelf][]*pending)
		}
		s.classes[t] = c
		s.giveHours(c)
	}
	c.users++
	return c
}

func (u *unit) class() *class { return u.items.profile.class }

func (u *unit) digest() bool { return u.class().terms.digest }

// alone says whether u shares with none and so is not found by its message.
func (u *unit) alone() bool { return u.items.profile.policy.Mode == intent.Alone }

func (u *unit) group() *group {
	if u.also == nil {
		return nil
	}
	return u.also.group
}

func (u *unit) more() *also {
	if u.also == nil {
		u.also = &also{}
	}
	return u.also
}

// each calls do for each item. do may unlink the one it is given.
func (u *unit) each(do func(*item)) {
	i := u.items
	for range u.n {
		next := i.next
		do(i)
		i = next
	}
}

// link puts an item that asks for a, which u reaches, into u.
func (u *unit) link(i *item, a audience.Audience) {
	if u.n > 0 && a != u.audience {
		u.dress()
	}
	if u.items == nil {
		u.items, i.next, i.prev = i, i, i
	} else {
		last := u.items.prev
		last.next, i.prev, i.next, u.items.prev = i, last, u.items, i
	}
	u.n++
	i.unit, i.cohort = u, nil
	if i.profile.policy.Mode == intent.Digest {
		u.allow(int32(max(1, i.profile.policy.MaxMessages)))
	}
	if u.also == nil || len(u.also.cohorts.list) == 0 {
		return
	}
	c := u.also.cohorts.get(a)
	if c == nil {
		c = &cohort{unit: u, audience: a}
		u.also.cohorts.add(c)
		if g := u.also.group; g != nil {
			g.exact[a] = c
		}
	}
	i.cohort = c
	c.items++
}

// dress gives the items of u, which all ask for its audience, a cohort, before
// others come.
func (u *unit) dress() {
	more := u.more()
	if len(more.cohorts.list) > 0 || u.n == 0 {
		return
	}
	c := &cohort{unit: u, audience: u.audience}
	more.cohorts.add(c)
	u.each(func(i *item) { i.cohort = c })
	c.items = u.n
}

// unlink takes an item out and says whether its audience is still asked for.
func (u *unit) unlink(i *item) (asked bool) {
	u.n--
	if u.n == 0 {
		u.items = nil
	} else {
		i.prev.next, i.next.prev = i.next, i.prev
		if u.items == i {
			u.items = i.next
		}
	}
	i.next, i.prev = nil, nil
	c := i.cohort // it stays: it says what i asks for
	if c == nil {
		return u.n > 0
	}
	if c.items--; c.items > 0 {
		return true
	}
	u.also.cohorts.remove(c)
	if g := u.also.group; g != nil && g.exact[c.audience] == c {
		delete(g.exact, c.audience)
	}
	return false
}

// couldShrink says whether u may ask for less now that nobody in it asks for gone.
// It spares union, whose cost is that of all that u holds.
func (u *unit) couldShrink(gone audience.Audience) bool {
	// Another asks for all of u. Or u is of an any kind: each of its atoms is
	// asked for alone, and one that is of an all kind never asked for any alone.
	return u.also.cohorts.get(u.audience) == nil && (gone == u.audience || narrow(gone) < narrowest)
}

// union returns the union of what u's items ask for, and false where no legal
// condition is it. Wide ones come first, so that a narrow one finds what contains it.
func (u *unit) union() (audience.Audience, bool) {
	list := slices.Clone(u.also.cohorts.list)
	slices.SortFunc(list, func(a, b *cohort) int {
		return cmp.Or(cmp.Compare(narrow(a.audience), narrow(b.audience)), cmp.Compare(a.audience.Len(), b.audience.Len()))
	})
	union := list[0].audience
	for _, c := range list[1:] {
		var ok bool
		if union, ok = union.Union(c.audience); !ok {
			return audience.Audience{}, false
		}
	}
	return union, true
}

// overlapped says whether another pending call may say the same to one of u's users.
func (u *unit) overlapped() bool {
	g := u.group()
	if g == nil {
		return false
	}
	for _, v := range g.units[:min(len(g.units), candidates)] {
		if v != u && v.audience.Overlaps(u.audience) {
			return true
		}
	}
	return false
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
