package main

import (
	"context"
	"fmt"
	"time"

	"pushbridge/internal/bridge"
	"pushbridge/internal/console"
	"pushbridge/internal/intent"
	"pushbridge/internal/pushapi"
)

// status is the answer of /api/v1/status. Where this instance is not the writer,
// nothing of what the writer knows is in it.
type status struct {
	State        string         `json:"state"` // joining, standby or owner
	RulesVersion string         `json:"rules_version"`
	Reload       *reloaded      `json:"last_reload,omitempty"`
	Fetching     bool           `json:"fetching"`
	Unwritten    int            `json:"unwritten"` // dispositions that Kafka has not acknowledged
	Lanes        []laneStatus   `json:"lanes"`
	Pushes       []pushStatus   `json:"pushes"` // the latest, oldest first
	Ended        map[string]int `json:"ended"`  // by disposition, one for each event and rule, since this process started
}

// laneStatus has what the writer knows only where this instance is the writer and its
// loop has answered: what is not there is not known, and 0 is 0.
type laneStatus struct {
	Lane      string         `json:"lane"`
	SDKAppID  uint32         `json:"sdkappid"`
	Blocked   string         `json:"blocked,omitempty"` // what stands against its calls
	Breaker   string         `json:"breaker"`
	Quota     int            `json:"quota"`
	Used      *int           `json:"used,omitempty"`
	Remaining *int           `json:"remaining,omitempty"`
	Exhausted *float64       `json:"exhausted_in_seconds,omitempty"` // if calls go on as in the last hour
	Pools     []poolStatus   `json:"pools,omitempty"`
	NextCall  time.Time      `json:"next_call,omitzero"`
	Freed     *freedStatus   `json:"quota_freed,omitempty"`
	Pending   map[string]int `json:"pending,omitempty"` // intents by priority
	Batches   *int           `json:"batches,omitempty"`
	Waiting   []waiting      `json:"waiting,omitempty"` // those that go first
}

type poolStatus struct {
	Pool    string `json:"pool"`
	Used    int    `json:"used"`
	AtLeast int    `json:"at_least,omitempty"`
	AtMost  int    `json:"at_most,omitempty"`
}

// freedStatus is when the API gave calls of the quota back: between two instants.
type freedStatus struct {
	After time.Time `json:"after"`
	By    time.Time `json:"by"`
}

// waiting is a batch, in the scheduler's own words.
type waiting struct {
	Rule     string    `json:"rule"` // of its first event
	Audience string    `json:"audience"`
	Events   int       `json:"events"`
	Priority string    `json:"priority"`
	For      string    `json:"waits_for"`
	Until    time.Time `json:"until_at_the_latest,omitzero"` // if the budget has a call
}

type pushStatus struct {
	PushID   string    `json:"push_id"`
	TaskID   string    `json:"task_id,omitempty"`
	Lane     string    `json:"lane"`
	At       time.Time `json:"at"`
	Class    string    `json:"class"`
	Why      string    `json:"why"`
	Rules    []string  `json:"rules"`
	Audience string    `json:"audience"`
	Messages int       `json:"messages"`
	Events   int       `json:"events"`
}

func (p *pipeline) status(ctx context.Context) any {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s := p.bridge.Status(ctx)
	out := status{State: s.State.String(), RulesVersion: p.bridge.Rules().Version(), Fetching: !s.Paused, Unwritten: s.Unwritten, Pushes: []pushStatus{}, Ended: map[string]int{}}
	if p.reload != nil {
		last := p.reload.status()
		out.Reload = &last
	}
	for kind, n := range s.Ended {
		out.Ended[kind.String()] = n
	}
	for i := range s.Lanes {
		out.Lanes = append(out.Lanes, laneStatusOf(&s.Lanes[i]))
	}
	for _, x := range s.Pushes {
		out.Pushes = append(out.Pushes, pushStatus{
			PushID: x.ID, TaskID: x.TaskID, Lane: (&bridge.Lane{Name: x.Lane}).Label(), At: x.At.UTC(), Class: x.Class.String(), Why: x.Why,
			Rules: x.Rules, Audience: x.Audience, Messages: x.Messages, Events: x.Events,
		})
	}
	return out
}

func laneStatusOf(l *bridge.LaneStatus) laneStatus {
	out := laneStatus{Lane: l.Label(), SDKAppID: l.App, Blocked: l.Blocked, Breaker: l.Breaker.String(), Quota: l.Calls}
	if !l.Known {
		return out
	}
	out.Used, out.Remaining, out.NextCall, out.Batches = new(l.Pending.Used), new(l.Remaining()), l.Pending.NextCall.UTC(), new(l.Pending.Batches)
	if d, ok := l.Exhaustion(); ok {
		out.Exhausted = new(d.Seconds())
	}
	for _, u := range l.Pools {
		out.Pools = append(out.Pools, poolStatus{Pool: u.Name, Used: u.Used, AtLeast: u.AtLeast, AtMost: u.AtMost})
	}
	if !l.Freed.By.IsZero() {
		out.Freed = &freedStatus{After: l.Freed.After.UTC(), By: l.Freed.By.UTC()}
	}
	out.Pending = make(map[string]int, len(intent.Priorities))
	for _, p := range intent.Priorities {
		out.Pending[p.String()] = l.Pending.Pending[p]
	}
	for _, w := range l.Pending.Waiting {
		out.Waiting = append(out.Waiting, waiting{
			Rule: w.Rule, Audience: w.Audience.String(), Events: w.Intents, Priority: w.Priority.String(), For: w.For, Until: w.Until.UTC(),
		})
	}
	return out
}

// checks are the lines of /readyz. A standby is ready, and so is a writer that
// cannot push: a rollout must not hang on either.
func (p *pipeline) checks(ctx context.Context) []console.Check {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s := p.bridge.Status(ctx)
	written := console.Check{Name: "results", OK: !s.Unwritable}
	if s.Unwritable {
		written.Detail = fmt.Sprintf("%d dispositions wait for Kafka; no call is made", s.Unwritten)
	}
	fetching := console.Check{Name: "fetching", OK: !s.Paused}
	if s.Paused {
		fetching.Detail = "paused: too many intents wait"
	}
	checks := []console.Check{
		p.rulesCheck(),
		{Name: "kafka", OK: s.Joined, Needed: true, Detail: s.State.String()},
	}
	for i := range s.Lanes {
		l := &s.Lanes[i]
		push := console.Check{Name: "push", OK: l.Blocked == "", Detail: l.Blocked}
		if l.Name != "" {
			push.Name = "push " + l.Name
		}
		if l.Breaker == pushapi.BreakerOpen {
			push.OK, push.Detail = false, "breaker open; "+l.Blocked
		}
		checks = append(checks, push)
	}
	return append(checks, written, fetching)
}

// rulesCheck says which rules are in use. That the file on disk is wrong is no
// reason to take an instance out: those that it has go on.
func (p *pipeline) rulesCheck() console.Check {
	c := console.Check{Name: "rules", OK: true, Needed: true, Detail: "version " + p.bridge.Rules().Version()}
	if p.reload == nil {
		return c
	}
	if last := p.reload.status(); len(last.Problems) > 0 {
		c.Detail += fmt.Sprintf("; the rule file is not taken, %d problems, first: %s", len(last.Problems), last.Problems[0])
	}
	return c
}
