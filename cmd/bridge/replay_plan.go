package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/config"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/replay"
	"pushbridge/internal/simulate"
)

// replayPlan is what a replay takes and does.
type replayPlan struct {
	ID       string         `json:"id"`
	Command  string         `json:"command"` // selects the same whenever it is typed
	Selected int            `json:"selected"`
	Fed      int            `json:"fed"` // of them, on the replays' topic already
	Passed   passed         `json:"passed_over"`
	Before   map[string]int `json:"ended_before"` // dispositions of the selected, by the results
	Unknown  int            `json:"ended_unknown,omitempty"`

	Simulated bool           `json:"simulated"` // there are rules, so the rest is known
	Calls     int            `json:"calls"`
	Ends      map[string]int `json:"would_end"`
	Lanes     []planLane     `json:"lanes,omitempty"`
	Until     time.Time      `json:"until,omitzero"` // when the last of it would have ended

	Against *planAgainst `json:"beside_live_events,omitempty"`
}

// planLane is what the replay costs one app.
type planLane struct {
	Lane   string `json:"lane"`
	Quota  int    `json:"quota"`
	Used   int    `json:"used"`      // of the present window
	ByPool int    `json:"pool_used"` // of them by replays
	Share  int    `json:"pool_most"` // what replays may use in a window
	Calls  int    `json:"calls"`     // of this replay, all in all
	InDay  int    `json:"calls_24h"` // most of them in any 24 hours
}

// planAgainst is what live events would have come to, without the replay and with it.
type planAgainst struct {
	Hours   float64  `json:"hours"`
	Without planLive `json:"without"`
	With    planLive `json:"with"`
}

type planLive struct {
	Events int            `json:"events"`
	Calls  int            `json:"calls"`
	Ends   map[string]int `json:"ended"`
	Delay  float64        `json:"delay_mean_seconds"` // of what was pushed
}

// plan counts the events and plays them, as far as there are rules.
func (d *replayDesk) plan(ctx context.Context, c *chosen, f replayFlags, rules *mapper.Rules) (*replayPlan, error) {
	on := c.on
	p := &replayPlan{ID: on.id, Command: c.sel.command(&c.extent), Fed: on.events, Before: map[string]int{}, Ends: map[string]int{}}
	if f.id != "" { // without it that would be another replay
		p.Command += " --id " + f.id
	}
	count := func(next *candidate) {
		p.Selected++
		kinds := c.ledger.Kinds(next.of)
		for kind, n := range kinds {
			p.Before[kind] += n
		}
		if len(kinds) == 0 {
			p.Unknown++
		}
	}
	if rules == nil {
		for next, err := range c.each(ctx, &p.Passed) {
			if err != nil {
				return nil, err
			}
			count(&next)
		}
		return p, nil
	}
	now := time.Now()
	calls, err := d.callsMade(ctx, now)
	if err != nil {
		return nil, err
	}
	cfg, err := d.simulation(rules)
	if err != nil {
		return nil, err
	}
	alone := cfg
	for i := range cfg.Lanes {
		l := planLane{Lane: labelOfLane(cfg.Lanes[i].Name), Quota: cfg.Lanes[i].Terms.Calls}
		for _, pool := range cfg.Lanes[i].Terms.AllPools() {
			if pool.Name == intent.ReplayPool {
				l.Share = pool.AtMost
			}
		}
		for _, call := range calls[cfg.Lanes[i].Name] {
			l.Used++
			if call.Pool == intent.ReplayPool {
				l.ByPool++
			}
		}
		p.Lanes = append(p.Lanes, l)
	}
	alone.Spent = calls
	report, err := simulate.Run(alone, d.arrivals(ctx, c, now, tallying{&p.Passed, count}))
	if err != nil {
		return nil, fmt.Errorf("play the replay: %w", err)
	}
	p.Simulated, p.Calls, p.Until, p.Ends = true, report.Calls, report.To, endsOfReport(&report)
	for _, l := range report.Lanes {
		i := slices.IndexFunc(p.Lanes, func(x planLane) bool { return x.Lane == labelOfLane(l.Name) })
		p.Lanes[i].Calls, p.Lanes[i].InDay = l.Calls, l.Worst24h
	}
	if f.against > 0 && p.Selected > p.Fed {
		if p.Against, err = d.playBeside(ctx, cfg, c, live{from: now.Add(-f.against), to: now}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func labelOfLane(name string) string {
	if name == "" {
		return "default"
	}
	return name
}

// planRules loads the rules that the events would be mapped by; nil: none are named.
func planRules(cfg config.Config, file string) (*mapper.Rules, error) {
	if file = cmp.Or(file, cfg.RulesFile); file == "" {
		return nil, nil
	}
	return loadRules(file, mapper.Limits{MaxRequestBytes: cfg.Push.MaxBytes})
}

// simulation is the configuration of bridge run as simulate has it.
func (d *replayDesk) simulation(rules *mapper.Rules) (simulate.Config, error) {
	c := simulate.Config{
		Rules: rules, Latency: simulate.Latency{Min: 60 * time.Millisecond, Max: 300 * time.Millisecond}, Seed: 1, Settle: d.cfg.Pipeline.Settle,
		MaxRequestBytes: d.cfg.Push.MaxBytes, DedupWindow: d.cfg.Pipeline.DedupWindow, DedupMax: d.cfg.Pipeline.DedupMax,
	}
	for _, lane := range rules.Lanes() {
		of := config.Lane{Name: lane.Name, Push: d.cfg.Push}
		for _, l := range d.cfg.Lanes {
			if l.Name == lane.Name {
				of = l
			}
		}
		terms, err := termsOf(rules, of)
		if err != nil {
			return c, err
		}
		c.Lanes = append(c.Lanes, mapper.Lane{Name: lane.Name, Terms: terms})
	}
	return c, nil
}

// callsMade is what the journal says of the calls of the last window, by lane.
func (d *replayDesk) callsMade(ctx context.Context, now time.Time) (map[string][]simulate.Spent, error) {
	state, err := journal.Read(ctx, journal.Config{
		Addr: kafka.TCP(d.cfg.Kafka.Brokers...), Transport: d.transport, Topic: d.cfg.Kafka.JournalTopic,
	}, journal.ReadFrom{Clocks: journal.Clocks{Now: now}})
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		return nil, nil // no bridge has run here
	}
	if err != nil {
		return nil, fmt.Errorf("what is used of the budget: %w", err)
	}
	spent := make(map[string][]simulate.Spent)
	for _, call := range state.Calls {
		if call.Counted && now.Sub(call.End) < 24*time.Hour {
			spent[call.Lane] = append(spent[call.Lane], simulate.Spent{Pool: call.Pool, End: call.End})
		}
	}
	return spent, nil
}

// tallying is who counts what is selected, and what is passed over.
type tallying struct {
	passed *passed
	count  func(*candidate)
}

// arrivals are the selected events that are not fed yet, all at one instant, marked as
// they will be.
func (d *replayDesk) arrivals(ctx context.Context, c *chosen, at time.Time, tally tallying) iter.Seq2[simulate.Arrival, error] {
	return func(yield func(simulate.Arrival, error) bool) {
		line := int64(0)
		for next, err := range c.each(ctx, tally.passed) {
			if err != nil {
				yield(simulate.Arrival{}, err)
				return
			}
			tally.count(&next)
			if c.on.has(next.of) {
				continue
			}
			marked, err := replay.Mark{ID: c.on.id, Of: next.of, Priority: c.sel.priority, Not: next.not, IgnoreExpiry: c.sel.IgnoreExpiry}.On(next.record.Event)
			if err != nil {
				yield(simulate.Arrival{}, err)
				return
			}
			line++
			if !yield(simulate.Arrival{Line: line, At: at, Event: &marked, Again: c.on.id}, nil) {
				return
			}
		}
	}
}

// playBeside plays the live events of a past while without the replay and with it, as
// if that had begun then.
func (d *replayDesk) playBeside(ctx context.Context, cfg simulate.Config, c *chosen, past live) (*planAgainst, error) {
	for _, topic := range d.cfg.Kafka.Topics {
		all, err := d.scan.Whole(ctx, topic)
		if err != nil {
			return nil, fmt.Errorf("read live events: %w", err)
		}
		for _, p := range all {
			if p, err = d.scan.From(ctx, p, past.from); err != nil {
				return nil, fmt.Errorf("read live events: %w", err)
			}
			past.parts = append(past.parts, partOf(p))
		}
	}
	if len(past.parts) == 0 {
		return nil, nil // BRIDGE_KAFKA_TOPICS is not set
	}
	out := &planAgainst{Hours: past.to.Sub(past.from).Hours()}
	var err error
	if out.Without, err = d.playLive(ctx, cfg, nil, past); err != nil {
		return nil, err
	}
	replayed := d.arrivals(ctx, c, past.from, tallying{new(passed), func(*candidate) {}})
	out.With, err = d.playLive(ctx, cfg, replayed, past)
	return out, err
}

// live is the events of a past while.
type live struct {
	parts    []part
	from, to time.Time
}

// playLive plays them behind what arrives before, which is not counted.
func (d *replayDesk) playLive(ctx context.Context, cfg simulate.Config, before iter.Seq2[simulate.Arrival, error], l live) (planLive, error) {
	out := planLive{Ends: map[string]int{}}
	var first int64 // line of those that are counted
	var arrived []time.Time
	var delay time.Duration
	pushed := 0
	cfg.Watch = simulate.Watch{
		Call: func(call simulate.Call) {
			if gate := call.Batch.Covers[0].Intent.Policy.Gate; gate == nil || gate.Pool != intent.ReplayPool {
				out.Calls++
			}
		},
		End: func(e simulate.End) {
			if first == 0 || e.Line < first {
				return
			}
			out.Ends[e.Disposition]++
			if !e.Sent.IsZero() {
				pushed++
				delay += e.Sent.Sub(arrived[e.Line-first])
			}
		},
	}
	_, err := simulate.Run(cfg, func(yield func(simulate.Arrival, error) bool) {
		line, last := int64(0), l.from
		if before != nil {
			for a, err := range before {
				if !yield(a, err) || err != nil {
					return
				}
				line = a.Line
			}
		}
		first = line + 1
		for r, err := range d.merged(ctx, l.parts) {
			if err != nil {
				yield(simulate.Arrival{}, err)
				return
			}
			if r.Time.Before(l.from) || !r.Time.Before(l.to) {
				continue
			}
			line++
			last = latestOf(last, r.Time) // records of one part are in its order, not in time's
			arrived = append(arrived, last)
			if !yield(simulate.Arrival{Line: line, At: last, Event: r.Event, Err: r.Err}, nil) {
				return
			}
		}
	})
	if err != nil {
		return out, fmt.Errorf("play live events: %w", err)
	}
	out.Events = len(arrived)
	if pushed > 0 {
		out.Delay = (delay / time.Duration(pushed)).Seconds()
	}
	return out, nil
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
