package limiter

import (
	"maps"
	"math"
	"slices"
	"time"

	"pushbridge/internal/intent"
)

// purseKey tells purses apart: by the pool that is drawn on, and by who may have the
// reserve.
type purseKey struct {
	pool     string
	critical bool
}

// purse is whose calls a batch would use, what such a call costs now, and the
// batches that wait until it is worth that.
type purse struct {
	purseKey
	index uint8 // in the Scheduler's purses
	price price
	guard time.Duration // how long before its due a batch should be ready

	ready   int             // of its batches wait for nothing but the budget's next call
	asleep  queue[*pending] // worth less than a call, the most valuable first
	due     queue[*pending] // worth one, by due: lulled and not
	grades  grades          // worth one, by when they have paid for it
	lulled  grades          // have paid, and more of their burst is expected; by when they have paid again
	lullEnd queue[*pending] // the same, by when their burst is over
}

// grades are batches by the rate at which they lose, in steps of a few per cent.
// Within a grade the order in which they pay for a call is the same at any price,
// so that a price that moves needs no batch to be looked at again. A batch may stand in
// a grade above its own, and as if it had begun to lose earlier than it has: where it
// stands it has paid no later than it truly has, and next tells the two apart.
type grades struct {
	by map[int16]*queue[*pending]
}

const gradeStep = 0.03

var logStep = math.Log1p(gradeStep)

// A burst is over when it has paused for so much of its age, and for so many of its
// longest pauses.
const lullShare, gapShare = 0.25, 1.25

// gradeOf is the grade of a rate of loss, and the rate that it stands for.
func gradeOf(rate float64) int16 {
	if rate < 1e-12 {
		return math.MinInt16
	}
	return int16(math.Ceil(math.Log(rate) / logStep))
}

func rateOf(g int16) float64 { return math.Exp(float64(g) * logStep) }

// gradesAhead is by how many grades a batch that others join is put too high, where it
// has not paid there at once: it may come to lose twice as fast before it has to be moved.
const gradesAhead = 24

// zero is when p would have lost nothing, if it had always lost as it does now.
func (p *pending) zero() float64 {
	l := p.loss()
	return -l.c0 / l.c1
}

// filedZero is the zero of p when it was put into its grade.
func (p *pending) filedZero() float64 {
	if p.tally == nil {
		return p.zero()
	}
	return p.tally.filed
}

// byZero compares what is at hand first: most batches keep their sums elsewhere.
func byZero(a, b *pending) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return before(a.filedZero(), b.filedZero(), a.id, b.id)
}

// add puts p into a grade, which is its own or a higher one.
func (g *grades) add(p *pending, grade int16) {
	if g.by == nil {
		g.by = make(map[int16]*queue[*pending])
	}
	zero := p.zero()
	p.grade, p.rank = grade, float32(zero)
	if p.tally != nil {
		p.tally.filed = zero
	}
	q := g.by[grade]
	if q == nil {
		q = &queue[*pending]{slot: slotOf, less: byZero}
		g.by[grade] = q
	}
	q.add(p)
}

// settled says whether p, whose loss may have changed, stands where it has paid no later
// than it has.
func (p *pending) settled() bool {
	return p.tally != nil && gradeOf(p.slope()) <= p.grade && p.zero() >= p.filedZero()
}

func (g *grades) remove(p *pending) {
	q := g.by[p.grade]
	q.remove(p)
	if q.size() == 0 {
		delete(g.by, p.grade)
	}
}

// next is the batch that will have lost the amount first, and when. What looks as if it
// had before, only because its grade is too high, is put where it belongs: that costs
// once for each time that it was put too high.
func (g *grades) next(loss float64, most time.Duration) (*pending, instant) {
	var first *pending
	var at instant
	for grade, q := range g.by {
		for q.size() > 0 {
			p, _ := q.top()
			filed := paidBy(p.filedZero(), grade, loss, most)
			if first != nil && before(at, filed, first.id, p.id) {
				break
			}
			paid := p.paid(loss, most)
			if first == nil || before(paid, at, p.id, first.id) {
				first, at = p, paid
			}
			if paid == filed {
				break
			}
			g.remove(p)
			g.add(p, gradeOf(p.slope()))
		}
	}
	return first, at
}

// paidBy is when what has lost nothing at zero and loses as a grade does will have lost so
// much, or waited as long as it may for that.
func paidBy(zero float64, grade int16, loss float64, most time.Duration) instant {
	if grade == math.MinInt16 {
		return never
	}
	wait := loss / rateOf(grade)
	if most > 0 {
		wait = min(wait, most.Seconds())
	}
	t := (zero + wait) * float64(time.Second)
	switch {
	case t < math.MinInt64:
		return ever
	case t < math.MaxInt64:
		return instant(math.Ceil(t))
	}
	return never
}

// paid is when p will have lost so much, if nothing more joins.
func (p *pending) paid(loss float64, most time.Duration) instant {
	return paidBy(p.zero(), gradeOf(p.slope()), loss, most)
}

func slotOf(p *pending) *int32 { return &p.slot }

// replays says whether it is what comes again that draws on it: that goes last, and
// makes nothing dearer for what happens now.
func (k purseKey) replays() bool { return k.pool == intent.ReplayPool }

func purseKeyOf(p *pending) purseKey { return purseKey{p.pool(), p.priority() == intent.Critical} }

func (s *Scheduler) purseOf(p *pending) *purse {
	k := purseKeyOf(p)
	u := s.byKey[k]
	if u == nil {
		u = s.openPurse(k)
	}
	return u
}

// openPurse makes a purse, or finds that of what is common where the terms have no
// such pool.
func (s *Scheduler) openPurse(k purseKey) *purse {
	common := purseKey{critical: k.critical}
	if k != common && !s.budget.hasPool(k.pool) {
		u := s.byKey[common]
		if u == nil {
			u = s.openPurse(common)
		}
		s.byKey[k] = u
		return u
	}
	u := &purse{purseKey: k}
	u.asleep = queue[*pending]{slot: slotOf, less: func(a, b *pending) bool { return before(-a.rank, -b.rank, a.id, b.id) }}
	u.due = queue[*pending]{slot: func(p *pending) *int32 { return &p.dueSlot }, less: func(a, b *pending) bool { return before(a.due, b.due, a.id, b.id) }}
	u.lullEnd = queue[*pending]{slot: func(p *pending) *int32 { return &p.tally.lullSlot }, less: func(a, b *pending) bool { return before(a.lullOver(), b.lullOver(), a.id, b.id) }}
	if s.pricedAt.IsZero() { // the first batch comes before the first question
		s.reprice(s.now)
	}
	u.price = s.priceOf(u, s.pricedAt)
	s.byKey[k] = u
	for n, old := range s.purses {
		if s.byKey[old.purseKey] != old && old.asleep.size()+old.due.size()+old.ready == 0 { // of a pool that is gone
			u.index = uint8(n)
			s.purses[n] = u
			return u
		}
	}
	if len(s.purses) > math.MaxUint8 {
		panic("limiter: more pools than a budget may have")
	}
	u.index = uint8(len(s.purses))
	s.purses = append(s.purses, u)
	return u
}

// SetTerms puts the Scheduler under other terms, from now on; what was spent stays
// spent. What draws on a pool that they do not have draws on what is common. It
// panics unless the terms pass their Check.
func (s *Scheduler) SetTerms(now time.Time, t intent.Terms) {
	s.budget.SetTerms(t)
	if s.epoch.IsZero() {
		return
	}
	s.begin(now)
	maps.DeleteFunc(s.byKey, func(k purseKey, u *purse) bool {
		return k.pool != "" && (k != u.purseKey || !s.budget.hasPool(k.pool))
	})
	var moved []*pending // of pools that are gone, and of those that are new
	s.everyBatch(func(p *pending) {
		switch p.state {
		case asleep, waiting, lulling, ready:
			if p.frozen() == nil && s.byKey[purseKeyOf(p)] != s.purses[p.purse] {
				moved = append(moved, p)
			}
		case held, behind, nowhere: // in no purse
		}
	})
	slices.SortFunc(moved, byID)
	for _, p := range moved {
		s.refile(p)
	}
}

// lullOver is until when more of a batch's burst is expected: a little longer than
// it has paused so far, and the longer it has gone on, the longer.
func (p *pending) lullOver() elapsed {
	last := p.lastJoin()
	if p.tally == nil {
		return last
	}
	return last + elapsed(max(gapShare*float64(p.tally.gap), lullShare*float64(last-p.born())))
}
