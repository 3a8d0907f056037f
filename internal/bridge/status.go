package bridge

import (
	"context"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/pushapi"
)

// lastPushes is how many pushes a Status remembers.
const lastPushes = 8

// waitingShown is how many waiting batches a Status describes.
const waitingShown = 8

// Status is what people and metrics are told of the pipeline now.
type Status struct {
	State      consume.State
	Lanes      []LaneStatus  // in the order of Config
	Unwritten  int           // dispositions that Kafka has not acknowledged yet
	Unwritable bool          // the last write did not succeed, and no call is made
	Joined     bool          // this instance has been in the group since it started
	Paused     bool          // fetching pauses
	Pushes     []PushSummary // the latest calls, oldest first

	Ended map[journal.Kind]int // how events ended since the process started, one under each rule that took it; those of which there are any
}

// LaneStatus is one lane now.
type LaneStatus struct {
	Name    string // empty: the default lane
	App     uint32
	Calls   int // its quota
	Breaker pushapi.BreakerState

	// Known says that the loop has told the rest. Where there is none, or none that
	// answered in time, it is zero, and not what is so: a budget that nobody has
	// counted is not full.
	Known    bool
	Pending  limiter.Snapshot
	Pools    []limiter.PoolUse
	LastHour int    // calls that count and ended within an hour
	Blocked  string // what stands against its calls; empty: nothing is wrong
	Freed    Freed
}

// Label names the lane in metrics and to people.
func (s *LaneStatus) Label() string { return labelOf(s.Name) }

// Remaining is how many calls the quota leaves now, where that is known.
func (s *LaneStatus) Remaining() int { return max(0, s.Calls-s.Pending.Used) }

// Exhaustion is the time until the quota is spent if calls go on as in the last
// hour and none comes back, and false where there was none in it. It must be known.
func (s *LaneStatus) Exhaustion() (time.Duration, bool) {
	if s.LastHour == 0 {
		return 0, s.Remaining() == 0
	}
	return time.Duration(s.Remaining()) * time.Hour / time.Duration(s.LastHour), true
}

// PendingOf is the number of intents of a priority that wait in all lanes.
func (s *Status) PendingOf(p intent.Priority) int {
	n := 0
	for i := range s.Lanes {
		n += s.Lanes[i].Pending.Pending[p]
	}
	return n
}

// PushSummary is one call, for people.
type PushSummary struct {
	ID, TaskID string
	Lane       string // empty: the default lane
	At         time.Time
	Class      pushapi.Class
	Audience   string
	Text       string // of its first message
	Messages   int
	Rules      []string
	Events     int
	Why        string
}

// Status asks the loop. Without a session, or where the loop does not answer in
// time, it says so with lanes of which nothing is known.
func (b *Bridge) Status(ctx context.Context) Status {
	s := Status{State: b.cfg.Group.State(), Joined: b.joined(), Ended: b.metrics.endings()}
	set := b.current.Load()
	for i := range b.cfg.Lanes {
		l := &b.cfg.Lanes[i]
		ln := LaneStatus{Name: l.Name, App: l.App, Calls: set.terms[i].Calls}
		ln.Breaker, _ = l.Pusher.Breaker()
		s.Lanes = append(s.Lanes, ln)
	}
	if !b.serving.Load() {
		return s
	}
	answer := make(chan Status, 1) // the loop must not wait for who asked
	select {
	case b.asks <- answer:
	case <-ctx.Done():
		return s
	}
	select {
	case got := <-answer:
		got.State, got.Joined = s.State, s.Joined
		for i := range got.Lanes {
			got.Lanes[i].Breaker = s.Lanes[i].Breaker
		}
		return got
	case <-ctx.Done():
		return s
	}
}

func (l *loop) status(now time.Time) Status {
	s := Status{
		Unwritten: l.unrecorded(), Unwritable: l.unwritable, Paused: l.bound.Paused(), Pushes: append([]PushSummary(nil), l.lastPush...),
		Ended: l.b.metrics.endings(),
	}
	for _, ln := range l.lanes {
		s.Lanes = append(s.Lanes, ln.status(now))
	}
	l.addUnread(&s)
	return s
}

func summaryOf(p *push, o pushapi.Outcome) PushSummary {
	return PushSummary{
		ID: p.id, TaskID: o.TaskID, Lane: p.lane.Name, At: o.Started, Class: o.Class, Audience: p.batch.Audience.String(),
		Text: p.batch.Messages[0].Text(), Messages: len(p.batch.Messages), Rules: p.attempt.Rules(), Events: len(p.batch.Covers), Why: p.batch.Why.String(),
	}
}
