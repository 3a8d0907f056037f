package main

import (
	"errors"
	"slices"
	"time"

	"pushbridge/internal/intent"
)

// callCost is what a call costs in points beside the fee: enough to prefer one
// where two serve alike.
const callCost = 0.01

// figures are what one log, or several of one policy, come to.
type figures struct {
	logs     int
	cost     float64 // points: weight lost and calls
	weight   float64 // of all events
	scores   float64 // sum over logs: 100·cost/weight of each
	critical int     // events
	missed   int     // critical ones that were not pushed when they were due
	expired  int
	calls    int
	delays   [intent.Critical + 1][]time.Duration // by priority: of what was pushed, and what it superseded
	hours    [24]int                              // calls by hour of their day
}

// score judges a log and returns its figures, or everything that is wrong with it.
func score(t *trace, log pushLog, quota int) (*figures, error) {
	j := check(t, log, quota)
	f := &figures{logs: 1, weight: t.total, calls: len(j.sent)}
	f.cost = callCost * float64(f.calls)
	for _, at := range j.sent {
		f.hours[int(at.Hours())%24]++
	}
	for _, a := range t.asks {
		p := a.in.Policy.Priority
		if p == intent.Critical {
			f.critical++
		}
		if j.fates[a].ended == "expired" {
			f.expired++
		}
		at, pushed := j.pushed(a)
		if !pushed {
			f.cost += a.weight
		} else {
			// A revision that came late is carried by a call before it.
			at = max(at, a.arrived)
			f.cost += a.loss(at)
			f.delays[p] = append(f.delays[p], at-a.arrived)
		}
		if p == intent.Critical && (!pushed || at > a.due) {
			f.missed++
		}
	}
	if f.weight > 0 {
		f.scores = 100 * f.cost / f.weight
	}
	return f, errors.Join(j.faults...)
}

// pushed is when the call went that carried the ask, or its last successor.
func (j *judge) pushed(a *ask) (time.Duration, bool) {
	for range len(j.asks) { // a chain is no longer, or it is a circle
		f := j.fates[a]
		if f.by == nil {
			return f.at, f.whole
		}
		a = f.by
	}
	j.fault("event %s: superseded in a circle", a.name)
	return 0, false
}

// add joins the figures of another log.
func (f *figures) add(o *figures) {
	f.logs += o.logs
	f.cost += o.cost
	f.weight += o.weight
	f.scores += o.scores
	f.critical += o.critical
	f.missed += o.missed
	f.expired += o.expired
	f.calls += o.calls
	for p, d := range o.delays {
		f.delays[p] = append(f.delays[p], d...)
	}
	for h, n := range o.hours {
		f.hours[h] += n
	}
}

// delay returns the mean and the 99th percentile; false where nothing was pushed.
func (f *figures) delay(p intent.Priority) (mean, p99 time.Duration, ok bool) {
	all := slices.Sorted(slices.Values(f.delays[p]))
	if len(all) == 0 {
		return 0, 0, false
	}
	var sum time.Duration
	for _, d := range all {
		sum += d / time.Duration(len(all))
	}
	return sum, all[(len(all)*99+99)/100-1], true
}
