package bridge

import (
	"context"
	"time"

	"pushbridge/internal/consume"
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
	Pending    limiter.Snapshot // zero where this instance is not the writer
	Unwritten  int              // dispositions that Kafka has not acknowledged yet
	Unwritable bool             // the last write did not succeed, and no call is made
	Joined     bool             // this instance has been in the group since it started
	Paused     bool             // fetching pauses
	Blocked    string           // what stands against calls; empty: nothing is wrong
	Breaker    pushapi.BreakerState
	Pushes     []PushSummary // the latest calls, oldest first
}

// PushSummary is one call, for people.
type PushSummary struct {
	ID, TaskID string
	At         time.Time
	Class      pushapi.Class
	Audience   string
	Text       string
	Events     int
	Why        string
}

// Status asks the loop. Without a session, or where the loop does not answer in
// time, it says so with an empty Pending.
func (b *Bridge) Status(ctx context.Context) Status {
	s := Status{State: b.cfg.Group.State(), Joined: b.joined()}
	s.Breaker, _ = b.cfg.Pusher.Breaker()
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
		got.State, got.Joined, got.Breaker = s.State, s.Joined, s.Breaker
		return got
	case <-ctx.Done():
		return s
	}
}

func (l *loop) status(now time.Time) Status {
	blocked := l.blocked
	if !l.blockedUntil.IsZero() && now.After(l.blockedUntil) {
		blocked = ""
	}
	return Status{
		Pending:    l.sched.Snapshot(now, waitingShown),
		Unwritten:  l.unrecorded(),
		Unwritable: l.unwritable,
		Paused:     l.paused,
		Blocked:    blocked,
		Pushes:     append([]PushSummary(nil), l.lastPush...),
	}
}

func summaryOf(p *push, o pushapi.Outcome) PushSummary {
	return PushSummary{
		ID: p.id, TaskID: o.TaskID, At: o.Started, Class: o.Class, Audience: p.batch.Audience.String(),
		Text: p.batch.Messages[0].Text(), Events: len(p.batch.Covers), Why: p.batch.Why.String(),
	}
}
