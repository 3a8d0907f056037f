package results

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Reloaded is rules taking over from others, to be told.
type Reloaded struct {
	RulesVersion    string
	PreviousVersion string
	Rules           int       // how many there are now
	Pending         int       // intents that waited then
	Remapped        bool      // they are mapped anew; otherwise they stay as they are
	At              time.Time // when; what is read from then on is mapped by the new ones
}

type reloadedData struct {
	RulesVersion    string    `json:"rules_version"`
	PreviousVersion string    `json:"previous_version"`
	Rules           int       `json:"rule_count"`
	Pending         int       `json:"pending"`
	Remapped        bool      `json:"remapped"`
	Switched        time.Time `json:"switched"`
}

// TellReload writes that rules took over, with the promise of Tell.
func (w *Writer) TellReload(ctx context.Context, r Reloaded) error {
	m, err := w.encoder.eventReloaded(&r)
	if err != nil {
		return err
	}
	m.Topic = w.topic
	if err := w.send(ctx, []kafka.Message{m}); err != nil {
		return fmt.Errorf("tell the reload of rules %s to %s: %w", r.RulesVersion, w.topic, err)
	}
	return nil
}

func (e *encoder) eventReloaded(r *Reloaded) (kafka.Message, error) {
	data, err := json.Marshal(reloadedData{
		RulesVersion: r.RulesVersion, PreviousVersion: r.PreviousVersion, Rules: r.Rules, Pending: r.Pending, Remapped: r.Remapped, Switched: r.At.UTC(),
	})
	if err != nil {
		return kafka.Message{}, fmt.Errorf("encode the reload of rules %s: %w", r.RulesVersion, err)
	}
	a := attributes{
		kind: &e.reloaded, id: fmt.Appendf(nil, "%s/%s@%d", r.PreviousVersion, r.RulesVersion, r.At.UnixNano()), subject: r.RulesVersion, at: r.At,
	}
	m, _ := e.event(nil, a, func(dst []byte) []byte { return append(dst, data...) })
	m.Key = []byte("rules") // one for all, so that they are read in order
	return m, nil
}
