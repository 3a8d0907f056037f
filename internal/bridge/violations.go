package bridge

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
	"pushbridge/internal/results"
)

// violationEvery is how often a type whose events break its schema is logged: a
// producer that changed its mind breaks it with every event.
const violationEvery = time.Minute

// violations counts the events whose data breaks the schema of their type, and
// tells the log of them.
type violations struct {
	count  *prometheus.CounterVec
	log    *slog.Logger
	logged map[string]*violationLog // by event type: those that the rules validate
}

type violationLog struct {
	at      time.Time
	skipped int // since then
}

func newViolations(b *Bridge) *violations {
	v := &violations{
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_schema_violations_total", Help: "Events whose data breaks the schema of their type, by type and by what the rules want done: warn or reject.",
		}, []string{"type", "action"}),
		log:    b.cfg.Logger,
		logged: map[string]*violationLog{},
	}
	v.knowRules(b.cfg.Rules)
	b.cfg.Metrics.MustRegister(v.count)
	return v
}

// knowRules lets the counters of all types that are judged begin at 0.
func (v *violations) knowRules(rules *mapper.Rules) {
	for eventType, action := range rules.Validations() {
		v.count.WithLabelValues(eventType, action.String())
	}
}

// note takes in one event. The types are those of the rule file, so there are
// never many.
func (v *violations) note(at offset.Position, e *mapper.SchemaError, now time.Time) {
	v.count.WithLabelValues(e.Type, e.Action.String()).Inc()
	last := v.logged[e.Type]
	if last == nil {
		last = &violationLog{}
		v.logged[e.Type] = last
	}
	if !last.at.IsZero() && now.Sub(last.at) < violationEvery {
		last.skipped++
		return
	}
	v.log.Warn("an event's data breaks the schema of its type", "type", e.Type, "action", e.Action.String(),
		"position", at.String(), "pointer", e.Pointer, "why", e.Reason, "not_logged", last.skipped)
	last.at, last.skipped = now, 0
}

// reasonFor returns why the event of a failure is on the dead-letter topic.
func reasonFor(f *mapper.RuleError) results.Reason {
	if f.Rule == "" {
		return results.InvalidData
	}
	return results.RuleFailed
}
