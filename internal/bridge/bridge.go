package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/results"
)

// Pusher makes one call and says how the breaker stands.
type Pusher interface {
	Push(ctx context.Context, r pushapi.Request) pushapi.Outcome
	Breaker() (pushapi.BreakerState, time.Time)
}

// Journal is where attempts, outcomes and dispositions are promised.
type Journal interface {
	Begin(ctx context.Context, a journal.Attempt) error
	End(ctx context.Context, o journal.Outcome, ds []journal.Disposition) error
	Record(ctx context.Context, ds []journal.Disposition) error
}

// Teller publishes what happened.
type Teller interface {
	Tell(ctx context.Context, ds []results.Disposed) error
	TellPush(ctx context.Context, c results.Completed) error
	Bury(ctx context.Context, letters []results.DeadLetter) error
	BuryPush(ctx context.Context, p results.RefusedPush) error
}

// Limits are the numbers of the pipeline.
type Limits struct {
	Quota       int           // calls in any 24 hours
	Interval    time.Duration // more than this lies between a response and the next call
	CallTimeout time.Duration // deadline of one call
	Settle      time.Duration
	DedupWindow time.Duration
	DedupMax    int
	MaxPending  int           // fetching pauses when this many intents wait, and resumes at three quarters
	StopWithin  time.Duration // how long the end of a session may take
}

// Config is what a Bridge is made of.
type Config struct {
	Group   *consume.Group
	Rules   *mapper.Rules
	Journal Journal
	// Recall reads the journal back at the start of a session.
	Recall  func(ctx context.Context, from journal.ReadFrom) (*journal.State, error)
	Pusher  Pusher
	Teller  Teller
	Limits  Limits
	Random  func() uint32 // for push ids and MsgRandom
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Bridge is one instance of the running pipeline.
type Bridge struct {
	cfg     Config
	metrics *metrics
	asks    chan chan Status
	serving atomic.Bool
	randoms *randoms
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Bridge, error) {
	var errs []error
	for name, missing := range map[string]bool{
		"Group": cfg.Group == nil, "Rules": cfg.Rules == nil, "Journal": cfg.Journal == nil, "Recall": cfg.Recall == nil,
		"Pusher": cfg.Pusher == nil, "Teller": cfg.Teller == nil, "Random": cfg.Random == nil, "Logger": cfg.Logger == nil,
		"Metrics": cfg.Metrics == nil, "a positive quota": cfg.Limits.Quota <= 0, "a positive interval": cfg.Limits.Interval <= 0,
		"a positive pending limit": cfg.Limits.MaxPending <= 0, "a positive time to stop": cfg.Limits.StopWithin <= 0,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("bridge config: %s is missing", name))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	b := &Bridge{cfg: cfg, asks: make(chan chan Status), randoms: newRandoms(cfg.Random)}
	b.metrics = newMetrics(cfg.Metrics, cfg.Rules.Rules(), b)
	return b, nil
}

// Run is a member of the group until ctx ends: it stands by, or owns the
// partitions and moves their events. When ctx ends it stops fetching, finishes
// the call in flight, records, commits and leaves, all within
// Limits.StopWithin.
func (b *Bridge) Run(ctx context.Context) error {
	if err := b.cfg.Group.Run(ctx, b.serve); err != nil {
		return fmt.Errorf("run bridge: %w", err)
	}
	return nil
}

// serve is one session: recall what the journal knows, then loop until the
// partitions are given up.
func (b *Bridge) serve(ctx context.Context, s *consume.Session) error {
	state, err := b.recall(ctx, s)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	l := newLoop(b, s, state, time.Now())
	b.serving.Store(true)
	defer b.serving.Store(false)
	return l.run(ctx)
}

// recall reads the journal, trying again while the topic cannot be read: a
// session that does not know the budget must not call.
func (b *Bridge) recall(ctx context.Context, s *consume.Session) (*journal.State, error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		state, err := b.cfg.Recall(ctx, journal.ReadFrom{Now: time.Now()})
		if err == nil {
			b.cfg.Logger.Info("journal read", "records", state.Records, "calls", len(state.Calls), "in_doubt", len(state.InDoubt), "generation", s.Generation())
			return state, nil
		}
		if _, ok := errors.AsType[*journal.VersionError](err); ok {
			return nil, err
		}
		b.cfg.Logger.Warn("journal not readable, trying again", "error", err, "wait", wait)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}
