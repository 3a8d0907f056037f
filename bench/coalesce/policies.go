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
	play func(*trace, *mapper.Rules, playOptions) (pushLog, error)
}

// policies are in the order of the table; README.md says what each does. A policy
// keeps state, so each play has its own.
var policies = []policySpec{
	{"fifo", baseline(true, func(int) policy { return atOnce{} })},
	{"greedy-merge", baseline(false, func(int) policy { return atOnce{} })},
	{"window-60s", baseline(false, func(int) policy { return windows{long: time.Minute} })},
	{"window-900s", baseline(false, func(int) policy { return windows{long: 15 * time.Minute} })},
	{"groups-30s-300s", baseline(false, func(int) policy {
		return newGroups(30*time.Second, 5*time.Minute)
	})},
	{"deadline", baseline(false, func(int) policy { return deadlines{} })},
	{"priced-20", baseline(false, func(quota int) policy { return &priced{quota: quota, reserve: 0.2} })},
	{"priced-5", baseline(false, func(quota int) policy { return &priced{quota: quota, reserve: 0.05} })},
	{"bridge", bridge},
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
