package consume

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/offset"
)

type metrics struct {
	received *prometheus.CounterVec
	lag      *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer, topics []string) (*metrics, error) {
	m := &metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_events_received_total",
			Help: "Records read from Kafka, decodable or not.",
		}, []string{"topic"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bridge_kafka_lag_records",
			Help: "Offsets between what was fetched and the end of the partition; only on the instance that owns it.",
		}, []string{"topic", "partition"}),
	}
	for _, c := range []prometheus.Collector{m.received, m.lag} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of consume: %w", err)
		}
	}
	for _, topic := range topics {
		m.received.WithLabelValues(topic)
	}
	return m, nil
}

// partition returns the two series that one fetcher moves.
func (m *metrics) partition(p offset.Partition) (received prometheus.Counter, lag prometheus.Gauge) {
	return m.received.WithLabelValues(p.Topic), m.lag.WithLabelValues(p.Topic, strconv.Itoa(int(p.ID)))
}

// forgetLag drops the lag of partitions that another member owns from now on;
// a figure that stands still would look like a member that does.
func (m *metrics) forgetLag() { m.lag.Reset() }
