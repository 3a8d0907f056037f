package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
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

// Journal is where attempts, outcomes, dispositions and notes are promised.
type Journal interface {
	Start(ctx context.Context) (journal.Clocks, error)
	Begin(ctx context.Context, a journal.Attempt) error
	End(ctx context.Context, o journal.Outcome, ds []journal.Disposition) error
	Record(ctx context.Context, ds []journal.Disposition) error
	Note(ctx context.Context, n journal.Notes) error
	Written() int64
}

// Teller publishes what happened.
type Teller interface {
	Tell(ctx context.Context, ds []journal.Disposition) error
	TellPush(ctx context.Context, c journal.Completed) error
	TellReload(ctx context.Context, r results.Reloaded) error
	Bury(ctx context.Context, letters []results.DeadLetter) error
	BuryPush(ctx context.Context, p results.RefusedPush) error
}

// Limits are the numbers of the pipeline.
type Limits struct {
	Settle      time.Duration
	DedupWindow time.Duration
	DedupMax    int
	MaxPending  int           // fetching pauses when this many intents wait, and resumes at three quarters
	StopWithin  time.Duration // how long the end of a session may take

	// MaxRequestBytes is the size of a request beyond which nothing is united,
	// the same to which Rules and Pusher keep; 0: no limit.
	MaxRequestBytes int
}

// Config is what a Bridge is made of.
type Config struct {
	Group  *consume.Group
	Topics []string // what Group reads, for the metrics
	// Replays is the one of Topics by which events come again, which Group reads aside;
	// empty: there is none.
	Replays string
	Rules   *mapper.Rules // until Reload replaces them, as the Terms of Lanes
	Journal Journal
	// Recall reads the journal back at the start of a session.
	Recall func(ctx context.Context, from journal.ReadFrom) (*journal.State, error)
	Lanes  []Lane
	// Seen is handed each event that is taken for the first time, by the loop, and must
	// not wait; nil: nobody looks on.
	Seen    func(r *consume.Record, now time.Time)
	Teller  Teller
	Limits  Limits
	Random  func() uint32 // for push ids and MsgRandom
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Bridge is one instance of the running pipeline.
type Bridge struct {
	cfg        Config
	metrics    *metrics
	violations *violations
	asks       chan chan Status
	serving    atomic.Bool // a session has begun, and its loop answers asks soon
	inGroup    atomic.Bool // it has been standby or owner once
	randoms    *randoms

	current   atomic.Pointer[ruleset] // of the last Reload that had no error; the loop's to change while serving
	beginning sync.Mutex              // a session does not begin while current changes: it would not know
	reloads   chan reload
	visits    chan func(*loop, time.Time) // what the loop does for others, between two events

	// What outlives a session; the loop of the present one owns it.
	kept  []*kept // of each lane
	inUse string  // version of the rules that it went by last
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Bridge, error) {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("bridge config: %s is missing", what))
		}
	}
	lim := cfg.Limits
	need(cfg.Group != nil, "Group")
	need(cfg.Rules != nil, "Rules")
	need(cfg.Journal != nil, "Journal")
	need(cfg.Recall != nil, "Recall")
	need(cfg.Teller != nil, "Teller")
	need(cfg.Random != nil, "Random")
	need(cfg.Logger != nil, "Logger")
	need(cfg.Metrics != nil, "Metrics")
	need(lim.Settle >= 0, "a settling time that is not negative")
	need(lim.DedupWindow > 0 && lim.DedupMax > 0, "a positive dedup window and size")
	need(lim.MaxPending > 0, "a positive pending limit")
	need(lim.StopWithin > 0, "a positive time to stop")
	errs = append(errs, checkLanes(cfg.Lanes)...)
	set := &ruleset{}
	if cfg.Rules != nil {
		rs := Ruleset{Rules: cfg.Rules, Terms: make(map[string]intent.Terms)}
		for i := range cfg.Lanes {
			rs.Terms[cfg.Lanes[i].Name] = cfg.Lanes[i].Terms
		}
		var err error
		if set, err = rulesetOf(cfg.Lanes, rs); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	b := &Bridge{cfg: cfg, asks: make(chan chan Status), reloads: make(chan reload), visits: make(chan func(*loop, time.Time)), randoms: newRandoms(cfg.Random), inUse: cfg.Rules.Version()}
	b.current.Store(set)
	for range cfg.Lanes {
		b.kept = append(b.kept, &kept{})
	}
	b.metrics = newMetrics(b)
	b.violations = newViolations(b)
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
	b.beginning.Lock()
	b.serving.Store(true)
	b.beginning.Unlock()
	defer b.serving.Store(false)
	l := newLoop(b, s, state, time.Now())
	if err := l.run(ctx); err != nil {
		return err
	}
	if l.again && !l.notOwner {
		return consume.ErrAgain
	}
	return nil
}

// recall reads the journal, trying again while that fails: a session that does not
// know the budget must not call.
func (b *Bridge) recall(ctx context.Context, s *consume.Session) (*journal.State, error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		state, clocks, err := b.read(ctx, s)
		if err == nil {
			b.compare(clocks)
			b.cfg.Logger.Info("journal read", "records", state.Records, "calls", len(state.Calls), "in_doubt", len(state.InDoubt), "seen", state.Seen.Len(), "generation", s.Generation())
			return state, nil
		}
		if _, ok := errors.AsType[*journal.VersionError](err); ok {
			return nil, err
		}
		b.cfg.Logger.Error("journal cannot be read back: nothing is read or called until it can", "error", err, "next_try", wait.String(),
			"do", "see that Kafka answers and takes writes to the journal topic, and that nobody else writes there")
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// read reads the journal back as far as the session's records need it: what was
// done about them, and whether the last attempt was fenced, so that its call may
// have been made.
func (b *Bridge) read(ctx context.Context, s *consume.Session) (*journal.State, journal.Clocks, error) {
	oldest, err := s.Oldest(ctx)
	if err != nil {
		return nil, journal.Clocks{}, err
	}
	clocks, err := b.cfg.Journal.Start(ctx)
	if err != nil {
		return nil, journal.Clocks{}, err
	}
	if _, longest := b.Rules().Approvals(); !oldest.IsZero() {
		oldest = oldest.Add(-longest) // an approval may be older than what it covers
	}
	state, err := b.cfg.Recall(ctx, journal.ReadFrom{
		Clocks: clocks, OldestEvent: oldest, Fenced: fences(s.Partitions()),
		Remember: b.cfg.Limits.DedupWindow, RememberMax: b.cfg.Limits.DedupMax, Replays: b.cfg.Replays,
	})
	return state, clocks, err
}

// clocksApart is how far this machine's clock may be from Kafka's before that is worth
// a word: events expire and hours open by this one.
const clocksApart = 10 * time.Second

// compare says what is wrong with the clocks.
func (b *Bridge) compare(c journal.Clocks) {
	if c.Broker.IsZero() {
		return // Ensure has said what that means
	}
	if ahead := c.Now.Round(0).Sub(c.Broker); ahead.Abs() > clocksApart {
		b.cfg.Logger.Warn("the clocks of this machine and of Kafka differ", "ahead", ahead.String(),
			"do", "see that both keep time; calls count by whichever lets them count longer")
	}
}

// fences returns what was committed beside the offsets: attempts' names. A
// commit that reached only some partitions leaves two.
func fences(partitions []consume.Assignment) []string {
	var names []string
	for _, a := range partitions {
		if a.Metadata != "" && !slices.Contains(names, a.Metadata) {
			names = append(names, a.Metadata)
		}
	}
	return names
}

// joined says whether this instance has been in the group, now or before: losing
// it for a while is no reason to take it out of a rollout.
func (b *Bridge) joined() bool {
	if b.cfg.Group.State() != consume.Joining {
		b.inGroup.Store(true)
	}
	return b.inGroup.Load()
}
