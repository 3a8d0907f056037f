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
	slot     int32 // its group's; away: it is in none
	also     *also // nil for what most units do not have
}

// also is the rest of a unit. Of a million units of one message each has a group,
// and no more.
type also struct {
	group *group // where its message has, or had, other units
	rest  *rest
}

type rest struct {
	cohorts []*cohort
	next    *unit // of its batch
	most    int32 // of a digest: messages that its intents allow in a call, or fewer
}

// cohort is the items of a unit that ask for one audience. A unit has none while
// all of them ask for its own.
type cohort struct {
	unit     *unit
	audience audience.Audience
	items    int32
	slot     int32 // its index among those of the unit
	index    int32 // and of the group
}

// few is up to how many cohorts are searched one by one.
const few = 8

func (u *unit) cohorts() []*cohort {
	if u.also == nil || u.also.rest == nil {
		return nil
	}
	return u.also.rest.cohorts
}

// cohort finds the items that ask for a.
func (u *unit) cohort(a audience.Audience) *cohort {
	if u.isListed() {
		if in, c := u.group().asked(a); in == u {
			return c
		}
		return nil
	}
	for _, has := range u.cohorts() {
		if has.audience == a {
			return has
		}
	}
	return nil
}

// open gives u a cohort for a.
func (u *unit) open(a audience.Audience) *cohort {
	r := u.more()
	c := &cohort{unit: u, audience: a, slot: int32(len(r.cohorts))}
	r.cohorts = append(r.cohorts, c)
	if u.isListed() {
		u.group().ask(c, c.slot == 0)
	}
	return c
}

// shut takes a cohort that is empty from u.
func (u *unit) shut(c *cohort) {
	if u.isListed() {
		u.group().unask(c)
	}
	r := u.also.rest
	last := r.cohorts[len(r.cohorts)-1]
	r.cohorts[c.slot], last.slot = last, c.slot
	r.cohorts[len(r.cohorts)-1] = nil
	r.cohorts = r.cohorts[:len(r.cohorts)-1]
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

// isListed says whether u is found through its group.
func (u *unit) isListed() bool { return u.slot != away }

// join puts u into a group, which does not list it yet.
func (u *unit) join(g *group) {
	if u.also == nil {
		u.also = &also{}
	}
	u.also.group = g
}

func (u *unit) more() *rest {
	if u.also == nil {
		u.also = &also{}
	}
	if u.also.rest == nil {
		u.also.rest = &rest{}
	}
	return u.also.rest
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

// link puts an item that asks for a, which u reaches, into u; c is those who ask for
// the same, where they are known.
func (u *unit) link(i *item, a audience.Audience, c *cohort) {
	if c == nil && u.n > 0 && a != u.audience {
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
	if c == nil {
		if len(u.cohorts()) == 0 {
			return
		}
		if c = u.cohort(a); c == nil {
			c = u.open(a)
		}
	}
	i.cohort = c
	c.items++
}

// dress gives the items of u, which all ask for its audience, a cohort, before
// others come.
func (u *unit) dress() {
	if len(u.cohorts()) > 0 || u.n == 0 {
		return
	}
	c := u.open(u.audience)
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
	u.shut(c)
	return false
}

// couldShrink says whether u may ask for less now that nobody in it asks for gone.
// It spares union, whose cost is that of all that u holds.
func (u *unit) couldShrink(gone audience.Audience) bool {
	// Another asks for all of u. Or u is of an any kind: each of its atoms is
	// asked for alone, and one that is of an all kind never asked for any alone.
	return u.cohort(u.audience) == nil && (gone == u.audience || narrow(gone) < narrowest)
}

// union returns the union of what u's items ask for, and false where no legal
// condition is it. Wide ones come first, so that a narrow one finds what contains it.
func (u *unit) union() (audience.Audience, bool) {
	list := slices.Clone(u.cohorts())
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
	for _, v := range g.some() {
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
