package results

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Shadow is what a candidate rule file would do otherwise, to be told: of one event,
// or a summary. Data is encoded as JSON, by the schema of the type.
type Shadow struct {
	RulesVersion, ShadowVersion string
	Of                          string // the event's position; empty: a summary
	At                          time.Time
	Data                        any
}

// TellShadow writes a difference or a summary, with the promise of Tell.
func (w *Writer) TellShadow(ctx context.Context, s Shadow) error {
	m, err := w.encoder.eventShadow(&s)
	if err != nil {
		return err
	}
	m.Topic = w.topic
	if err := w.send(ctx, []kafka.Message{m}); err != nil {
		return fmt.Errorf("tell what shadow rules %s would do to %s: %w", s.ShadowVersion, w.topic, err)
	}
	return nil
}

func (e *encoder) eventShadow(s *Shadow) (kafka.Message, error) {
	data, err := json.Marshal(s.Data)
	if err != nil {
		return kafka.Message{}, fmt.Errorf("encode what shadow rules %s would do: %w", s.ShadowVersion, err)
	}
	a := attributes{kind: &e.differed, id: fmt.Appendf(nil, "%s/%s/%s", s.RulesVersion, s.ShadowVersion, s.Of), subject: s.ShadowVersion, at: s.At}
	if s.Of == "" {
		a.kind = &e.compared
		a.id = fmt.Appendf(nil, "%s/%s@%d", s.RulesVersion, s.ShadowVersion, s.At.UnixNano())
	}
	m, _ := e.event(nil, a, func(dst []byte) []byte { return append(dst, data...) })
	m.Key = []byte("shadow")
	return m, nil
}
