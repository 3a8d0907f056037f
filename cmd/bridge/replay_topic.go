package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
	"pushbridge/internal/replay"
)

// begun is the data of the record with which a replay begins.
type begun struct {
	Selection json.RawMessage `json:"selection"`
	Extent    extent          `json:"extent"`
	Selected  int             `json:"selected"`
	Command   string          `json:"command"`
}

// onTopic is what the replays' topic says of one replay.
type onTopic struct {
	id        string
	begun     *begun // nil: it has not
	begunAt   time.Time
	cancelled time.Time // zero: it is not
	fed       map[offset.Partition]*offset.Set
	events    int   // fed, each original once
	copies    int   // records of them that were written once more
	end       int64 // of the partition that is written to
}

func (o *onTopic) has(of offset.Position) bool { return within(o.fed)(of) }

// replaysOn reads what the topic says of a replay, or of all where the id is empty, in
// the order in which they began. A topic that is not there holds none.
func (d *replayDesk) replaysOn(ctx context.Context, id string) ([]*onTopic, error) {
	parts, err := d.scan.Whole(ctx, d.cfg.Kafka.ReplayTopic)
	if err != nil {
		return nil, fmt.Errorf("read replays: %w (bridge run creates it; check BRIDGE_KAFKA_REPLAY_TOPIC)", err)
	}
	var all []*onTopic
	byID := make(map[string]*onTopic)
	of := func(id string) *onTopic {
		o := byID[id]
		if o == nil {
			o = &onTopic{id: id, fed: make(map[offset.Partition]*offset.Set)}
			byID[id] = o
			all = append(all, o)
		}
		return o
	}
	for _, p := range parts {
		for r, err := range d.scan.Read(ctx, p) {
			if err != nil {
				return nil, fmt.Errorf("read replays: %w", err)
			}
			if r.Err != nil {
				continue // nobody's
			}
			says, err := replay.Read(r.Event)
			if err != nil || id != "" && says.ID != id {
				continue
			}
			of(says.ID).add(says, r)
		}
	}
	if id != "" {
		of(id)
	}
	for _, o := range all {
		o.end = parts[0].Next
	}
	return all, nil
}

func (o *onTopic) add(says replay.Record, r *consume.Record) {
	switch says.Kind {
	case replay.Begun:
		var b begun
		// The first counts: of two that began at once the other finds it here.
		if o.begun == nil && json.Unmarshal(r.Event.Data(), &b) == nil {
			o.begun, o.begunAt = &b, r.Time
		}
	case replay.Cancelled:
		if o.cancelled.IsZero() {
			o.cancelled = r.Time
		}
	case replay.Again:
		of, err := offset.ParsePosition(says.Of)
		switch {
		case err != nil:
		case o.has(of):
			o.copies++
		default:
			note(o.fed, of)
			o.events++
		}
	}
}

// replayOn is replaysOn for one.
func (d *replayDesk) replayOn(ctx context.Context, id string) (*onTopic, error) {
	all, err := d.replaysOn(ctx, id)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// append writes records behind each other, and returns the offset of the first. What is
// answered with an error may be written all the same: the bridge knows repeats.
func (d *replayDesk) append(ctx context.Context, messages []kafka.Message) (int64, error) {
	const patience = 30 * time.Second
	start := time.Now()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		records := make([]kafka.Record, len(messages)) // a reader of them is used up
		for i, m := range messages {
			records[i] = kafka.Record{Time: time.Now(), Value: kafka.NewBytes(m.Value), Headers: m.Headers}
			if m.Key != nil {
				records[i].Key = kafka.NewBytes(m.Key)
			}
		}
		res, err := d.client.Produce(ctx, &kafka.ProduceRequest{
			Topic: d.cfg.Kafka.ReplayTopic, Partition: 0, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = res.Error
		}
		if err == nil {
			return res.BaseOffset, nil
		}
		if broker, ok := errors.AsType[kafka.Error](err); ok && !broker.Temporary() || ctx.Err() != nil || time.Since(start) > patience {
			return 0, fmt.Errorf("write to %s: %w", d.cfg.Kafka.ReplayTopic, err)
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// appendControl writes one control record.
func (d *replayDesk) appendControl(ctx context.Context, typ, id string, data any) error {
	e, err := replay.Control(typ, id, time.Now().UTC(), data)
	if err != nil {
		return err
	}
	m, err := messageOf(&e, nil)
	if err != nil {
		return err
	}
	_, err = d.append(ctx, []kafka.Message{m})
	return err
}

// messageOf is the event in binary mode: its data goes byte for byte.
func messageOf(e *event.Event, key []byte) (kafka.Message, error) { return binaryMessage(e, key) }
