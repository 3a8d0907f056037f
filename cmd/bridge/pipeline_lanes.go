package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/bridge"
	"pushbridge/internal/config"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
)

// newLanes puts a client and the terms of its calls together for every lane: the
// default one, and those of BRIDGE_LANES. The rule file may name no other.
func (p *pipeline) newLanes() error {
	terms, err := p.termsOf(p.rules)
	if err != nil {
		return err
	}
	for _, l := range lanesOf(p.cfg) {
		lane := bridge.Lane{Name: l.Name, App: l.Push.SDKAppID, CallTimeout: l.Push.CallTimeout, Terms: terms[l.Name]}
		variables := "BRIDGE_PUSH_*"
		log := p.log
		if l.Name != "" {
			variables = config.LaneVariable(l.Name, "*")
			log = log.With("lane", l.Name)
		}
		client, err := newPushClient(l.Push, log, prometheus.WrapRegistererWith(prometheus.Labels{"lane": lane.Label()}, p.metrics))
		if err != nil {
			return fmt.Errorf("%s: %w", variables, err)
		}
		lane.Pusher = client
		p.push = append(p.push, client)
		p.lanes = append(p.lanes, lane)
	}
	return nil
}

// lanesOf lists all lanes of the environment, the default one first.
func lanesOf(cfg config.Config) []config.Lane {
	return append([]config.Lane{{Push: cfg.Push}}, cfg.Lanes...)
}

// quotas says how many calls each lane has, for the log.
func (p *pipeline) quotas() map[string]int {
	quotas := make(map[string]int, len(p.lanes))
	for i := range p.lanes {
		quotas[p.lanes[i].Label()] = p.lanes[i].Terms.Calls
	}
	return quotas
}

// checkLanesOf sees that every lane of the rule file has an app.
func checkLanesOf(rules *mapper.Rules, lanes []config.Lane) error {
	var errs []error
	for _, want := range rules.Lanes() {
		if !slices.ContainsFunc(lanes, func(l config.Lane) bool { return l.Name == want.Name }) {
			errs = append(errs, fmt.Errorf("BRIDGE_LANES: the rule file has the lane %s, the environment has not (add %[1]s to it, and set %s and %s)",
				want.Name, config.LaneVariable(want.Name, "SDKAPPID"), config.LaneVariable(want.Name, "SECRET_KEY")))
		}
	}
	return errors.Join(errs...)
}

// termsOf is what a lane's calls are bound to: what the rule file says of it, and
// for the rest the environment.
func termsOf(rules *mapper.Rules, l config.Lane) (intent.Terms, error) {
	terms := intent.Terms{Reserve: intent.AutoReserve}
	for _, lane := range rules.Lanes() {
		if lane.Name == l.Name {
			terms = lane.Terms
		}
	}
	if terms.Interval == 0 {
		terms.Interval = l.Push.Interval
	}
	terms.Interval += l.Push.Margin
	if terms.Calls > 0 {
		return terms, nil
	}
	// The rule file could not add its shares up without a quota.
	terms.Calls = l.Push.Quota
	if err := terms.Check(); err != nil {
		name := "BRIDGE_PUSH_QUOTA"
		if l.Name != "" {
			name = config.LaneVariable(l.Name, "QUOTA")
		}
		return terms, fmt.Errorf("%s: %d does not go with the rule file (raise it to what the app has, or promise less): %w", name, terms.Calls, err)
	}
	return terms, nil
}

// newPushClient turns the environment's words into the client's.
func newPushClient(cfg config.Push, log *slog.Logger, reg prometheus.Registerer) (*pushapi.Client, error) {
	return pushapi.New(pushapi.Config{
		Region: cfg.Region, URL: cfg.URL, CAFile: cfg.CAFile,
		Credentials: pushapi.Credentials{SDKAppID: cfg.SDKAppID, Identifier: cfg.Identifier, Key: pushapi.NewKey(cfg.SecretKey.Reveal())},
		Timeout:     cfg.CallTimeout, Interval: cfg.Interval + cfg.Margin, MaxRequestBytes: cfg.MaxBytes,
		BreakerFailures: cfg.BreakAfter, BreakerOpen: cfg.BreakFor, Logger: log, Registerer: reg,
	})
}
