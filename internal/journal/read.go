package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
)

// Window is how far back calls may count against a quota: the longest calendar
// day, in which clocks are set back.
const Window = 25 * time.Hour

// margin is how much earlier reading begins: a call that ended within the Window
// began before it, and the clocks of producers, brokers and bridges differ.
const margin = time.Hour

const (
	fetchBytes = 1 << 20
	// fetchWait must not be 1 s: see house-style, "One trap".
	fetchWait = 500 * time.Millisecond
	// maxEmpty is how many empty answers in a row below the topic's end mean that
	// nothing will come: control batches or compaction, which no bridge writes.
	maxEmpty = 20
)

// ReadFrom says from where Read begins.
type ReadFrom struct {
	// Clocks is what Log.Start returned before: never what a record says.
	Clocks

	// OldestEvent is when the oldest event that is not committed reached Kafka;
	// zero where there is none.
	OldestEvent time.Time
	// Fenced holds what stands beside the committed offsets; see Attempt.FencedAs. A
	// call is made only after its commit, so an attempt without an outcome whose Name
	// is not there was never made. Empty: it is not known, any may have been.
	Fenced []string
	// Remember is how long, and RememberMax how many, events stay in State.Seen;
	// 0: none do.
	Remember    time.Duration
	RememberMax int
	// Replays is the topic whose events come again: it has a RememberMax of its own.
	// Empty: there is none.
	Replays string
}

func (f ReadFrom) since() time.Time {
	since := f.Now
	if !f.Broker.IsZero() && f.Broker.Before(since) {
		since = f.Broker
	}
	since = since.Add(-max(Window, f.Remember))
	if !f.OldestEvent.IsZero() && f.OldestEvent.Before(since) {
		since = f.OldestEvent
	}
	return since.Add(-margin)
}

// Read reads the journal up to its end, from the start of the Window, or from the
// oldest event that is not committed if that is earlier. A record of a newer
// version (*VersionError) or one that is none of the journal's is an error: what
// it says about the budget would be lost.
func Read(ctx context.Context, cfg Config, from ReadFrom) (*State, error) {
	client, err := cfg.client()
	if err != nil {
		return nil, err
	}
	h := newHistory(from.Remember, from.RememberMax)
	h.seen.keepApart(from.Replays)
	r := reader{client: client, topic: cfg.Topic, patience: cfg.patience(), take: func(at int64, _ time.Time, value []byte) error {
		parsed, err := parse(value)
		if err != nil {
			return err
		}
		return h.add(parsed, at)
	}}
	if err := r.run(ctx, from.since()); err != nil {
		return nil, err
	}
	s := h.state(from.Clocks, from.Fenced...)
	s.Next = r.next
	return s, nil
}

type reader struct {
	client   *kafka.Client
	topic    string
	patience time.Duration
	next     int64
	take     func(at int64, written time.Time, value []byte) error
}

// run reads what was written since then, up to the topic's present end.
func (r *reader) run(ctx context.Context, since time.Time) error {
	var end int64
	if err := persist(ctx, r.patience, func(ctx context.Context) (err error) {
		if r.next, end, err = r.bounds(ctx, since); err != nil {
			return fmt.Errorf("read journal %s: list offsets: %w", r.topic, err)
		}
		return nil
	}); err != nil {
		return err
	}
	for empty := 0; r.next < end; empty++ {
		before := r.next
		if err := persist(ctx, r.patience, r.fetch); err != nil {
			return fmt.Errorf("read journal %s/%d@%d: %w", r.topic, partition, r.next, err)
		}
		if r.next > before {
			empty = -1
		}
		if empty >= maxEmpty {
			return fmt.Errorf("read journal %s/%d@%d: no record comes, but the topic ends at %d"+
				" (is it compacted, or written to in transactions?)", r.topic, partition, r.next, end)
		}
	}
	return nil
}

// bounds returns the offset of the first record since then, and the topic's end.
func (r *reader) bounds(ctx context.Context, since time.Time) (first, end int64, err error) {
	end, err = r.offset(ctx, kafka.LastOffsetOf(partition), func(p kafka.PartitionOffsets) int64 { return p.LastOffset })
	if err != nil {
		return 0, 0, err
	}
	// Asked on its own: kafka-go files the answer "no such record" under LastOffset.
	first, err = r.offset(ctx, kafka.TimeOffsetOf(partition, since), func(p kafka.PartitionOffsets) int64 {
		for offset := range p.Offsets {
			return offset
		}
		return -1
	})
	if first < 0 {
		first = end
	}
	return first, end, err
}

func (r *reader) offset(ctx context.Context, req kafka.OffsetRequest, pick func(kafka.PartitionOffsets) int64) (int64, error) {
	res, err := r.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{r.topic: {req}}})
	if err != nil {
		return 0, err
	}
	for _, p := range res.Topics[r.topic] {
		if p.Partition == partition {
			return pick(p), p.Error
		}
	}
	return 0, kafka.UnknownTopicOrPartition
}

// fetch reads one response and moves next behind its last record.
func (r *reader) fetch(ctx context.Context) error {
	res, err := r.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: r.topic, Partition: partition, Offset: r.next,
		MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait,
	})
	if err != nil {
		return err
	}
	if res.Error != nil {
		return res.Error
	}
	for {
		rec, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.hand(rec); err != nil {
			return err
		}
	}
}

func (r *reader) hand(rec *kafka.Record) error {
	value, err := kafka.ReadAll(rec.Value)
	for _, part := range []kafka.Bytes{rec.Key, rec.Value} {
		if part != nil {
			err = errors.Join(err, part.Close())
		}
	}
	if err != nil {
		return err
	}
	if rec.Offset < r.next { // a batch may begin before the offset asked for
		return nil
	}
	if err := r.take(rec.Offset, rec.Time, value); err != nil {
		return &recordError{err}
	}
	r.next = rec.Offset + 1
	return nil
}

// recordError is a record that cannot be understood: trying again is no use.
type recordError struct{ err error }

func (e *recordError) Error() string { return e.err.Error() }
func (e *recordError) Unwrap() error { return e.err }
