package consume

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/offset"
)

// ScanConfig is what a Scanner needs; the fields are those of Config.
type ScanConfig struct {
	Brokers   []string
	Transport *kafka.Transport
	Timeout   time.Duration // of one request; 0: 5 s

	MaxEventBytes        int
	AcceptBareStructured bool

	// Patience is how long what fails is tried again; 0: 30 s.
	Patience time.Duration
}

// Scanner reads parts of topics once, as a Session reads them to their end, without
// being a member of a group. It is safe for concurrent use.
type Scanner struct {
	client   *kafka.Client
	decode   func(*Record)
	patience time.Duration
}

// NewScanner returns a Scanner. It connects to nothing yet.
func NewScanner(cfg ScanConfig) *Scanner {
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.MaxEventBytes == 0 {
		cfg.MaxEventBytes = DefaultMaxEventBytes
	}
	return &Scanner{
		client: newClient(cfg.Brokers, cfg.Transport, cfg.Timeout), patience: cfg.Patience,
		decode: decoder{maxBytes: cfg.MaxEventBytes, bare: cfg.AcceptBareStructured}.decode,
	}
}

// ErrNoTopic says that there is no such topic.
var ErrNoTopic = errors.New("no such topic")

// Part is a run of offsets of one partition, from First on and below Next.
type Part struct {
	offset.Partition
	First, Next int64
}

// Whole returns all that a topic's partitions hold, in their order.
func (s *Scanner) Whole(ctx context.Context, topic string) ([]Part, error) {
	var parts []Part
	err := s.persist(ctx, func() error {
		meta, err := s.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return fmt.Errorf("look at topic %s: %w", topic, err)
		}
		parts = parts[:0]
		for _, t := range meta.Topics {
			switch {
			case errors.Is(t.Error, kafka.UnknownTopicOrPartition) || t.Error == nil && len(t.Partitions) == 0:
				return fmt.Errorf("topic %s: %w", topic, ErrNoTopic)
			case t.Error != nil:
				return fmt.Errorf("look at topic %s: %w", topic, t.Error)
			}
			for _, p := range t.Partitions {
				part := Part{Partition: offset.Partition{Topic: topic, ID: int32(p.ID)}}
				if part.First, part.Next, err = bounds(ctx, s.client, part.Partition); err != nil {
					return err
				}
				parts = append(parts, part)
			}
		}
		return nil
	})
	slices.SortFunc(parts, func(a, b Part) int { return a.Compare(b.Partition) })
	return parts, err
}

// From returns what of a part begins with its first record that is not older than
// the instant. Records behind that one may be older: producers' clocks differ.
func (s *Scanner) From(ctx context.Context, p Part, since time.Time) (Part, error) {
	err := s.persist(ctx, func() error {
		res, err := s.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{p.Topic: {kafka.TimeOffsetOf(int(p.ID), since)}},
		})
		if err != nil {
			return fmt.Errorf("find %s in %s: %w", since.UTC().Format(time.RFC3339), p.Partition, err)
		}
		for _, got := range res.Topics[p.Topic] {
			if got.Partition != int(p.ID) {
				continue
			}
			if got.Error != nil {
				return fmt.Errorf("find %s in %s: %w", since.UTC().Format(time.RFC3339), p.Partition, got.Error)
			}
			first := p.Next // there is none
			for at := range got.Offsets {
				if at >= 0 {
					first = at
				}
			}
			p.First = min(max(p.First, first), p.Next)
			return nil
		}
		return fmt.Errorf("find %s in %s: the broker did not answer for it", since.UTC().Format(time.RFC3339), p.Partition)
	})
	return p, err
}

// Read yields the records of a part that are there, in order. What fails is tried
// again; an error is the last that it yields. A record is the caller's.
func (s *Scanner) Read(ctx context.Context, p Part) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		f := &fetcher{
			client: s.client, partition: p.Partition, next: p.First, limit: maxFetchBytes, maxBytes: minFetchBytes,
			decode: s.decode, log: slog.New(slog.DiscardHandler),
		}
		for f.next < p.Next {
			batch, err := s.fetch(ctx, f)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range batch.Records {
				if batch.Records[i].Position.Offset >= p.Next {
					return
				}
				if !yield(&batch.Records[i], nil) {
					return
				}
			}
			f.next, f.size = batch.Next, len(batch.Records)
			f.adapt(batch.Records)
		}
	}
}

// fetch brings what follows, or goes on behind what is deleted.
func (s *Scanner) fetch(ctx context.Context, f *fetcher) (Batch, error) {
	var batch Batch
	err := s.persist(ctx, func() (err error) {
		batch, err = f.fetch(ctx)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			first, end, boundsErr := bounds(ctx, s.client, f.partition)
			switch {
			case boundsErr != nil:
				return boundsErr
			case f.next < first:
				batch, err = Batch{Partition: f.partition, Next: first, End: end}, nil
			case f.next > end: // the topic was made anew
				batch, err = Batch{Partition: f.partition, Next: math.MaxInt64, End: end}, nil
			}
		}
		if err == nil && batch.Next == f.next {
			return fmt.Errorf("read %s@%d: the broker sends nothing, though more was written: is a transaction open?", f.partition, f.next)
		}
		return err
	})
	return batch, err
}

// persist tries until it succeeds, the patience is over or ctx is.
func (s *Scanner) persist(ctx context.Context, do func() error) error {
	start := time.Now()
	for wait := newBackoff(); ; {
		err := do()
		if err == nil || errors.Is(err, ErrNoTopic) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(start) > s.patience {
			return err
		}
		sleep(ctx, wait.next())
	}
}
