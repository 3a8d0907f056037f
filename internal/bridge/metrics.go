package bridge

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/pushapi"
)

// scrapeWithin is how long a scrape waits for the loop.
const scrapeWithin = time.Second

// metrics are the pipeline's counters; the gauges are asked of the loop when
// they are read.
type metrics struct {
	events *prometheus.CounterVec
	merged prometheus.Histogram
	delay  prometheus.Histogram
	lost   *prometheus.CounterVec
}

func newMetrics(b *Bridge) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_events_total", Help: "Events that ended, by disposition and rule.",
		}, []string{"disposition", "rule"}),
		merged: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bridge_push_merged_events", Help: "Events that a call carried.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 1000, 10_000, 100_000},
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bridge_event_delay_seconds", Help: "From an event's arrival in Kafka to the call that carried it.",
			Buckets: []float64{.1, .5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600},
		}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_kafka_lost_records_total", Help: "Records that were gone from Kafka before they were read.",
		}, []string{"topic"}),
	}
	for _, k := range journal.Kinds {
		switch k {
		case journal.Unmatched, journal.DeadLettered:
			m.events.WithLabelValues(k.String(), "")
		case journal.Pushed, journal.Superseded, journal.Duplicate, journal.Expired, journal.Rejected:
		}
		for _, rule := range b.cfg.Rules.Rules() {
			if k != journal.Unmatched {
				m.events.WithLabelValues(k.String(), rule)
			}
		}
	}
	for _, topic := range b.cfg.Topics {
		m.lost.WithLabelValues(topic)
	}
	b.cfg.Metrics.MustRegister(m.events, m.merged, m.delay, m.lost, gauges{b})
	return m
}

func (m *metrics) disposed(d *journal.Disposition) {
	m.events.WithLabelValues(d.Kind.String(), d.Rule).Inc()
	if d.Kind == journal.Pushed && !d.PushedAt.IsZero() {
		m.delay.Observe(max(0, d.PushedAt.Sub(d.Origin.Received).Seconds()))
	}
}

func (m *metrics) pushed(p *push, o pushapi.Outcome) {
	if o.Class == pushapi.ClassOK {
		m.merged.Observe(float64(len(p.batch.Covers)))
	}
}

// gauges collects what only the loop knows.
type gauges struct{ b *Bridge }

var (
	descPending   = prometheus.NewDesc("bridge_pending_intents", "Intents that wait, by priority.", []string{"priority"}, nil)
	descOldest    = prometheus.NewDesc("bridge_pending_oldest_seconds", "Age of the oldest intent that waits.", nil, nil)
	descQuota     = prometheus.NewDesc("bridge_budget_quota_calls", "Calls allowed in 24 hours.", nil, nil)
	descUsed      = prometheus.NewDesc("bridge_budget_used_calls", "Calls of the last 24 hours.", nil, nil)
	descRemaining = prometheus.NewDesc("bridge_budget_remaining_calls", "Calls left of the quota now.", nil, nil)
	descNext      = prometheus.NewDesc("bridge_next_call_seconds", "Time until a call may start.", nil, nil)
	descWriter    = prometheus.NewDesc("bridge_writer", "1 where this instance owns the partitions and calls the API.", nil, nil)
	descBlocked   = prometheus.NewDesc("bridge_push_blocked", "1 while something stands against calls; /readyz?verbose says what.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descPending, descOldest, descQuota, descUsed, descRemaining, descNext, descWriter, descBlocked} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	s := g.b.Status(ctx)
	now := time.Now()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	oldest := 0.0
	if !s.Pending.Oldest.IsZero() {
		oldest = max(0, now.Sub(s.Pending.Oldest).Seconds())
	}
	for _, p := range intent.Priorities {
		gauge(descPending, float64(s.Pending.Pending[p]), p.String())
	}
	gauge(descOldest, oldest)
	gauge(descQuota, float64(g.b.cfg.Limits.Quota))
	gauge(descUsed, float64(s.Pending.Used))
	gauge(descRemaining, float64(g.b.cfg.Limits.Quota-s.Pending.Used))
	gauge(descNext, max(0, s.Pending.NextCall.Sub(now).Seconds()))
	gauge(descWriter, truth(g.b.cfg.Group.Writer()))
	gauge(descBlocked, truth(s.Blocked != ""))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
