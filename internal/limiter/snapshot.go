package limiter

import (
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
		defer s.tell(s.now) // who looks must change nothing
		s.tell(now)
	}
	snap := Snapshot{
		Pending: make(map[intent.Priority]int, len(intent.Priorities)), Batches: s.batches(),
		NextCall: s.legal(now), Quota: s.budget.Quota(), Used: s.budget.Used(now),
	}
	for _, p := range intent.Priorities {
		snap.Pending[p] = s.intents[p]
	}
	s.everyBatch(func(p *pending) { snap.Oldest = earliest(snap.Oldest, s.date(p.oldest())) })
	for _, q := range s.nearest() {
		for _, p := range q.first(waitingMax - len(snap.Waiting)) {
			snap.Waiting = append(snap.Waiting, s.describe(p))
		}
	}
	return snap
}

// nearest lists the queues in which each pending batch stands once, those first that
// are nearest to a call.
func (s *Scheduler) nearest() []*queue[*pending] {
	queues := []*queue[*pending]{&s.ready}
	for _, u := range s.purses {
		queues = append(queues, &u.due)
	}
	for _, u := range s.purses {
		queues = append(queues, &u.asleep)
	}
	queues = append(queues, &s.behind)
	for _, c := range s.turning.items {
		queues = append(queues, &c.hours.held)
	}
	return queues
}

func (s *Scheduler) describe(p *pending) Waiting {
	w := Waiting{
		ID: p.id, Audience: p.audience(), Rule: p.solo().profile.rule, Intents: p.items(), Messages: p.messages(), Priority: p.priority(),
	}
	w.For, w.Until = s.waitsFor(p)
	return w
}
