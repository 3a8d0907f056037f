package shadow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
	"pushbridge/internal/simulate"
)

const (
	queueMax      = 1024     // events that wait to be played
	queueBytesMax = 16 << 20 // of their data

	// tick is how often time goes on where nothing arrives.
	tick = time.Second
)

// Plan is the two files to compare. It is replaced as a whole.
type Plan struct {
	Live, Candidate Side
}

// Side is one of the two files.
type Side struct {
	Rules *mapper.Rules
	Lanes []mapper.Lane // with terms that are whole
}

// Config is what a Runner is made of.
type Config struct {
	Simulate simulate.Config // but for its rules and lanes
	// MaxOpen is how many events may wait for their end; what comes beyond is left out.
	MaxOpen int
	// Tell publishes a difference or a summary. An error is logged, and what was to be
	// told is not told again: the Status has it.
	Tell   func(ctx context.Context, t Told) error
	Logger *slog.Logger
}

// Runner compares. Run owns all but what Feed and Status touch.
type Runner struct {
	cfg     Config
	queue   chan fed
	bytes   atomic.Int64
	skipped atomic.Int64
	active  atomic.Bool
	plans   chan *Plan
	status  atomic.Pointer[Status]
}

// fed is one event on its way.
type fed struct {
	at       time.Time
	position offset.Position
	event    *event.Event
	bytes    int64
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Runner, error) {
	if cfg.MaxOpen <= 0 || cfg.Tell == nil || cfg.Logger == nil {
		return nil, errors.New("shadow: configuration needs a positive MaxOpen, Tell and Logger")
	}
	r := &Runner{cfg: cfg, queue: make(chan fed, queueMax), plans: make(chan *Plan)}
	r.status.Store(&Status{State: StateOff})
	return r, nil
}

// Feed hands over an event that was read at now. It never waits. The event must not
// be changed any more.
func (r *Runner) Feed(position offset.Position, e *event.Event, now time.Time) {
	if !r.active.Load() {
		return
	}
	f := fed{at: now, position: position, event: e, bytes: int64(len(e.Data()))}
	if r.bytes.Add(f.bytes) <= queueBytesMax {
		select {
		case r.queue <- f:
			return
		default:
		}
	}
	r.bytes.Add(-f.bytes)
	r.skipped.Add(1)
}

// Compare begins anew with a plan; nil: there is nothing to compare.
func (r *Runner) Compare(ctx context.Context, p *Plan) {
	select {
	case r.plans <- p:
	case <-ctx.Done():
	}
}

// Status returns what was found so far. It is the caller's to read, not to change.
func (r *Runner) Status() *Status { return r.status.Load() }

// Run compares until ctx ends.
func (r *Runner) Run(ctx context.Context) {
	every := time.NewTicker(tick)
	defer every.Stop()
	var c *comparison // nil: there is none
	for {
		var step func() error
		select {
		case <-ctx.Done():
			return
		case p := <-r.plans:
			c = nil
			step = func() (err error) { c, err = r.begin(p); return err }
		case f := <-r.queue:
			r.bytes.Add(-f.bytes)
			step = func() error { return r.play(ctx, c, func() error { return c.take(f) }) }
		case <-every.C:
			step = func() error { return r.play(ctx, c, func() error { return c.pass(time.Now()) }) }
		}
		if err := contained(step); err != nil {
			r.active.Store(false)
			r.fail(err, c)
			c = nil
		}
	}
}

// begin returns the comparison of a plan; nil: there is nothing to compare.
func (r *Runner) begin(p *Plan) (*comparison, error) {
	r.active.Store(false)
	if p == nil {
		r.status.Store(&Status{State: StateOff})
		return nil, nil
	}
	c, err := newComparison(r.cfg, *p, time.Now())
	if err != nil {
		return nil, err
	}
	r.drop()
	r.active.Store(true)
	r.status.Store(c.summary(time.Now(), 0))
	r.cfg.Logger.Info("shadow rules compared from now on", "rules_version", p.Live.Rules.Version(), "shadow_version", p.Candidate.Rules.Version())
	return c, nil
}

// play moves a comparison on and tells what that found.
func (r *Runner) play(ctx context.Context, c *comparison, step func() error) error {
	if c == nil {
		return nil
	}
	if err := step(); err != nil {
		return err
	}
	r.tell(ctx, c)
	return nil
}

// contained runs all that a comparison does, and takes a panic for an error: the live
// pipeline is in this process.
func contained(step func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return step()
}

// drop forgets what waits in the queue: it was fed for the comparison before.
func (r *Runner) drop() {
	for {
		select {
		case f := <-r.queue:
			r.bytes.Add(-f.bytes)
		default:
			r.skipped.Store(0)
			return
		}
	}
}

func (r *Runner) fail(err error, c *comparison) {
	s := &Status{}
	if c != nil {
		// What failed may not add up any more; then there is only the error to show.
		_ = contained(func() error { s = c.summary(time.Now(), r.skipped.Load()); return nil })
	}
	s.State, s.Error = StateFailed, err.Error()
	r.status.Store(s)
	r.cfg.Logger.Error("shadow rules are not compared any more; the live ones are not touched", "error", err,
		"do", "change the shadow file to begin anew; if it says panic, report it with both rule files")
}

// tell publishes what a step found.
func (r *Runner) tell(ctx context.Context, c *comparison) {
	found := c.found
	c.found = nil
	// A summary costs more than an event, so it is made once a tick.
	if now := time.Now(); now.Sub(c.summedAt) >= tick {
		c.summedAt = now
		s := c.summary(now, r.skipped.Load())
		r.status.Store(s)
		if c.summaryDue(now) {
			found = append(found, Told{Summary: s, At: now, RulesVersion: s.RulesVersion, ShadowVersion: s.ShadowVersion})
		}
	}
	for _, t := range found {
		if err := r.cfg.Tell(ctx, t); err != nil && ctx.Err() == nil {
			r.cfg.Logger.Warn("a result of the shadow rules was not told", "error", err)
		}
	}
}
