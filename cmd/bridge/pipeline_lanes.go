package main

import (
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/bridge"
	"pushbridge/internal/config"
	"pushbridge/internal/intent"
	"pushbridge/internal/pushapi"
)

// newLanes puts a client and the terms of its calls together for every lane: the
// default one, and those of BRIDGE_LANES.
func (p *pipeline) newLanes() error {
	for _, l := range append([]config.Lane{{Push: p.cfg.Push}}, p.cfg.Lanes...) {
		lane := bridge.Lane{
			Name: l.Name, App: l.Push.SDKAppID, CallTimeout: l.Push.CallTimeout,
			Terms: intent.Terms{Calls: l.Push.Quota, Interval: l.Push.Interval + l.Push.Margin},
		}
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

// newPushClient turns the environment's words into the client's.
func newPushClient(cfg config.Push, log *slog.Logger, reg prometheus.Registerer) (*pushapi.Client, error) {
	return pushapi.New(pushapi.Config{
		Region: cfg.Region, URL: cfg.URL, CAFile: cfg.CAFile,
		Credentials: pushapi.Credentials{SDKAppID: cfg.SDKAppID, Identifier: cfg.Identifier, Key: pushapi.NewKey(cfg.SecretKey.Reveal())},
		Timeout:     cfg.CallTimeout, Interval: cfg.Interval + cfg.Margin, MaxRequestBytes: cfg.MaxBytes,
		BreakerFailures: cfg.BreakAfter, BreakerOpen: cfg.BreakFor, Logger: log, Registerer: reg,
	})
}
