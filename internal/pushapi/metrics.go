package pushapi

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	calls    *prometheus.CounterVec
	duration prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, b *breaker) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_push_calls_total",
			Help: "Calls of the push API by what their outcome lets the bridge do.",
		}, []string{"class"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bridge_push_duration_seconds",
			Help: "Time from the start of a call to the end of its answer, or to giving up.",
			// The API's backend gives up after 3 s, the client by default after 10.
			Buckets: []float64{.025, .05, .1, .2, .3, .5, .75, 1, 2, 3, 5, 10, 30},
		}),
	}
	for _, c := range Classes {
		m.calls.WithLabelValues(c.String())
	}
	state := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bridge_breaker_state",
		Help: "State of the breaker before the push API: 0 closed, 1 half-open, 2 open.",
	}, func() float64 {
		s, _ := b.state()
		return float64(s)
	})
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.calls), reg.Register(m.duration), reg.Register(state))
}
