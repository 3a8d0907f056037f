package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
)

// told is what the demo reads of a result event, as any reader of the topic
// could.
type told struct {
	Type string `json:"type"`
	Data struct {
		Topic       string `json:"topic"`
		Partition   int    `json:"partition"`
		Offset      int64  `json:"offset"`
		Source      string `json:"event_source"`
		ID          string `json:"event_id"`
		Rule        string `json:"rule"`
		Disposition string `json:"disposition"`
		More        bool   `json:"more"`
		PushID      string `json:"push_id"`
	} `json:"data"`
}

// resultsReader follows the results topic from its start.
type resultsReader struct {
	client *kafka.Client
	topic  string
	next   map[int]int64
}

func newResultsReader(ctx context.Context, brokers []string, transport *kafka.Transport, topic string) (*resultsReader, error) {
	r := &resultsReader{client: &kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport}, topic: topic, next: map[int]int64{}}
	meta, err := r.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, fmt.Errorf("read partitions of %s: %w", topic, err)
	}
	for _, t := range meta.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("read partitions of %s: %w", topic, t.Error)
		}
		for _, p := range t.Partitions {
			r.next[p.ID] = 0
		}
	}
	return r, nil
}

// read returns what has been told since the last call.
func (r *resultsReader) read(ctx context.Context) ([]told, error) {
	var all []told
	for partition, next := range r.next {
		res, err := r.client.Fetch(ctx, &kafka.FetchRequest{
			Topic: r.topic, Partition: partition, Offset: next, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 50 * time.Millisecond,
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			return nil, fmt.Errorf("read %s/%d: %w", r.topic, partition, err)
		}
		for {
			rec, err := res.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("read %s/%d: %w", r.topic, partition, err)
			}
			value, err := kafka.ReadAll(rec.Value)
			if err != nil {
				return nil, fmt.Errorf("read %s/%d@%d: %w", r.topic, partition, rec.Offset, err)
			}
			if rec.Offset < r.next[partition] {
				continue
			}
			r.next[partition] = rec.Offset + 1
			var t told
			if err := json.Unmarshal(value, &t); err != nil {
				return nil, fmt.Errorf("read %s/%d@%d: %w", r.topic, partition, rec.Offset, err)
			}
			all = append(all, t)
		}
	}
	return all, nil
}
