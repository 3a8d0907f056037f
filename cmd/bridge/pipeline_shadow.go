package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/consume"
	"pushbridge/internal/mapper"
	"pushbridge/internal/results"
	"pushbridge/internal/shadow"
	"pushbridge/internal/simulate"
)

// What the candidate may take of memory: some 2 KB for each event that is open, and
// some 120 bytes for each that is remembered.
const (
	shadowOpenMax  = 20_000
	shadowDedupMax = 100_000
)

// shadower keeps a candidate rule file compared with the rules in use. Only the
// reloader's goroutine calls refresh and promote.
type shadower struct {
	p      *pipeline
	path   string
	runner *shadow.Runner
	teller *results.Writer // its own: what it tells must not wait before what the live pipeline tells

	candidate *shadow.Side // last one that was right; nil: none
	compared  [2]string    // versions

	mu       sync.Mutex
	problems []string // of the candidate file
}

// shadowStatus is the answer of /api/v1/shadow.
type shadowStatus struct {
	File     string   `json:"file"`
	Problems []string `json:"problems,omitempty"` // of the file as it is now; what was right before stays compared
	*shadow.Status
}

func newShadower(p *pipeline, path string) (*shadower, error) {
	s := &shadower{p: p, path: path}
	var err error
	s.runner, err = shadow.New(shadow.Config{
		Simulate: simulate.Config{
			Settle: p.cfg.Pipeline.Settle, MaxRequestBytes: p.cfg.Push.MaxBytes, Latency: simulate.Latency{Min: 300 * time.Millisecond, Max: 300 * time.Millisecond},
			DedupWindow: p.cfg.Pipeline.DedupWindow, DedupMax: min(p.cfg.Pipeline.DedupMax, shadowDedupMax),
		},
		MaxOpen: min(p.cfg.Pipeline.MaxPending, shadowOpenMax), Tell: s.tell, Logger: p.log,
	})
	if err != nil {
		return nil, err
	}
	p.metrics.MustRegister(shadowGauges{s.runner})
	return s, nil
}

// connect gives it a writer of its own.
func (s *shadower) connect(transport *kafka.Transport) error {
	var err error
	s.teller, err = results.New(results.Config{
		Addr: kafka.TCP(s.p.cfg.Kafka.Brokers...), Transport: transport, Topic: s.p.cfg.Kafka.ResultsTopic, DLQTopic: s.p.cfg.Kafka.DLQTopic, Format: s.p.resultsFormat(),
	})
	return err
}

func (s *shadower) close() {
	if s.teller == nil {
		return
	}
	if err := s.teller.Close(); err != nil {
		s.p.log.Error("close the shadow's results writer", "error", err)
	}
}

// seen is handed every event by the bridge's loop.
func (s *shadower) seen(r *consume.Record, now time.Time) { s.runner.Feed(r.Position, r.Event, now) }

func (s *shadower) tell(ctx context.Context, t shadow.Told) error {
	out := results.Shadow{RulesVersion: t.RulesVersion, ShadowVersion: t.ShadowVersion, At: t.At, Data: t.Summary}
	if d := t.Difference; d != nil {
		out.Of, out.Data = d.Position.String(), d
	}
	return s.teller.TellShadow(ctx, out)
}

// refresh looks at the candidate file, and compares it with the rules in use if
// either has changed. One that is wrong leaves what was compared.
func (s *shadower) refresh(ctx context.Context) {
	live := s.p.bridge.Rules()
	rules, err := mapper.Load(s.path, s.p.ruleLimits(nil))
	var problems []string
	switch {
	case err == nil:
		var candidate *shadow.Side
		if candidate, err = s.side(rules); err == nil {
			s.candidate = candidate
		}
	case errors.Is(err, os.ErrNotExist): // taken away: there is no candidate
		s.candidate, s.compared, err = nil, [2]string{}, nil
		s.runner.Compare(ctx, nil)
	}
	if err != nil {
		for _, e := range parts(err) {
			problems = append(problems, e.Error())
		}
		s.p.log.Warn("shadow rule file not taken", "file", s.path, "problems", len(problems), "error", err)
	}
	s.mu.Lock()
	s.problems = problems
	s.mu.Unlock()
	if s.candidate == nil {
		return
	}
	versions := [2]string{live.Version(), s.candidate.Rules.Version()}
	if versions == s.compared {
		return
	}
	s.compared = versions
	if versions[0] == versions[1] {
		s.runner.Compare(ctx, nil) // it says what is in use: nothing can differ
		return
	}
	inUse, err := s.side(live)
	if err != nil { // they would not be in use
		s.p.log.Error("rules in use cannot be compared with the shadow's", "error", err)
		return
	}
	s.runner.Compare(ctx, &shadow.Plan{Live: *inUse, Candidate: *s.candidate})
}

// side is a file with the terms of this process's lanes.
func (s *shadower) side(rules *mapper.Rules) (*shadow.Side, error) {
	terms, err := s.p.termsOf(rules)
	if err != nil {
		return nil, err
	}
	out := &shadow.Side{Rules: rules}
	for _, l := range lanesOf(s.p.cfg) {
		out.Lanes = append(out.Lanes, mapper.Lane{Name: l.Name, Terms: terms[l.Name]})
	}
	return out, nil
}

func (s *shadower) status(context.Context) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return shadowStatus{File: s.path, Problems: s.problems, Status: s.runner.Status()}
}

// shadowGauges shows the sums of the comparison.
type shadowGauges struct{ runner *shadow.Runner }

var (
	descShadowEvents  = prometheus.NewDesc("bridge_shadow_events", "Events played by both rule files since the comparison began.", nil, nil)
	descShadowSkipped = prometheus.NewDesc("bridge_shadow_skipped_events", "Events left out of the comparison: there was no room.", nil, nil)
	descShadowDiffer  = prometheus.NewDesc("bridge_shadow_differing_events", "Events with which the shadow rules would do otherwise, by what differs; one may differ in several.", []string{"differs"}, nil)
	descShadowCalls   = prometheus.NewDesc("bridge_shadow_day_calls", "Calls of the last 24 hours by each rule file, in virtual delivery.", []string{"rules"}, nil)
	descShadowFailed  = prometheus.NewDesc("bridge_shadow_failed", "1 where the comparison has failed; /api/v1/shadow says why.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g shadowGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descShadowEvents, descShadowSkipped, descShadowDiffer, descShadowCalls, descShadowFailed} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g shadowGauges) Collect(ch chan<- prometheus.Metric) {
	s := g.runner.Status()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descShadowEvents, float64(s.Events))
	gauge(descShadowSkipped, float64(s.Skipped))
	for _, what := range shadow.Differences {
		gauge(descShadowDiffer, float64(s.By[what]), what)
	}
	gauge(descShadowCalls, float64(s.Live.CallsDay), "live")
	gauge(descShadowCalls, float64(s.Shadow.CallsDay), "shadow")
	gauge(descShadowFailed, truth(s.State == shadow.StateFailed))
}
