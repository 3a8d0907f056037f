package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	tryTimeout = 5 * time.Second // of one request; a lost reply must not hold the caller
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
	// Small records cost more to compress than to send.
	compressAbove = 4 << 10
)

// write appends the records in order, each acknowledged before the next.
func (l *Log) write(ctx context.Context, records [][]byte) error {
	for _, value := range records {
		err := persist(ctx, l.patience, func(ctx context.Context) error { return l.produce(ctx, value) })
		if errors.Is(err, kafka.MessageSizeTooLarge) {
			return fmt.Errorf("record of %d bytes to %s: %w (raise max.message.bytes of the topic to at least 1048588)", len(value), l.topic, err)
		}
		if err != nil {
			return fmt.Errorf("write to %s: %w", l.topic, err)
		}
	}
	return nil
}

func (l *Log) produce(ctx context.Context, value []byte) error {
	sent := time.Now()
	req := kafka.ProduceRequest{
		Topic: l.topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Time: sent, Value: kafka.NewBytes(value)}),
	}
	if len(value) > compressAbove {
		req.Compression = kafka.Zstd
	}
	res, err := l.client.Produce(ctx, &req)
	if err != nil {
		return err
	}
	if res.Error == nil {
		l.acknowledged(res.BaseOffset + 1)
		l.broker.read(sent, res.LogAppendTime)
	}
	return res.Error
}

// acknowledged raises next: two writes may be under way at once.
func (l *Log) acknowledged(next int64) {
	for {
		old := l.next.Load()
		if next <= old || l.next.CompareAndSwap(old, next) {
			return
		}
	}
}

// persist calls f until it succeeds, its error cannot heal by itself, or another
// try would begin after the patience is over.
func persist(ctx context.Context, patience time.Duration, f func(context.Context) error) error {
	start := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		try, cancel := context.WithTimeout(ctx, tryTimeout)
		err := f(try)
		cancel()
		if err == nil || ctx.Err() != nil || !heals(err) || time.Since(start)+pause > patience {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// heals says whether the same request may succeed later: what the protocol calls
// retriable, and everything that is no answer of a broker (connections, time).
func heals(err error) bool {
	if code, ok := errors.AsType[kafka.Error](err); ok {
		return code.Temporary()
	}
	_, broken := errors.AsType[*recordError](err)
	return !broken
}
