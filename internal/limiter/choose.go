package limiter

import (
	"math"
	"time"

	"pushbridge/internal/intent"
)

// grid is how often a price that moves is looked at, if nothing else happens.
const grid = time.Minute

func (s *Scheduler) batches() int { return s.count }

// everyBatch calls do for each pending batch, in no order.
func (s *Scheduler) everyBatch(do func(*pending)) {
	for _, q := range s.nearest() {
		for _, p := range q.items {
			do(p)
		}
	}
}

// enqueue puts p, which stands nowhere, where it belongs.
func (s *Scheduler) enqueue(p *pending) {
	s.count++
	s.put(p)
}

func (s *Scheduler) put(p *pending) {
	if p.frozen() != nil {
		p.rank, p.state = math.MaxFloat32, ready
		s.ready.add(p)
		return
	}
	if c := p.units.class(); c.hours != nil {
		if c.hours.shut {
			p.state = held
			c.hours.held.add(p)
			return
		}
		p.due = min(p.due, c.hours.changes) // rather than wait for the next opening
	}
	u := s.purseOf(p)
	p.purse = u.index
	p.rank = worthOf(p.value(s.at.seconds()))
	if !u.price.admits(p.rank) {
		p.state = asleep
		u.asleep.add(p)
		return
	}
	p.state = waiting
	u.due.add(p)
	u.grades.add(p, gradeOf(p.slope()))
}

// worthOf rounds up, so that worth is never less than the value.
func worthOf(value float64) float32 {
	w := float32(value)
	if float64(w) < value {
		w = math.Nextafter32(w, math.MaxFloat32)
	}
	return w
}

// dequeue takes p from where it stands.
func (s *Scheduler) dequeue(p *pending) {
	s.count--
	s.lift(p)
}

func (s *Scheduler) lift(p *pending) {
	switch p.state {
	case asleep:
		s.purses[p.purse].asleep.remove(p)
	case waiting:
		u := s.purses[p.purse]
		u.due.remove(p)
		u.grades.remove(p)
	case lulling:
		u := s.purses[p.purse]
		u.due.remove(p)
		u.lulled.remove(p)
		u.lullEnd.remove(p)
	case ready:
		if s.ready.remove(p); p.frozen() == nil {
			s.purses[p.purse].ready--
		}
	case held:
		p.units.class().hours.held.remove(p)
	case behind:
		s.behind.remove(p)
		delete(s.bars, p)
	case nowhere:
		panic("limiter: a batch in no queue")
	}
	p.state = nowhere
}

// refile puts p where it belongs after what it loses has changed.
func (s *Scheduler) refile(p *pending) {
	s.lift(p)
	s.put(p)
}

// regrade is refile for a batch whose due has not changed. Most stay where they are.
func (s *Scheduler) regrade(p *pending) {
	if p.state != waiting {
		s.refile(p)
		return
	}
	u := s.purses[p.purse]
	if !u.price.admits(worthOf(p.value(s.at.seconds()))) || u.critical != (p.priority() == intent.Critical) {
		s.refile(p)
		return
	}
	if p.settled() {
		return
	}
	u.grades.remove(p)
	u.grades.add(p, s.gradeFor(u, p))
}

// gradeFor is the grade to put p into that others have joined. It spares the way through
// all grades below to what gets many.
func (s *Scheduler) gradeFor(u *purse, p *pending) int16 {
	grade := gradeOf(p.slope())
	high := grade + gradesAhead
	if grade == math.MinInt16 {
		return grade
	}
	// Where only the high one has paid it would be looked at in vain.
	if p.paid(u.price.hold, u.price.most) > s.at && paidBy(p.zero(), high, u.price.hold, u.price.most) <= s.at {
		return grade
	}
	return high
}

// reprice makes the prices those of the last instant at which they may have
// changed: the last minute of the grid, or the last return.
func (s *Scheduler) reprice(now time.Time) {
	at := now.Add(-(now.Sub(s.epoch) % grid))
	at = latest(at, s.budget.lastReturn(now))
	if at.Equal(s.pricedAt) && s.pricedBy == s.budget.changes {
		return
	}
	s.pricedAt, s.pricedBy = at, s.budget.changes
	for _, u := range s.purses {
		u.price = s.priceOf(u, at)
	}
}

// guards sets how long before its due a batch of each purse should be ready. It grows
// with those that stand before it: calls go one an interval, so many that are due at
// the same instant would make the last ones late.
func (s *Scheduler) guards() {
	critical, others, again := 0, 0, 0
	for _, u := range s.purses {
		switch n := u.due.size() + u.ready; {
		case u.critical:
			critical += n
		case u.replays():
			again += n
		default:
			others += n
		}
	}
	free := s.budget.free(s.now)
	for _, u := range s.purses {
		queued := critical
		if !u.critical {
			queued += others
		}
		if u.replays() {
			queued += again
		}
		u.guard = 3*time.Second + time.Duration(min(queued, free))*s.budget.interval*13/10
	}
}

// choose returns the batch to call now.
func (s *Scheduler) choose(now time.Time) *pending {
	s.unbar()
	s.reprice(now)
	for _, u := range s.purses {
		s.rouse(u)
	}
	s.guards() // of all that are worth a call now
	for _, u := range s.purses {
		s.promote(u)
	}
	for {
		p, ok := s.ready.top()
		if !ok {
			if s.full {
				return s.relief()
			}
			return nil
		}
		if p.frozen() != nil {
			return p
		}
		value := p.value(s.at.seconds())
		if worth := worthOf(value); worth < p.rank {
			p.rank = worth
			s.ready.fix(p)
			continue
		}
		u := s.purseOf(p)
		if !u.price.admits(p.rank) || !s.triggered(u, p) {
			s.refile(p)
			s.promote(u)
			continue
		}
		if b, ok := s.barred(p); ok {
			s.putBehind(b, p)
			continue
		}
		return p
	}
}

func (s *Scheduler) triggered(u *purse, p *pending) bool {
	if s.dueNear(p, u.guard) {
		return true
	}
	if p.paid(u.price.hold, u.price.most) > s.at {
		return false
	}
	return !s.lulls(p) || p.paid(u.price.grow, u.price.most) <= s.at
}

func (s *Scheduler) lulls(p *pending) bool { return p.tally != nil && p.lullOver() > s.clock }

func (s *Scheduler) dueNear(p *pending, guard time.Duration) bool {
	return p.due.plus(-guard) <= s.at
}

// rouse moves what is worth a call now from those that were not.
func (s *Scheduler) rouse(u *purse) {
	for {
		p, ok := u.asleep.top()
		if !ok || !u.price.admits(p.rank) {
			return
		}
		s.refile(p)
	}
}

// promote moves on the batches of a purse whose time has come.
func (s *Scheduler) promote(u *purse) {
	for {
		p, ok := u.due.top()
		if !ok || !s.dueNear(p, u.guard) {
			break
		}
		s.promoteTo(u, p)
	}
	for {
		p, at := u.grades.next(u.price.hold, u.price.most)
		if p == nil || at > s.at {
			break
		}
		if !s.lulls(p) {
			s.promoteTo(u, p)
			continue
		}
		u.grades.remove(p)
		u.lulled.add(p, gradeOf(p.slope()))
		u.lullEnd.add(p)
		p.state = lulling
	}
	for {
		p, ok := u.lullEnd.top()
		if !ok || p.lullOver() > s.clock {
			break
		}
		s.promoteTo(u, p)
	}
	for {
		p, at := u.lulled.next(u.price.grow, u.price.most)
		if p == nil || at > s.at {
			break
		}
		s.promoteTo(u, p)
	}
}

// promoteTo makes p ready, or puts it to sleep where it is not worth a call any more.
func (s *Scheduler) promoteTo(u *purse, p *pending) {
	s.lift(p)
	value := p.value(s.at.seconds())
	p.rank = worthOf(value)
	if !u.price.admits(p.rank) {
		p.state = asleep
		u.asleep.add(p)
		return
	}
	p.state = ready
	u.ready++
	s.ready.add(p)
}

// wakeAnyway is when something happens though no call may start: the loss of an
// intent takes another course, or hours open or shut.
func (s *Scheduler) wakeAnyway() time.Time {
	var at time.Time
	if i, ok := s.changing.top(); ok {
		at = s.when(i.changes())
	}
	if c, ok := s.turning.top(); ok && c.hours.changes != never {
		at = earliest(at, s.when(c.hours.changes))
	}
	return at
}

// wake is when the next batch moves on.
func (s *Scheduler) wake(now time.Time) time.Time {
	var at time.Time
	moves := false
	for _, u := range s.purses {
		if u.asleep.size()+u.due.size() == 0 {
			continue
		}
		moves = moves || u.price.moves
		if p, ok := u.due.top(); ok {
			at = earliest(at, s.when(p.due).Add(-u.guard))
		}
		if p, t := u.grades.next(u.price.hold, u.price.most); p != nil {
			at = earliest(at, s.when(t))
		}
		if p, t := u.lulled.next(u.price.grow, u.price.most); p != nil {
			at = earliest(at, s.when(t))
		}
		if p, ok := u.lullEnd.top(); ok {
			at = earliest(at, s.after(p.lullOver()))
		}
	}
	if p, ok := s.behind.top(); ok && s.bars[p].until != endless {
		at = earliest(at, s.after(s.bars[p].until))
	}
	if s.count > 0 {
		at = earliest(at, s.budget.nextReturn(now))
	}
	if moves {
		at = earliest(at, now.Add(grid-now.Sub(s.epoch)%grid))
	}
	return at
}

// worthy is how many batches are worth a call that is not only for critical ones, nor
// for what comes again.
func (s *Scheduler) worthy() int {
	n := s.ready.size()
	for _, u := range s.purses {
		switch {
		case u.replays():
			n -= u.ready
		case !u.critical:
			n += u.due.size()
		}
	}
	return n
}
