package main

import (
	"math"
	"slices"
	"time"
)

// priced is the policy that holds a batch until it has lost as much by waiting as
// a call costs, a price that rises as calls grow scarce: ski rental against an
// exponential bid price. Its constants were chosen for about 100 calls a day.
type priced struct {
	quota   int
	reserve float64 // part of the quota that only critical batches may use

	worths []worth // of the calls of the last 24 hours, sent or missed
	learnt float64 // from them
	stale  bool    // learnt is
}

// worth is what a call saved, or would have.
type worth struct {
	at    time.Duration
	value float64
}

// The constants of the price, in points of loss.
const (
	admitFloor, admitCeiling, admitBend = 0.2, 150, 0.4
	holdFloor, holdBend                 = 0.03, 0.3
	holdShare                           = 0.3 // of the ceiling and of what was learnt
	fallen                              = 0.97
)

// price is what a call must save, and what must have been lost for it.
type price struct{ admit, hold float64 }

// filing is what the policy knows of a batch since it last looked.
type filing struct {
	price
	c0, c1   float64       // accrued(t) = c0 + c1·t, t in seconds, until turn
	sum      float64       // weight
	turn     time.Duration // when the next of its asks is due or expires
	due      time.Duration // its first
	first    time.Duration // its oldest arrival
	last     time.Duration // its latest
	held     time.Duration // when it will have paid for a call; never: it is not worth one
	critical bool
}

func (p *priced) arrive(*ask) {}

func (p *priced) lost(now time.Duration, value float64) { p.remember(now, value) }

func (p *priced) remember(now time.Duration, value float64) {
	p.worths = append(p.worths, worth{now, value})
	p.stale = true
}

// learn is the value of the quota-th most valuable call of the last 24 hours:
// what a call could have bought.
func (p *priced) learn(now time.Duration) float64 {
	if i := slices.IndexFunc(p.worths, func(w worth) bool { return w.at > now-window }); i != 0 {
		p.stale = p.stale || i > 0 || len(p.worths) > 0
		if i < 0 {
			i = len(p.worths)
		}
		p.worths = p.worths[i:]
	}
	if len(p.worths) < p.quota {
		return 0
	}
	if p.stale {
		values := make([]float64, len(p.worths))
		for i, w := range p.worths {
			values[i] = w.value
		}
		slices.Sort(values)
		p.learnt, p.stale = values[len(values)-p.quota], false
	}
	return p.learnt
}

// price is a call's at now, where so many calls are kept for others.
func (p *priced) price(now time.Duration, b *budget, kept float64) price {
	held := b.held(now)
	free := float64(b.quota-len(held)) - kept
	if free <= 0 {
		return price{math.Inf(1), math.Inf(1)}
	}
	pace := 1.0
	for i, end := range held { // just before each return: the ones before it are back
		h := (end + window - now).Seconds()
		pace = min(pace, (free+float64(i))/((float64(b.quota)-kept)*h/window.Seconds()))
	}
	learnt := p.learn(now)
	rise := func(floor, ceiling, bend float64) float64 {
		return floor * math.Pow(ceiling/floor, math.Pow(1-pace, bend))
	}
	return price{
		admit: max(rise(admitFloor, admitCeiling, admitBend), learnt),
		hold:  max(rise(holdFloor, holdShare*admitCeiling, holdBend), holdShare*learnt),
	}
}

func (p *priced) next(now time.Duration, from *pool, b *budget) (*batch, time.Duration) {
	critical, others := p.price(now, b, 0), p.price(now, b, p.reserve*float64(b.quota))
	ahead := guard(len(from.batches), b.free(now))
	wake := now + time.Minute
	var top *batch
	var value float64
	for _, x := range from.batches {
		f := &x.filed
		if x.changed || now >= f.turn {
			x.look(now)
		}
		at := others
		if f.critical {
			at = critical
		}
		trigger := min(f.held, f.due-ahead)
		if f.held == never {
			trigger = never
		}
		if x.changed || trigger <= now || at.admit < fallen*f.admit || at.hold < fallen*f.hold {
			x.changed = false
			f.file(now, at)
			if trigger = min(f.held, f.due-ahead); f.held == never {
				trigger = never
			}
		}
		if trigger > now {
			wake = min(wake, trigger, f.turn)
			continue
		}
		v := f.value(now)
		if top == nil || (f.critical && !top.filed.critical) || (f.critical == top.filed.critical && v > value) {
			top, value = x, v
		}
	}
	if top != nil {
		p.remember(now, value)
	}
	return top, wake
}

// look sums up what the batch loses by waiting from now on.
func (b *batch) look(now time.Duration) {
	f := &b.filed
	*f = filing{price: f.price, turn: never, due: never, held: f.held, first: b.first, critical: b.critical()}
	for x := range b.pieces {
		f.last = max(f.last, x.ask.arrived)
		f.add(now, x.ask, x.share)
		for _, older := range x.ask.waitsFor {
			f.add(now, older, x.share)
		}
	}
	b.changed = true
}

func (f *filing) add(now time.Duration, a *ask, share float64) {
	w := a.weight * share
	f.sum += w
	f.due = min(f.due, a.due)
	switch {
	case now < a.due:
		slope := 0.1 * w / (a.due - a.arrived).Seconds()
		f.c0 -= slope * a.arrived.Seconds()
		f.c1 += slope
		f.turn = min(f.turn, a.due)
	case now < a.dies:
		slope := 0.7 * w / (a.dies - a.due).Seconds()
		f.c0 += 0.3*w - slope*a.due.Seconds()
		f.c1 += slope
		f.turn = min(f.turn, a.dies)
	default:
		f.c0 += w
	}
}

func (f *filing) accrued(now time.Duration) float64 { return f.c0 + f.c1*now.Seconds() }

func (f *filing) value(now time.Duration) float64 { return f.sum - f.accrued(now) }

// file finds when the batch will have paid for a call at the price. Where others
// of its burst may still come it waits on, until it has paid twice.
func (f *filing) file(now time.Duration, at price) {
	f.price, f.held = at, never
	if f.value(now) < at.admit {
		return
	}
	f.held = f.reaches(now, at.hold)
	lull := f.last + (f.last-f.first)*6/10
	f.held = max(f.held, min(lull, f.reaches(now, 2*at.hold)))
}

// reaches is when so much will have accrued, at the latest when that must be
// looked at again.
func (f *filing) reaches(now time.Duration, level float64) time.Duration {
	if f.accrued(now) >= level {
		return now
	}
	if f.c1 <= 0 {
		return f.turn
	}
	at := (level - f.c0) / f.c1
	if at >= f.turn.Seconds() {
		return f.turn
	}
	return max(now, time.Duration(math.Ceil(at*1000))*tick)
}
