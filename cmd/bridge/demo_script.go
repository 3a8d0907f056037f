package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/segmentio/kafka-go"

	"pushbridge/testdata/demo"
)

// scripted is one event of the demo and when it is emitted.
type scripted struct {
	event cloudevents.Event
	after time.Duration // since the first
}

// parseScript reads the events; their times say when each is emitted.
func parseScript(lines []byte) ([]scripted, error) {
	var script []scripted
	var first time.Time
	for n, line := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
		var e cloudevents.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("demo events, line %d: %w", n+1, err)
		}
		if n == 0 {
			first = e.Time()
		}
		script = append(script, scripted{event: e, after: e.Time().Sub(first)})
	}
	return script, nil
}

// badAfter is when the record that is no CloudEvent is emitted.
const badAfter = 1500 * time.Millisecond

// emit writes the events to the topic, each at its time, with times moved to
// now. It returns when the last is written.
func (d *demoRun) emit(ctx context.Context) error {
	w := &kafka.Writer{
		Addr: kafka.TCP(d.brokers...), Topic: demoTopic, Transport: d.pipeline.kafka,
		RequiredAcks: kafka.RequireAll, BatchSize: 1, Balancer: &kafka.Hash{},
	}
	defer w.Close() //nolint:errcheck // every write was acknowledged before
	// A write that was begun is finished: whether it was stored must be known.
	writing := context.WithoutCancel(ctx)
	start := time.Now()
	badSent := false
	for _, s := range d.script {
		if !badSent && s.after >= badAfter {
			badSent = true
			if err := w.WriteMessages(writing, kafka.Message{Value: demo.NoEvent}); err != nil {
				return fmt.Errorf("emit the record that is no event: %w", err)
			}
			d.emitted.Add(1)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(start.Add(s.after))):
		}
		e := s.event.Clone()
		e.SetTime(start.Add(s.after))
		value, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("emit %s: %w", e.ID(), err)
		}
		msg := kafka.Message{
			Key: []byte(e.Source()), Value: value,
			Headers: []kafka.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
		}
		if err := w.WriteMessages(writing, msg); err != nil {
			return fmt.Errorf("emit %s: %w", e.ID(), err)
		}
		d.emitted.Add(1)
	}
	return nil
}
