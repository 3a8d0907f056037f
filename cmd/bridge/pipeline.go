package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/bridge"
	"pushbridge/internal/config"
	"pushbridge/internal/console"
	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/results"
)

// pipeline is everything that one instance runs, put together and checked, but
// not started. `bridge run` and `bridge demo` run the same.
type pipeline struct {
	cfg     config.Config
	rules   *mapper.Rules // at the start; Reload gives the bridge others
	log     *slog.Logger
	metrics *prometheus.Registry
	kafka   *kafka.Transport
	journal journal.Config
	group   *consume.Group
	results *results.Writer
	lanes   []bridge.Lane
	push    []*pushapi.Client // of the lanes
	bridge  *bridge.Bridge
	console *console.Server
	shadow  *shadower // nil where there is no candidate file
	reload  *reloader // nil where the rules are no file's
}

// newPipeline connects to Kafka to check what it finds there, creates topics
// that are missing, and listens on the HTTP address. Close what it returns.
func newPipeline(ctx context.Context, cfg config.Config, rules *mapper.Rules, log *slog.Logger) (*pipeline, error) {
	p := &pipeline{cfg: cfg, rules: rules, log: log, metrics: prometheus.NewRegistry()}
	if err := p.assemble(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *pipeline) assemble(ctx context.Context) error {
	p.registerProcess()
	// What needs no Kafka comes first: its mistakes are told before anything is
	// created there.
	var err error
	actions := map[string]console.Action{"POST /api/v1/approvals": p.onApprove}
	views := map[string]func(context.Context) any{"GET /api/v1/approvals": p.approvals}
	if p.cfg.RulesFile != "" {
		if path := p.cfg.ShadowRulesFile; path != "" {
			if p.shadow, err = newShadower(p, path); err != nil {
				return err
			}
			views["GET /api/v1/shadow"] = p.shadow.status
		}
		if p.reload, err = newReloader(p, p.cfg.RulesFile); err != nil {
			return err
		}
		actions["POST /-/reload"] = p.reload.onRequest
		if p.shadow != nil {
			actions["POST /api/v1/shadow/promote"] = p.reload.onPromote
		}
	}
	if p.console, err = console.Listen(console.Config{
		Addr: p.cfg.HTTPAddr, Gatherer: p.metrics, Logger: p.log, Checks: p.checks, Status: p.status, Views: views, Actions: actions,
	}); err != nil {
		return err
	}
	if err := p.newLanes(); err != nil {
		return exitError{code: exitUsage, err: fmt.Errorf("environment: %w", err)}
	}
	return p.connect(ctx)
}

// connect puts together what works on Kafka.
func (p *pipeline) connect(ctx context.Context) error {
	transport, dialer, err := newKafka(p.cfg.Kafka)
	if err != nil {
		return err
	}
	p.kafka = transport
	addr := kafka.TCP(p.cfg.Kafka.Brokers...)
	if err := p.checkKafka(ctx, dialer); err != nil {
		return err
	}
	p.journal = journal.Config{
		Addr: addr, Transport: transport, Topic: p.cfg.Kafka.JournalTopic,
		// What waits that long, or is known as a repeat, is known from the journal.
		Keep: max(p.rules.LongestExpiry(), p.cfg.Pipeline.DedupWindow),
	}
	memory := p.journal
	if err := p.ensureJournal(ctx, memory, p.cfg.Kafka.CreateTopics); err != nil {
		return err
	}
	jlog, err := journal.New(memory)
	if err != nil {
		return err
	}
	if p.results, err = results.New(results.Config{
		Addr: addr, Transport: transport, Topic: p.cfg.Kafka.ResultsTopic, DLQTopic: p.cfg.Kafka.DLQTopic, Registerer: p.metrics,
		Format: p.resultsFormat(),
	}); err != nil {
		return err
	}
	if p.group, err = consume.New(consume.Config{
		Brokers: p.cfg.Kafka.Brokers, Group: p.cfg.Kafka.Group, Topics: p.inputs(), Aside: []string{p.cfg.Kafka.ReplayTopic}, Transport: transport, Dialer: dialer,
		SessionTimeout: p.cfg.Kafka.SessionTimeout, RebalanceTimeout: p.cfg.Kafka.RebalanceTimeout,
		HeartbeatInterval: p.cfg.Kafka.HeartbeatInterval, Timeout: p.cfg.Kafka.Timeout,
		MaxEventBytes: p.cfg.Pipeline.MaxEventBytes, AcceptBareStructured: p.cfg.Pipeline.BareStructured,
		Logger: p.log, Registry: p.metrics,
		OnState: func(s consume.State) { p.log.Info("group state", "state", s.String()) },
	}); err != nil {
		return err
	}
	var seen func(*consume.Record, time.Time)
	if p.shadow != nil {
		if err := p.shadow.connect(transport); err != nil {
			return err
		}
		seen = p.shadow.seen
	}
	p.bridge, err = bridge.New(bridge.Config{
		Seen:  seen,
		Group: p.group, Topics: p.inputs(), Replays: p.cfg.Kafka.ReplayTopic, Rules: p.rules, Journal: jlog, Lanes: p.lanes, Teller: p.results,
		Recall: func(ctx context.Context, from journal.ReadFrom) (*journal.State, error) {
			return journal.Read(ctx, memory, from)
		},
		Limits: bridge.Limits{
			Settle: p.cfg.Pipeline.Settle, DedupWindow: p.cfg.Pipeline.DedupWindow, DedupMax: p.cfg.Pipeline.DedupMax,
			MaxPending: p.cfg.Pipeline.MaxPending, MaxRequestBytes: p.cfg.Push.MaxBytes, StopWithin: p.cfg.StopWithin,
		},
		Random: rand.Uint32, Logger: p.log, Metrics: p.metrics,
	})
	return err
}

// ensureJournal sees that the journal's topic is right, and logs how it could be better.
func (p *pipeline) ensureJournal(ctx context.Context, cfg journal.Config, create bool) error {
	advice, err := journal.Ensure(ctx, cfg, create)
	for _, a := range advice {
		p.log.Warn("journal topic could be better", "topic", a.Topic, "why", a.Why, "do", a.Do)
	}
	return err
}

func (p *pipeline) resultsFormat() results.Format {
	return results.Format{SDKAppID: int64(p.cfg.Push.SDKAppID), Prefix: p.cfg.Pipeline.EventPrefix, Binary: p.cfg.Pipeline.ResultsBinary}
}

// inputs are the topics that are read: those of events, and that of events that come
// again.
func (p *pipeline) inputs() []string {
	return append(slices.Clone(p.cfg.Kafka.Topics), p.cfg.Kafka.ReplayTopic)
}

// run runs until ctx ends, or the first of what it started, and everything it started
// has ended. Each hangup has the rule file looked at.
func (p *pipeline) run(ctx context.Context, hangups <-chan os.Signal) error {
	running, end := context.WithCancelCause(ctx)
	// Health and metrics outlive the bridge: its last seconds are worth seeing.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() {
		err := p.console.Run(serving)
		end(errors.New("health and metrics are served no more"))
		served <- err
	}()
	var reloading sync.WaitGroup
	if p.reload != nil {
		reloading.Go(func() { p.reload.run(running, hangups) })
	}
	err := p.bridge.Run(running)
	end(errors.New("the bridge has ended"))
	reloading.Wait()
	stop()
	return errors.Join(err, <-served)
}

// close gives back what assemble took; it may be called on half a pipeline.
func (p *pipeline) close() {
	if p.console != nil {
		p.console.Close()
	}
	if p.results != nil {
		if err := p.results.Close(); err != nil {
			p.log.Error("close results writer", "error", err)
		}
	}
	if p.shadow != nil {
		p.shadow.close()
	}
	for _, c := range p.push {
		c.Close()
	}
	if p.kafka != nil {
		p.kafka.CloseIdleConnections()
	}
}

func (p *pipeline) registerProcess() {
	info := readBuildInfo()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bridge_build_info", Help: "1; the labels say what was built.",
		ConstLabels: prometheus.Labels{"version": info.Version, "revision": info.Revision, "goversion": info.Go},
	})
	build.Set(1)
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
}
