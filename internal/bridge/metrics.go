package bridge

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
)

// scrapeWithin is how long a scrape waits for the loop.
const scrapeWithin = time.Second

// metrics are the pipeline's counters; the gauges are asked of the loop when
// they are read.
type metrics struct {
	events *prometheus.CounterVec
	merged prometheus.Histogram
	delay  *prometheus.HistogramVec
	over   prometheus.Counter
	lost   *prometheus.CounterVec

	ended [len(journal.Kinds) + 1]atomic.Int64 // events by kind, which begins at 1: what events says of all rules
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
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bridge_event_delay_seconds", Help: "From an event's arrival in Kafka to the call that carried it, by priority.",
			Buckets: []float64{.1, .5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600},
		}, []string{"priority"}),
		over: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bridge_overlapping_calls_total", Help: "Calls of whose users some may have got the same message in another call: one cannot say it all.",
		}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_kafka_lost_records_total", Help: "Records that were gone from Kafka before they were read.",
		}, []string{"topic"}),
	}
	for _, k := range []journal.Kind{journal.Unmatched, journal.DeadLettered} {
		m.events.WithLabelValues(k.String(), "")
	}
	m.knowRules(b.cfg.Rules)
	for _, topic := range b.cfg.Topics {
		m.lost.WithLabelValues(topic)
	}
	for _, p := range intent.Priorities {
		m.delay.WithLabelValues(p.String())
	}
	b.cfg.Metrics.MustRegister(m.events, m.merged, m.delay, m.over, m.lost, gauges{b})
	return m
}

// knowRules lets the counters of all rules begin at 0.
func (m *metrics) knowRules(rules *mapper.Rules) {
	for _, k := range journal.Kinds {
		if k == journal.Unmatched {
			continue
		}
		for _, rule := range rules.Rules() {
			m.events.WithLabelValues(k.String(), rule)
		}
	}
}

func (m *metrics) disposed(d *journal.Disposition) {
	m.events.WithLabelValues(d.Kind.String(), d.Rule).Inc()
	m.ended[d.Kind].Add(1)
	if d.Kind == journal.Pushed && !d.PushedAt.IsZero() {
		m.delay.WithLabelValues(d.Priority.String()).Observe(max(0, d.PushedAt.Sub(d.Origin.Received).Seconds()))
	}
}

// endings counts the events that have ended, by kind.
func (m *metrics) endings() map[journal.Kind]int {
	all := make(map[journal.Kind]int, len(journal.Kinds))
	for _, k := range journal.Kinds {
		if n := m.ended[k].Load(); n > 0 {
			all[k] = int(n)
		}
	}
	return all
}

func (m *metrics) pushed(p *push, o pushapi.Outcome) {
	if p.batch.Overlap && (o.Class == pushapi.ClassOK || o.Class == pushapi.ClassDoubt) {
		m.over.Inc()
	}
	if o.Class == pushapi.ClassOK {
		m.merged.Observe(float64(len(p.batch.Covers)))
	}
}

// gauges collects what only the loop knows, and nothing of that where it has not told.
type gauges struct{ b *Bridge }

var (
	byLane = []string{"lane"}

	descPending    = prometheus.NewDesc("bridge_pending_intents", "Intents that wait, by lane and priority.", []string{"lane", "priority"}, nil)
	descOldest     = prometheus.NewDesc("bridge_pending_oldest_seconds", "Age of the oldest intent that waits.", nil, nil)
	descQuota      = prometheus.NewDesc("bridge_budget_quota_calls", "Calls that a window may hold.", byLane, nil)
	descUsed       = prometheus.NewDesc("bridge_budget_used_calls", "Calls of the present window.", byLane, nil)
	descRemaining  = prometheus.NewDesc("bridge_budget_remaining_calls", "Calls left of the quota now.", byLane, nil)
	descPool       = prometheus.NewDesc("bridge_budget_pool_used_calls", "Calls of the present window that drew on a pool's share.", []string{"lane", "pool"}, nil)
	descExhaustion = prometheus.NewDesc("bridge_budget_exhaustion_seconds",
		"Time until the quota is spent if calls go on as in the last hour and none comes back; +Inf where there was none.", byLane, nil)
	descNext    = prometheus.NewDesc("bridge_next_call_seconds", "Time until a call may start.", byLane, nil)
	descFreed   = prometheus.NewDesc("bridge_quota_freed_timestamp_seconds", "When a call succeeded again after the API had refused calls for the quota.", byLane, nil)
	descWriter  = prometheus.NewDesc("bridge_writer", "1 where this instance owns the partitions and calls the API.", nil, nil)
	descBlocked = prometheus.NewDesc("bridge_push_blocked", "1 while something stands against a lane's calls; /readyz?verbose says what.", byLane, nil)
)

// Describe implements prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descPending, descOldest, descQuota, descUsed, descRemaining, descPool, descExhaustion, descNext, descFreed, descWriter, descBlocked,
	} {
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
	known, oldest := false, 0.0
	for i := range s.Lanes {
		l := &s.Lanes[i]
		lane := l.Label()
		gauge(descQuota, float64(l.Calls), lane)
		if !l.Known {
			continue // a zero would be taken for a fact, and an alert would go by it
		}
		known = true
		if !l.Pending.Oldest.IsZero() {
			oldest = max(oldest, now.Sub(l.Pending.Oldest).Seconds())
		}
		for _, p := range intent.Priorities {
			gauge(descPending, float64(l.Pending.Pending[p]), lane, p.String())
		}
		gauge(descUsed, float64(l.Pending.Used), lane)
		gauge(descRemaining, float64(l.Remaining()), lane)
		for _, p := range l.Pools {
			gauge(descPool, float64(p.Used), lane, p.Name)
		}
		exhaustion := math.Inf(1)
		if d, ok := l.Exhaustion(); ok {
			exhaustion = d.Seconds()
		}
		gauge(descExhaustion, exhaustion, lane)
		gauge(descNext, max(0, l.Pending.NextCall.Sub(now).Seconds()), lane)
		gauge(descBlocked, truth(l.Blocked != ""), lane)
		if !l.Freed.By.IsZero() {
			gauge(descFreed, float64(l.Freed.By.UnixMilli())/1000, lane)
		}
	}
	if known {
		gauge(descOldest, oldest)
	}
	gauge(descWriter, truth(g.b.cfg.Group.Writer()))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
