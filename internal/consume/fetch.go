package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"pushbridge/internal/offset"
)

const (
	// maxWait is how long a broker holds a fetch that finds nothing.
	maxWait = 500 * time.Millisecond

	// One fetch brings at most maxFetchBytes, which is where throughput peaks
	// (kafka.md, section 4), and all partitions together at most
	// maxFetchesBytes, unpacked: a response is held whole.
	minFetchBytes   = 64 << 10
	maxFetchBytes   = 1 << 20
	maxFetchesBytes = 8 << 20

	// stalledAfter is how many fetches in a row may bring nothing although the
	// log goes on, before that is an alarm: half a minute, since they back off.
	stalledAfter = 20

	// rewoundAfter is how often a log must be seen to end below what was read
	// before that is believed: a new leader may need a moment to know its log.
	rewoundAfter = 3

	// readCommitted makes the broker name aborted transactions, whose events
	// never happened, and end the response where the first open one begins.
	readCommitted = 1
)

// fetcher reads one partition from next on.
type fetcher struct {
	client    *kafka.Client
	partition offset.Partition
	next      int64
	limit     int32         // of the bytes that one fetch should bring, unpacked
	maxBytes  int32         // of the next fetch, as they are sent: packed, if they are
	decode    func(*Record) // sets Event or Err
	out       chan<- Batch
	log       *slog.Logger
	received  prometheus.Counter
	lag       prometheus.Gauge
	trouble   *trouble

	stalled int // fetches without progress in a row
	rewound int // times in a row that the log ended below next
	size    int // records in the last batch: how many the next may have
}

func newFetcher(g *Group, a Assignment, partitions int, out chan<- Batch) *fetcher {
	received, lag := g.metrics.partition(a.Partition)
	log := g.cfg.Logger.With("topic", a.Partition.Topic, "partition", a.Partition.ID)
	limit := int32(max(minFetchBytes, min(maxFetchBytes, maxFetchesBytes/partitions)))
	return &fetcher{
		client:    g.client,
		partition: a.Partition,
		next:      a.Start,
		limit:     limit,
		maxBytes:  minFetchBytes, // adapt raises it
		decode:    g.decode,
		out:       out,
		log:       log,
		received:  received,
		lag:       lag,
		trouble:   newTrouble(log, "fetch"),
	}
}

// run returns the loop that fetches, decodes and hands over until ctx ends.
func (f *fetcher) run(ctx context.Context) func() {
	return func() {
		wait := newBackoff()
		for ctx.Err() == nil {
			batch, err := f.fetch(ctx)
			if errors.Is(err, kafka.OffsetOutOfRange) {
				batch, err = f.outOfRange(ctx)
			}
			if err != nil {
				if ctx.Err() == nil {
					f.trouble.report(err)
					sleep(ctx, wait.next())
				}
				continue
			}
			f.trouble.over()
			if f.stalled > 0 {
				// A broker holds a fetch only at the log's end.
				sleep(ctx, wait.next())
				continue
			}
			wait.reset()
			f.lag.Set(float64(max(0, batch.End-batch.Next)))
			if batch.Next == f.next && batch.Lost == nil {
				continue
			}
			select {
			case f.out <- batch:
				f.next, f.size = batch.Next, len(batch.Records)
				f.adapt(batch.Records)
				f.received.Add(float64(len(batch.Records)))
			case <-ctx.Done():
			}
		}
	}
}

// adapt chooses the size of the next fetch by what the last one brought. A broker
// counts bytes as they are packed, and a megabyte of compressed events can be
// twenty of them in memory, once for each partition.
func (f *fetcher) adapt(records []Record) {
	size := 0
	for i := range records {
		size += records[i].bytes() + len(records[i].Key)
	}
	switch {
	case size > int(f.limit):
		f.maxBytes = max(minFetchBytes, int32(int64(f.maxBytes)*int64(f.limit)/int64(size)))
	case size > 0 && size <= int(f.limit)/2:
		f.maxBytes = min(f.limit, 2*f.maxBytes)
	}
}

// fetch asks the partition's leader for what follows. It is kafka-go's
// Client.Fetch but for the isolation level, whose answer Client.Fetch drops: the
// list of aborted transactions.
func (f *fetcher) fetch(ctx context.Context) (Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait+f.client.Timeout)
	defer cancel()
	answer, err := f.client.Transport.RoundTrip(ctx, f.client.Addr, &fetch.Request{
		ReplicaID:      -1, // a consumer
		MaxWaitTime:    int32(maxWait.Milliseconds()),
		MinBytes:       1,
		MaxBytes:       f.maxBytes,
		IsolationLevel: readCommitted,
		SessionID:      -1, // none
		SessionEpoch:   -1,
		Topics: []fetch.RequestTopic{{
			Topic: f.partition.Topic,
			Partitions: []fetch.RequestPartition{{
				Partition:          f.partition.ID,
				CurrentLeaderEpoch: -1, // unknown
				FetchOffset:        f.next,
				LogStartOffset:     -1,
				PartitionMaxBytes:  f.maxBytes,
			}},
		}},
	})
	if err != nil {
		return Batch{}, fmt.Errorf("fetch %s@%d: %w", f.partition, f.next, err)
	}
	res, ok := answer.(*fetch.Response)
	switch {
	case !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1:
		return Batch{}, fmt.Errorf("fetch %s@%d: the broker did not answer for it", f.partition, f.next)
	case res.ErrorCode != 0:
		return Batch{}, fmt.Errorf("fetch %s@%d: %w", f.partition, f.next, kafka.Error(res.ErrorCode))
	}
	p := &res.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return Batch{}, fmt.Errorf("fetch %s@%d: %w", f.partition, f.next, kafka.Error(p.ErrorCode))
	}
	f.rewound = 0
	batch, err := f.read(p)
	if err != nil {
		return Batch{}, fmt.Errorf("read %s@%d: %w", f.partition, f.next, err)
	}
	f.watch(batch.Next, p)
	return batch, nil
}

// watch raises the alarm for a partition that brings nothing although there is
// something: a broker's fault, or a batch that kafka-go cannot read.
func (f *fetcher) watch(next int64, p *fetch.ResponsePartition) {
	stable := p.LastStableOffset
	if stable < 0 {
		stable = p.HighWatermark
	}
	if next > f.next || next >= stable {
		f.goesOn(next)
		return
	}
	if f.stalled++; f.stalled == stalledAfter {
		f.log.Error("partition stands still: the broker has records but sends none; look at its log, and move the group past the offset if the records are damaged",
			"offset", f.next, "end", stable)
	}
}

// goesOn notes that the partition does not stand still, or not any more.
func (f *fetcher) goesOn(next int64) {
	if f.stalled >= stalledAfter {
		f.log.Info("partition is read on", "offset", next)
	}
	f.stalled = 0
}

// outOfRange finds out what happened to the offset that the broker does not
// have, and says it as a Loss. It returns an error where that is not clear yet.
func (f *fetcher) outOfRange(ctx context.Context) (Batch, error) {
	first, end, err := bounds(ctx, f.client, f.partition)
	if err != nil {
		return Batch{}, err
	}
	loss := &Loss{Partition: f.partition}
	switch {
	case f.next < first:
		loss.Kind, loss.First, loss.Last, loss.Count = Expired, f.next, first-1, first-f.next
	case f.next > end:
		if f.rewound++; f.rewound < rewoundAfter {
			return Batch{}, fmt.Errorf("fetch %s@%d: the log ends at %d: %w", f.partition, f.next, end, kafka.OffsetOutOfRange)
		}
		loss.Kind, loss.First, loss.Last = Rewound, end, f.next-1
	default:
		return Batch{}, fmt.Errorf("fetch %s@%d: refused although the log is from %d to %d: %w", f.partition, f.next, first, end, kafka.OffsetOutOfRange)
	}
	f.rewound = 0
	f.goesOn(first) // what the broker did not send is gone
	return Batch{Partition: f.partition, Next: first, End: end, Lost: loss}, nil
}
