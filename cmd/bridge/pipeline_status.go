package main

import (
	"context"
	"fmt"
	"time"

	"pushbridge/internal/console"
	"pushbridge/internal/pushapi"
)

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
		{Name: "rules", OK: true, Needed: true, Detail: "version " + p.rules.Version()},
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
