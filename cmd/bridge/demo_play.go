package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi/pushsim"
)

// demoRun is one demo under way.
type demoRun struct {
	options  demoOptions
	script   []scripted
	sim      *pushsim.Server
	rules    *mapper.Rules
	pipeline *pipeline
	brokers  []string
	started  time.Time
	screen   *screen

	ran     chan error   // how the pipeline ended
	stop    func() error // ends it, once
	emitted atomic.Int64 // events that Kafka has acknowledged
	told    []told
}

const (
	// refresh is how often the screen changes and the results are read.
	refresh = 200 * time.Millisecond

	// settleWithin is how long a demo that is cut short waits for the deliveries
	// of calls that were made; the largest audience of the slow kind takes two
	// seconds.
	settleWithin = 15 * time.Second
)

// start runs the pipeline until the function that it returns is called, or ctx
// ends.
func (d *demoRun) start(ctx context.Context) (stop func() error) {
	running, cancel := context.WithCancel(ctx)
	d.ran = make(chan error, 1)
	go func() { d.ran <- d.pipeline.run(running, nil) }()
	d.stop = sync.OnceValue(func() error { cancel(); return <-d.ran })
	return d.stop
}

// play emits the events and waits until each has its disposition, or for as long
// as the options allow.
func (d *demoRun) play(ctx context.Context) (demoSummary, error) {
	results, err := newResultsReader(ctx, d.brokers, d.pipeline.kafka, d.pipeline.cfg.Kafka.ResultsTopic)
	if err != nil {
		return demoSummary{}, err
	}
	emitting, cancel := context.WithCancel(ctx)
	defer cancel()
	emitted := make(chan error, 1)
	go func() { emitted <- d.emit(emitting) }()
	var over <-chan time.Time // never, where it is kept running
	if !d.options.keep {
		over = time.After(d.options.limit)
	}
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case err := <-emitted:
			if err != nil && ctx.Err() == nil {
				return demoSummary{}, err
			}
			emitted = nil
		case <-tick.C:
			more, err := results.read(ctx)
			if err != nil && ctx.Err() == nil {
				return demoSummary{}, err
			}
			d.told = append(d.told, more...)
			d.screen.draw(d.view(ctx))
			if emitted == nil && d.ended() == int(d.emitted.Load()) && d.delivered() {
				return d.judge(), nil
			}
		case err := <-d.ran:
			d.ran <- err // for stop
			if ctx.Err() == nil {
				return demoSummary{}, errors.New("demo: the pipeline ended before the events did")
			}
			return d.cutShort(ctx, cancel, emitted, results)
		case <-over:
			return d.cutShort(ctx, cancel, emitted, results)
		}
	}
}

// cutShort ends emission and pipeline in order, and judges what was done until
// then.
func (d *demoRun) cutShort(ctx context.Context, cancel func(), emitted <-chan error, results *resultsReader) (demoSummary, error) {
	interrupted := ctx.Err() != nil
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer done()
	cancel()
	if emitted != nil {
		if err := <-emitted; err != nil && !errors.Is(err, context.Canceled) {
			return demoSummary{}, err
		}
	}
	_ = d.stop() // runDemo, which started it, returns its error
	for {
		more, err := results.read(ctx)
		if err != nil {
			return demoSummary{}, err
		}
		d.told = append(d.told, more...)
		if len(more) == 0 && (d.delivered() || ctx.Err() != nil) {
			s := d.judge()
			s.cut = d.options.bounded || interrupted
			return s, nil
		}
	}
}

// ended counts the events that have their last disposition.
func (d *demoRun) ended() int {
	n := 0
	for _, t := range d.told {
		if t.Data.Disposition != "" && !t.Data.More {
			n++
		}
	}
	return n
}

// delivered says whether the simulator has delivered all that it accepted.
func (d *demoRun) delivered() bool {
	for _, t := range d.sim.Tasks() {
		if t.Delivered < t.Audience {
			return false
		}
	}
	return true
}
