package limiter

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// check recomputes all that a Scheduler keeps to be fast, and says what of it is
// not so.
func (s *Scheduler) check(w *world) error {
	groups := map[*group][]*unit{}
	lone := map[topic][]*unit{}
	items := map[*item]bool{}
	var shown []*pending
	if err := s.checkPlaces(); err != nil {
		return err
	}
	var fault error
	s.everyBatch(func(p *pending) {
		if err := s.checkBatch(w, p, items); err != nil {
			fault = fmt.Errorf("batch %d: %w", p.id, err)
		}
		if p.frozen() != nil {
			return
		}
		if p.units.digest() {
			shown = append(shown, p)
		}
		for u := p.units; u != nil; u = u.next() {
			switch g := u.group(); {
			case u.alone():
			case g != nil:
				groups[g] = append(groups[g], u)
			default:
				lone[u.topic()] = append(lone[u.topic()], u)
			}
		}
	})
	if fault != nil {
		return fault
	}
	if s.flight != nil {
		for _, i := range s.flight.from.all() {
			if items[i] || i.slot != away {
				return fmt.Errorf("a part in flight is pending too")
			}
		}
	}
	if err := s.checkDoors(groups, lone); err != nil {
		return err
	}
	for g, units := range groups {
		if err := g.check(units); err != nil {
			return fmt.Errorf("group of %v: %w", units[0].message.Text(), err)
		}
	}
	if err := s.checkShelves(shown); err != nil {
		return err
	}
	if err := s.checkCounts(items); err != nil {
		return err
	}
	return s.checkNewest(items)
}

// heldBack says which batch could have gone, looking at every one and not at the
// queues, where Next gave none.
func (s *Scheduler) heldBack() (fault error) {
	if s.legal(s.now).After(s.now) {
		return nil
	}
	s.everyBatch(func(p *pending) {
		if p.frozen() != nil {
			fault = fmt.Errorf("batch %d is to be sent again and waits", p.id)
			return
		}
		if p.units.class().isShut() {
			return
		}
		if _, is := s.barred(p); is {
			return
		}
		u := s.purseOf(p)
		if value := p.value(s.at.seconds()); value >= u.price.admit*(1+1e-6) && s.triggered(u, p) {
			fault = fmt.Errorf("batch %d saves %v of %v, has lost %v of %v, and waits", p.id, value, u.price.admit, p.accrued(s.at.seconds()), u.price.hold)
		}
	})
	return fault
}

// checkPlaces says which batch stands where it does not belong.
func (s *Scheduler) checkPlaces() error {
	n := 0
	stand := func(st state, u *purse, q *queue[*pending]) error {
		n += len(q.items)
		for _, p := range q.items {
			if p.state != st || u != nil && (s.purses[p.purse] != u || s.byKey[purseKeyOf(p)] != u) || p.frozen() == nil && p.units.class().isShut() != (st == held) {
				return fmt.Errorf("batch %d of state %d is in queue %d", p.id, p.state, st)
			}
		}
		return ordered(q)
	}
	errs := []error{stand(ready, nil, &s.ready), stand(behind, nil, &s.behind), ordered(&s.turning)}
	for _, c := range s.turning.items {
		errs = append(errs, stand(held, nil, &c.hours.held))
	}
	for _, u := range s.purses {
		errs = append(errs, stand(asleep, u, &u.asleep), ordered(&u.due), ordered(&u.lullEnd))
		worthy := 0
		for st, g := range map[state]*grades{waiting: &u.grades, lulling: &u.lulled} {
			for grade, q := range g.by {
				errs = append(errs, stand(st, u, q))
				worthy += len(q.items)
				for _, p := range q.items {
					if p.grade != grade || gradeOf(p.slope()) > grade || p.zero() < p.filedZero() || st == lulling && p.grade != gradeOf(p.slope()) || u.due.items[p.dueSlot] != p || st == lulling && u.lullEnd.items[p.tally.lullSlot] != p {
						errs = append(errs, fmt.Errorf("batch %d is not where it is graded %d", p.id, grade))
					}
				}
			}
		}
		if worthy != len(u.due.items) {
			errs = append(errs, fmt.Errorf("%d batches are worth a call, %d have a due", worthy, len(u.due.items)))
		}
	}
	for p := range s.bars {
		if p.state != behind {
			errs = append(errs, fmt.Errorf("batch %d has a bar and is not behind it", p.id))
		}
	}
	if n != s.count || len(s.bars) != len(s.behind.items) {
		errs = append(errs, fmt.Errorf("%d batches, counted %d; %d bars of %d", n, s.count, len(s.bars), len(s.behind.items)))
	}
	return errors.Join(errs...)
}

func (s *Scheduler) checkBatch(w *world, p *pending, items map[*item]bool) error {
	want := tally{oldest: math.MaxInt64, born: math.MaxInt64, lastJoin: math.MinInt64}
	texts := map[intent.Message]bool{}
	size, customs := 0, 0
	distinct, most := 0, math.MaxInt
	for u := p.units; u != nil; u = u.next() {
		if u.batch != p || texts[u.message] {
			return fmt.Errorf("a unit of %q is of batch %d, or there twice", u.message.Text(), u.batch.id)
		}
		texts[u.message] = true
		if size += u.message.AddedSize(); u.message.HasCustom() {
			customs++
		}
		if p.frozen() == nil && (u.audience != p.audience() || u.class() != p.units.class() || u.message.EnvelopeKey() != p.units.message.EnvelopeKey()) {
			return fmt.Errorf("unit %v of %v", u.audience, p.audience())
		}
		if err := u.check(w, items, p.frozen() != nil); err != nil {
			return fmt.Errorf("unit %q to %v: %w", u.message.Text(), u.audience, err)
		}
		audiences := map[audience.Audience]bool{}
		u.each(func(i *item) {
			audiences[i.audience()] = true
			l := i.loss()
			want.line = want.plus(l)
			want.items++
			want.urgency[i.priority()-1]++
			want.oldest = min(want.oldest, i.oldest())
			want.born, want.lastJoin = min(want.born, i.arrived), max(want.lastJoin, i.arrived)
			most = min(most, max(1, i.profile.policy.MaxMessages))
			if i.due() < p.due {
				want.items = -1 << 30
			}
		})
		distinct = max(distinct, len(audiences))
	}
	n := p.messages()
	size += p.units.message.RequestSize(p.audience()) - p.units.message.AddedSize()
	got := p.loss()
	switch {
	case want.items < 0:
		return fmt.Errorf("due %v, and an item before", p.due)
	case want.items != p.items() || p.items() == 0:
		return fmt.Errorf("%d items, want %d", p.items(), want.items)
	case p.tally == nil && want.items != 1, p.tally != nil && p.tally.urgency != want.urgency:
		return fmt.Errorf("%+v, want %+v", p.tally, want)
	case p.oldest() > want.oldest || p.born() > want.born || p.lastJoin() < want.lastJoin || p.joins() < want.items:
		return fmt.Errorf("%+v does not reach as far as %+v", p.tally, want)
	case !near(got.weight, want.weight) || !near(got.c0, want.c0) || !near(got.c1, want.c1):
		return fmt.Errorf("loss %+v, want %+v", got, want.line)
	case n > 1 && (n > most || !p.units.digest() && p.frozen() == nil || customs > 1):
		return fmt.Errorf("%d messages, allowed %d; %d customs", n, most, customs)
	case s.maxBytes > 0 && size > s.maxBytes && (n > 1 || distinct > 1) && p.frozen() == nil:
		return fmt.Errorf("it is united to %d bytes, allowed %d", size, s.maxBytes)
	case p.frozen() == nil && (p.state == asleep || p.state == ready) && float64(p.rank) < p.value(s.at.seconds()):
		return fmt.Errorf("it is worth %v and taken for %v", p.value(s.at.seconds()), p.rank)
	case (p.state == waiting || p.state == lulling) && p.rank != float32(p.filedZero()) && !math.IsNaN(p.filedZero()):
		return fmt.Errorf("it had lost nothing at %v and is taken for %v", p.filedZero(), p.rank)
	}
	return nil
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(a), math.Abs(b)) }

func (u *unit) check(w *world, items map[*item]bool, frozen bool) error {
	var parts []audience.Audience
	cohorts := map[audience.Audience]int32{}
	i := u.items
	for range u.n {
		switch {
		case items[i] || i.slot == away:
			return fmt.Errorf("an item is in another unit too, or in none")
		case i.unit != u || i.next.prev != i:
			return fmt.Errorf("an item does not know its place")
		case i.cohort == nil && len(u.cohorts()) > 0, i.cohort != nil && i.cohort.audience != i.audience():
			return fmt.Errorf("an item is in no cohort, or in another")
		case i.profile.class != u.class() || (i.profile.policy.Mode == intent.Alone) != u.alone():
			return fmt.Errorf("an item is of another class")
		}
		items[i] = true
		parts = append(parts, i.audience())
		if i.cohort != nil {
			cohorts[i.cohort.audience]++
		}
		i = i.next
	}
	if i != u.items || u.n == 0 {
		return fmt.Errorf("the ring of %d does not close", u.n)
	}
	if !frozen && !w.same(u.audience, parts) {
		return fmt.Errorf("it is not the union of %v", parts)
	}
	for slot, c := range u.cohorts() {
		if c.unit != u || int(c.slot) != slot || c.items != cohorts[c.audience] || u.cohort(c.audience) != c {
			return fmt.Errorf("cohort %v of %d, want %d", c.audience, c.items, cohorts[c.audience])
		}
		delete(cohorts, c.audience)
	}
	if len(cohorts) > 0 {
		return fmt.Errorf("cohorts %v are not listed", cohorts)
	}
	return nil
}

func (s *Scheduler) checkDoors(groups map[*group][]*unit, lone map[topic][]*unit) error {
	n := 0
	for t, units := range lone {
		if n++; len(units) != 1 || s.doors.find(t) != units[0] {
			return fmt.Errorf("the door of %q leads to %v of %v", t.message.Text(), s.doors.find(t), units)
		}
	}
	for g, units := range groups {
		t := units[0].topic()
		if n++; s.doors.find(t) == nil || s.doors.find(t).group() != g || slices.ContainsFunc(units, func(u *unit) bool { return u.topic() != t }) {
			return fmt.Errorf("the door of %q leads elsewhere", t.message.Text())
		}
	}
	standing := 0
	for _, e := range s.doors.entries {
		if !e.isFree() {
			standing++
		}
	}
	if s.doors.count != n || standing != n {
		return fmt.Errorf("%d doors, counted %d, want %d", standing, s.doors.count, n)
	}
	return nil
}

// No two batches on a shelf could be one, but for what only one of them allows.
func (s *Scheduler) checkShelves(want []*pending) error {
	n := 0
	for _, c := range s.classes {
		for at, on := range c.shelves {
			if n += len(on); len(on) == 0 {
				return fmt.Errorf("shelf %v is empty", at)
			}
			for k, p := range on {
				if p.shelf() != at || !slices.Contains(want, p) {
					return fmt.Errorf("batch %d is on shelf %v", p.id, at)
				}
				for _, q := range on[:k] {
					if s.fit(p, q) {
						return fmt.Errorf("batches %d and %d could be one", p.id, q.id)
					}
				}
			}
		}
	}
	if n != len(want) || len(s.shown)+len(s.crowded) > 0 {
		return fmt.Errorf("%d batches on shelves, %d to be looked at, want %d", n, len(s.shown), len(want))
	}
	for _, c := range s.classes {
		filled := make([]int, len(c.filled))
		for _, page := range c.pages {
			filled[page-1]++
		}
		if !slices.Equal(filled, c.filled) || slices.ContainsFunc(filled, func(n int) bool { return n > audience.MaxTags }) {
			return fmt.Errorf("pages of %v tags, counted %v", filled, c.filled)
		}
	}
	return nil
}

func (s *Scheduler) checkCounts(items map[*item]bool) error {
	if err := ordered(&s.changing); err != nil {
		return fmt.Errorf("changes: %w", err)
	}
	if len(s.changing.items) != len(items) {
		return fmt.Errorf("%d changes of %d items", len(s.changing.items), len(items))
	}
	live := maps.Clone(items)
	if s.flight != nil {
		for _, i := range s.flight.from.all() {
			live[i] = true
		}
	}
	users, classes := map[*profile]int{}, map[*class]int{}
	fates := map[*fate]int{}
	var perPriority [intent.Critical + 1]int
	for i := range live {
		users[i.profile]++
		if i.fate != nil && len(i.fate.parts) > 0 {
			if fates[i.fate]++; fates[i.fate] > 1 {
				continue
			}
		}
		perPriority[i.priority()]++
	}
	for f, open := range fates {
		if f.open != open {
			return fmt.Errorf("%d parts open, %d counted", open, f.open)
		}
	}
	if perPriority != s.intents {
		return fmt.Errorf("%v intents counted, want %v", s.intents, perPriority)
	}
	for p, n := range users {
		if classes[p.class]++; p.users != n || s.profiles[p.traits] != p {
			return fmt.Errorf("profile %v of %d, want %d", p.traits, p.users, n)
		}
	}
	for c, n := range classes {
		if c.users != n || s.classes[c.terms] != c {
			return fmt.Errorf("class %v of %d profiles, want %d", c.terms, c.users, n)
		}
	}
	if len(s.profiles) != len(users) || len(s.classes) != len(classes) {
		return fmt.Errorf("%d profiles, %d classes, want %d, %d", len(s.profiles), len(s.classes), len(users), len(classes))
	}
	return nil
}

// Of the revisions under one key, just those of one record can be pending, and
// they are findable.
func (s *Scheduler) checkNewest(items map[*item]bool) error {
	want := map[latestKey]map[*item]bool{}
	for i := range items {
		if i.profile.policy.Mode != intent.Latest || i.unit.batch.frozen() != nil {
			continue
		}
		if i.fate != nil && len(i.fate.parts) > 0 {
			i = &i.fate.parts[0]
		}
		key := keyOf(i)
		if want[key] == nil {
			want[key] = map[*item]bool{}
		}
		want[key][i] = true
		for o := range want[key] {
			if o.position() != i.position() {
				return fmt.Errorf("two revisions of %v are pending", key)
			}
		}
	}
	for key, has := range s.newest {
		if len(has) != len(want[key]) || slices.ContainsFunc(has, func(i *item) bool { return !want[key][i] }) {
			return fmt.Errorf("%v has %d, want %d", key, len(has), len(want[key]))
		}
	}
	if len(s.newest) != len(want) {
		return fmt.Errorf("%d keys are known, want %d", len(s.newest), len(want))
	}
	return nil
}

func (g *group) check(units []*unit) error {
	if listed := slices.Collect(g.all()); len(listed) != len(units) || g.count != len(units) || g.first < len(g.units) && g.units[g.first] == nil {
		return fmt.Errorf("%d units from slot %d on, counted %d, want %d", len(listed), g.first, g.count, len(units))
	}
	exact, cohorts, everyone := 0, 0, 0
	for _, u := range units {
		if !u.isListed() || g.units[u.slot] != u {
			return fmt.Errorf("%v is not listed", u.audience)
		}
		if len(u.cohorts()) == 0 {
			exact++
			if in, c := g.asked(u.audience); in != u || c != nil {
				return fmt.Errorf("%v is not found", u.audience)
			}
		}
		for _, c := range u.cohorts() {
			exact++
			cohorts++
			if in, has := g.asked(c.audience); in != u || has != c {
				return fmt.Errorf("%v of %v is not found", c.audience, u.audience)
			}
		}
		if u.audience.Kind() == audience.Everyone {
			if everyone++; g.everyone != u {
				return fmt.Errorf("the unit for everyone is not found")
			}
		}
		if err := g.checkSlot(uint32(u.slot), u.audience); err != nil {
			return fmt.Errorf("%v: %w", u.audience, err)
		}
	}
	if len(g.units)-g.count > exact+2*candidates+maskBits {
		return fmt.Errorf("%d slots for %d units and %d audiences", len(g.units), g.count, exact)
	}
	if has := len(g.cohorts) - len(g.free); g.exact.count != exact || has != cohorts || (g.everyone != nil) != (everyone == 1) {
		return fmt.Errorf("%d audiences and %d cohorts, want %d; the unit for everyone is %v of %d", g.exact.count, has, exact, g.everyone, everyone)
	}
	return g.checkLists()
}

// A unit is under each of its atoms, its mask has their bits and no other, and it is
// once where those look that have room.
func (x *index) checkSlot(slot uint32, a audience.Audience) error {
	var want uint64
	for name, value := range a.Atoms() {
		switch m := x.mention(hashOf(name, value)); {
		case m == 0, !m.isNaming() && m.at() != slot, m.isNaming() && !slices.Contains(x.namings[m.at()].slots, slot):
			return fmt.Errorf("it is not found under %s %s", name, value)
		case m.isNaming():
			want |= x.namings[m.at()].bit
		default:
			want |= sharedBit(hashOf(name, value))
		}
	}
	if x.masks[slot] != want {
		return fmt.Errorf("it has the mask %x, want %x", x.masks[slot], want)
	}
	switch r := x.rooms[slot]; {
	case narrow(a) == narrowest:
		if r != isNarrow {
			return fmt.Errorf("it is narrow and has the room %d", r)
		}
	case a.Kind() == audience.Everyone || a.Len() == atomsMost:
		if r != noRoom {
			return fmt.Errorf("it is full and has the room %d", r)
		}
	case r == noRoom || r == isNarrow:
		return fmt.Errorf("it is not found where it has room")
	default:
		if has := x.roomy[r-1]; has.kind != a.Kind() || has.size != a.Len() || has.names != attributes(a) || times(has.slots, slot) != 1 {
			return fmt.Errorf("it is not once in the room %v of %d, which has %v", has.kind, has.size, has.slots)
		}
	}
	return nil
}

// Bits are told apart while the masks tell.
func (x *index) checkLists() error {
	if x.blurred {
		return nil
	}
	var bits uint64
	for _, n := range x.namings {
		if bits&n.bit != 0 {
			return fmt.Errorf("two atoms have the bit %x", n.bit)
		}
		bits |= n.bit
	}
	if x.atoms.count != len(x.namings) {
		return fmt.Errorf("%d atoms, of which %d have a bit", x.atoms.count, len(x.namings))
	}
	return nil
}

func times(list []uint32, slot uint32) (n int) {
	for _, has := range list {
		if has == slot {
			n++
		}
	}
	return n
}

func ordered[E comparable](q *queue[E]) error {
	for n, e := range q.items {
		if int(*q.slot(e)) != n {
			return fmt.Errorf("element %d knows its place as %d", n, *q.slot(e))
		}
		if n > 0 && q.less(e, q.items[(n-1)/2]) {
			return fmt.Errorf("element %d goes before its parent", n)
		}
	}
	return nil
}
