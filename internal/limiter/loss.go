package limiter

import (
	"slices"

	"pushbridge/internal/intent"
)

// weights are points of loss for an event that is never pushed, by priority: one
// critical outweighs ten high, and so on down.
var weights = [...]float64{intent.Low: 0.2, intent.Normal: 1, intent.High: 10, intent.Critical: 100}

// Of its weight an event loses so much by waiting until its max_delay, and so
// much more at it; the rest it loses from there to its expiry.
const (
	lossByDue = 0.1
	lossAtDue = 0.2
)

// least is the shortest time, in seconds, that a loss is spread over: a steeper
// line would leave rounding errors in the sums.
const least = 1

// ghostsMost bounds what the superseded revisions of an intent weigh together, in
// weights of the one that is pending: a chatty key must not outbid everyone.
const ghostsMost = 10

// line is a loss that grows evenly: after t seconds since the epoch it is
// c0 + c1·t of the weight.
type line struct{ weight, c0, c1 float64 }

func (l line) plus(m line) line  { return line{l.weight + m.weight, l.c0 + m.c0, l.c1 + m.c1} }
func (l line) minus(m line) line { return line{l.weight - m.weight, l.c0 - m.c0, l.c1 - m.c1} }
func (l line) times(f float64) line {
	return line{l.weight * f, l.c0 * f, l.c1 * f}
}

// ghost is what superseded revisions lose while the one that took their place
// waits. They are in no call, and leave with the one they ride on.
type ghost line

// own is the course of i's own loss, of the weight given.
func (i *item) own(weight float64) line {
	since := i.since().seconds()
	delay := i.ownDue().seconds() - since
	if !i.late && delay >= least {
		c1 := lossByDue * weight / delay
		return line{weight, -c1 * since, c1}
	}
	due := since + delay
	c1 := (1 - lossByDue - lossAtDue) * weight / max(least, i.expires.seconds()-due)
	return line{weight, (lossByDue+lossAtDue)*weight - c1*due, c1}
}

// loss is that of i with its ghosts. The parts of one intent share them: it is
// pushed when the last of them is.
func (i *item) loss() line {
	l := i.own(weights[i.priority()])
	if i.fate == nil {
		return l
	}
	if g := line(i.fate.ghost); i.late && g.weight > 0 {
		l = l.plus(i.own(g.weight)) // they are as late as what they ride on
	} else {
		l = l.plus(g)
	}
	return l.times(1 / float64(i.count()))
}

// haunt lets what is superseded ride on i, whose loss is in no sum meanwhile.
func (i *item) haunt(old *item) {
	g := old.own(weights[old.priority()])
	if old.fate != nil {
		g = g.plus(line(old.fate.ghost))
	}
	f := i.fated()
	g = g.plus(line(f.ghost))
	if most := ghostsMost * weights[i.priority()]; g.weight > most {
		g = g.times(most / g.weight)
	}
	f.ghost = ghost(g)
}

// tally is the sums over a batch's items, kept while they come and go.
type tally struct {
	line
	items    int
	urgency  [intent.Critical]int32 // items by priority, from Low on
	oldest   instant                // no later than the earliest since of an item
	born     elapsed
	lastJoin elapsed
	gap      elapsed // the longest between two of them
	joins    int
	lost     float32 // weight that expired in it
	lullSlot int32
	filed    float64 // see filedZero
	frozen   *Batch  // the batch as it was sent, where its outcome is in doubt; in no index then
}

// value is what sending at t, in seconds since the epoch, saves: what has not been
// lost by then. Neither looks beyond the next change of an item.
func (p *pending) value(t float64) float64 {
	l := p.loss()
	return l.weight - (l.c0 + l.c1*t)
}

// accrued is what has been lost by waiting until t.
func (p *pending) accrued(t float64) float64 {
	l := p.loss()
	return l.c0 + l.c1*t
}

// slope is what is lost in a second.
func (p *pending) slope() float64 { return p.loss().c1 }

func (p *pending) loss() line {
	if p.tally == nil {
		return p.solo().loss()
	}
	return p.tally.line
}

// count adds what an item says to the sums.
func (p *pending) count(s *Scheduler, i *item) {
	t := p.tally
	if t.items == 0 {
		t.oldest, t.born, t.lastJoin, p.due = i.oldest(), i.arrived, i.arrived, i.due()
	}
	t.gap = max(t.gap, i.arrived-t.lastJoin)
	t.line = t.plus(i.loss())
	t.items++
	t.joins++
	t.urgency[i.priority()-1]++
	t.born, t.lastJoin = min(t.born, i.arrived), max(t.lastJoin, i.arrived)
	p.hurry(s, i)
}

// discount takes it off again. The times are left as they are: they may only be
// too early.
func (p *pending) discount(i *item) {
	t := p.tally
	t.items--
	t.urgency[i.priority()-1]--
	if t.line = t.minus(i.loss()); t.items == 0 {
		t.line = line{} // rounding must not build up
	}
}

// hurry makes p go no later than i has to.
func (p *pending) hurry(s *Scheduler, i *item) {
	p.due = min(p.due, i.due())
	if t := p.tally; t != nil {
		t.oldest = min(t.oldest, i.oldest())
	}
}

// total makes p keep sums, which it needs for more than one item.
func (p *pending) total(s *Scheduler) {
	if p.tally != nil {
		return
	}
	i, due := p.solo(), p.due
	p.tally = &tally{}
	p.count(s, i)
	p.due = min(p.due, due)
	p.tally.filed = p.zero()
}

// merge adds the sums of q, whose units p has taken.
func (p *pending) merge(s *Scheduler, q *pending) {
	p.total(s)
	q.total(s)
	t, u := p.tally, q.tally
	t.line = t.plus(u.line)
	t.items += u.items
	t.joins += u.joins
	for n := range t.urgency {
		t.urgency[n] += u.urgency[n]
	}
	t.oldest = min(t.oldest, u.oldest)
	t.born, t.lastJoin, t.gap = min(t.born, u.born), max(t.lastJoin, u.lastJoin), max(t.gap, u.gap)
	p.due = min(p.due, q.due)
}

// recount makes the sums of p what they are.
func (p *pending) recount() {
	t := p.tally
	if t == nil {
		return
	}
	t.line = line{}
	p.each(func(i *item) { t.line = t.plus(i.loss()) })
}

// changeAll runs do, which changes what i loses or when it is due, for i and all other
// parts of its intent, and keeps the sums of their batches true. All of them are taken
// from their queues first: no queue may hold what changes under it.
func (s *Scheduler) changeAll(i *item, do func()) {
	var waits []*item
	var batches []*pending
	i.parts(func(part *item) {
		if part.slot == away {
			return
		}
		waits = append(waits, part)
		if p := part.unit.batch; !slices.Contains(batches, p) {
			batches = append(batches, p)
		}
	})
	for _, p := range batches {
		s.lift(p)
	}
	for _, part := range waits {
		s.changing.remove(part)
		p := part.unit.batch
		p.total(s)
		p.discount(part)
	}
	do()
	for _, part := range waits {
		p := part.unit.batch
		t := p.tally
		t.line = t.plus(part.loss())
		t.items++
		t.urgency[part.priority()-1]++
		p.hurry(s, part)
		s.changing.add(part)
	}
	for _, p := range batches {
		s.settleSums(p)
		s.put(p)
	}
}
