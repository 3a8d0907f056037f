package limiter

import (
	"cmp"
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// Snapshot is the scheduler's state for people and metrics.
type Snapshot struct {
	Pending  map[intent.Priority]int // intents that have not ended, the ones in flight included
	Batches  int                     // calls that they would take now
	Oldest   time.Time               // arrival of the oldest; zero: none
	NextCall time.Time               // the first instant at which a call may start
	Quota    int
	Used     int
	Waiting  []Waiting // the batches that go first, at most as many as asked for
}

// Waiting is one pending batch and what it waits for.
type Waiting struct {
	ID       uint64
	Audience audience.Audience
	Rule     string // of its first intent
	Intents  int
	Messages int // more than one in digests
	Priority intent.Priority
	For      string    // what it waits for
	Until    time.Time // at the latest, if the budget has a call then; zero: not known
}

// Total is the number of intents that have not ended.
func (s *Scheduler) Total() int {
	n := 0
	for _, count := range s.intents {
		n += count
	}
	return n
}

// Snapshot describes the state at now, with at most so many waiting batches.
func (s *Scheduler) Snapshot(now time.Time, waitingMax int) Snapshot {
	if !s.epoch.IsZero() {
		s.begin(now) // and no more: who looks must change nothing
	}
	snap := Snapshot{
		Pending: make(map[intent.Priority]int, len(intent.Priorities)), Batches: s.batches(),
		NextCall: s.legal(now), Quota: s.budget.Quota(), Used: s.budget.Used(now),
	}
	for _, p := range intent.Priorities {
		snap.Pending[p] = s.intents[p]
	}
	var all []*pending
	s.everyBatch(func(p *pending) {
		snap.Oldest = earliest(snap.Oldest, s.date(p.oldest()))
		all = append(all, p)
	})
	slices.SortFunc(all, func(a, b *pending) int {
		return cmp.Or(cmp.Compare(nearness[a.state], nearness[b.state]), -cmp.Compare(a.worth, b.worth), cmp.Compare(a.id, b.id))
	})
	for _, p := range all[:min(waitingMax, len(all))] {
		snap.Waiting = append(snap.Waiting, s.describe(p))
	}
	return snap
}

// nearness is how near to a call a batch is, the nearest first.
var nearness = [...]int{ready: 1, lulling: 2, waiting: 3, asleep: 4, held: 5, behind: 6}

func (s *Scheduler) describe(p *pending) Waiting {
	w := Waiting{
		ID: p.id, Audience: p.audience(), Rule: p.solo().profile.rule, Intents: p.items(), Messages: p.messages(), Priority: p.priority(),
	}
	w.For, w.Until = s.waitsFor(p)
	return w
}
