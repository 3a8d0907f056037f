package main

import (
	"bytes"
	"time"

	"pushbridge/internal/mapper"
	"pushbridge/internal/simulate"
)

// policySpec is a row of the table.
type policySpec struct {
	name string
	says string
	play func(*trace, *mapper.Rules, playOptions) (pushLog, error)
}

// policies are in the order of the table. A policy keeps state, so each play has
// its own.
var policies = []policySpec{
	{"fifo", "each event a call of its own, in order", baseline(true, func(int) policy { return atOnce{} })},
	{"greedy-merge", "the oldest at every legal instant; what waits merges", baseline(false, func(int) policy { return atOnce{} })},
	{"window-60s", "fixed windows of a minute", baseline(false, func(int) policy { return windows{long: time.Minute} })},
	{"window-900s", "fixed windows of 15 minutes", baseline(false, func(int) policy { return windows{long: 15 * time.Minute} })},
	{"groups-30s-300s", "a group a rule, group_wait 30 s, group_interval 5 min, as Alertmanager", baseline(false, func(int) policy {
		return newGroups(30*time.Second, 5*time.Minute)
	})},
	{"deadline", "waits until nearly due, earliest first", baseline(false, func(int) policy { return deadlines{} })},
	{"priced-20", "a plain price, a fifth of the calls kept for critical", baseline(false, func(quota int) policy { return &priced{quota: quota, reserve: 0.2} })},
	{"priced-5", "the same, a twentieth kept", baseline(false, func(quota int) policy { return &priced{quota: quota, reserve: 0.05} })},
	{"bridge", "the bridge's own mapper and scheduler, as bridge simulate runs them", bridge},
}

func policyNames() []string {
	names := make([]string, len(policies))
	for i, p := range policies {
		names[i] = p.name
	}
	return names
}

func baseline(plain bool, made func(quota int) policy) func(*trace, *mapper.Rules, playOptions) (pushLog, error) {
	return func(t *trace, _ *mapper.Rules, o playOptions) (pushLog, error) {
		o.plain = plain
		return drive(t, made(o.quota), o)
	}
}

// bridge is what is judged. It maps the events for itself, and what the judge
// sees of it is the log that bridge simulate writes.
func bridge(t *trace, rules *mapper.Rules, o playOptions) (pushLog, error) {
	lanes := rules.Lanes()
	for i := range lanes {
		lanes[i].Terms.Calls, lanes[i].Terms.Interval = o.quota, interval
	}
	var log bytes.Buffer
	_, err := simulate.Run(simulate.Config{
		Rules: rules, Lanes: lanes,
		Latency: simulate.Latency{Min: leastLatency, Max: mostLatency}, Seed: o.seed,
		Settle: 2 * time.Second, MaxRequestBytes: maxRequest, DedupWindow: window, DedupMax: 1_000_000,
		Log: &log,
	}, func(yield func(simulate.Arrival, error) bool) {
		for _, a := range t.arrivals {
			if !yield(a, nil) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return readLog(log.Bytes())
}
