package main

import (
	"context"
	"errors"
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

	told []told
}

// refresh is how often the screen changes and the results are read.
const refresh = 200 * time.Millisecond

// errBounded ends a demo that took as long as it may.
var errBounded = errors.New("time is over")

// play emits the events and waits until each has its disposition, or for as long
// as the options allow.
func (d *demoRun) play(ctx context.Context) (demoSummary, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.options.limit, errBounded)
	defer cancel()
	results, err := newResultsReader(ctx, d.brokers, d.pipeline.kafka, d.pipeline.cfg.Kafka.ResultsTopic)
	if err != nil {
		return demoSummary{}, err
	}
	emitted := make(chan error, 1)
	go func() { emitted <- emitScript(ctx, d.brokers, d.pipeline.kafka, d.script) }()
	expected := len(d.script) + 1 // and the record that is no event
	emitting := true
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case err := <-emitted:
			emitting = false
			if err != nil && !errors.Is(err, errBounded) {
				return demoSummary{}, err
			}
		case <-tick.C:
			more, err := results.read(ctx)
			if err != nil && ctx.Err() == nil {
				return demoSummary{}, err
			}
			d.told = append(d.told, more...)
			d.screen.draw(d.view(ctx))
			if !emitting && d.ended() == expected && d.delivered() {
				return d.judge(), nil
			}
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errBounded) {
				return d.judge(), nil
			}
			return demoSummary{}, context.Cause(ctx)
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
