package consume

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"pushbridge/internal/offset"
)

// abortMarker is the type of the control record that ends a transaction without
// effect; 1 would be a commit.
const abortMarker = 0

// read copies the records at or above f.next out of a response and decodes
// them, without those of aborted transactions.
func (f *fetcher) read(p *fetch.ResponsePartition) (Batch, error) {
	batch := Batch{Partition: f.partition, Next: f.next, End: p.HighWatermark}
	stream, ok := p.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		return batch, nil // nothing new
	}
	batch.Records = make([]Record, 0, f.size)
	aborted := newAborted(p.AbortedTransactions)
	for _, part := range stream.Records {
		drop := false
		switch b := part.(type) {
		case *protocol.ControlBatch:
			// A marker is one record, alone in its batch. Without this a log that
			// ends in one would be fetched again for ever.
			batch.Next = max(batch.Next, b.BaseOffset+1)
			if err := aborted.end(b); err != nil {
				return Batch{}, err
			}
			continue
		case *protocol.RecordBatch:
			drop = aborted.covers(b)
		}
		if err := f.readPart(part, drop, &batch); err != nil {
			return Batch{}, err
		}
	}
	// A broker's answer begins with the batch that holds the offset asked for. If
	// it has no record from there on, compaction took the record, and asking
	// again would bring the same batch for ever.
	if batch.Next == f.next && len(stream.Records) > 0 {
		batch.Next++
	}
	return batch, nil
}

// readPart reads one batch of the log to its end, which also gives its memory
// back to kafka-go.
func (f *fetcher) readPart(part protocol.RecordReader, drop bool, batch *Batch) error {
	for {
		raw, err := part.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// Batches are stored and sent whole, so the first one may begin before
		// the offset asked for.
		if wanted := raw.Offset >= f.next; wanted {
			batch.Next = raw.Offset + 1
			if !drop {
				if err := f.readRecord(raw, batch); err != nil {
					return err
				}
			}
		}
		closeBytes(raw)
	}
}

// readRecord copies key and value into memory of their own, apart from each
// other: an event that waits for hours must not hold a whole fetch, and its key,
// which goes with it to its end, must not hold its value.
func (f *fetcher) readRecord(raw *protocol.Record, batch *Batch) error {
	batch.Records = append(batch.Records, Record{
		Position: offset.Position{Partition: f.partition, Offset: raw.Offset},
	})
	r := &batch.Records[len(batch.Records)-1]
	if raw.Time.UnixMilli() > 0 { // -1 is none; so is 0, from producers that forgot it
		r.Time = raw.Time
	}
	if raw.Key != nil {
		r.Key = make([]byte, raw.Key.Len())
		if _, err := io.ReadFull(raw.Key, r.Key); err != nil {
			return fmt.Errorf("key of %s: %w", r.Position, err)
		}
	}
	if raw.Value != nil {
		r.Value = make([]byte, raw.Value.Len())
		if _, err := io.ReadFull(raw.Value, r.Value); err != nil {
			return fmt.Errorf("value of %s: %w", r.Position, err)
		}
	}
	if len(raw.Headers) > 0 {
		r.Headers = make([]Header, len(raw.Headers))
		for i, h := range raw.Headers {
			r.Headers[i] = Header(h)
		}
	}
	f.decode(r)
	return nil
}

func closeBytes(raw *protocol.Record) {
	if raw.Key != nil {
		_ = raw.Key.Close() // only gives memory back, always nil
	}
	if raw.Value != nil {
		_ = raw.Value.Close()
	}
}

// abortedTransactions follows a response from batch to batch and knows which
// producers are inside a transaction that will be aborted.
type abortedTransactions struct {
	coming []fetch.ResponseTransaction // by first offset
	inside map[int64]bool              // by producer
}

func newAborted(list []fetch.ResponseTransaction) *abortedTransactions {
	return &abortedTransactions{
		coming: slices.SortedFunc(slices.Values(list), func(a, b fetch.ResponseTransaction) int {
			return cmp.Compare(a.FirstOffset, b.FirstOffset)
		}),
		inside: make(map[int64]bool),
	}
}

// begin notes the transactions that start at or below the offset. Every batch
// calls it, markers too: one whose records lie below the fetch must not begin
// after its own end.
func (a *abortedTransactions) begin(offset int64) {
	for len(a.coming) > 0 && a.coming[0].FirstOffset <= offset {
		a.inside[a.coming[0].ProducerID] = true
		a.coming = a.coming[1:]
	}
}

// covers says whether the batch belongs to a transaction that was aborted.
func (a *abortedTransactions) covers(b *protocol.RecordBatch) bool {
	a.begin(b.BaseOffset)
	return b.Attributes.Transactional() && a.inside[b.ProducerID]
}

// end notes a marker: an abort ends what covers says of its producer.
func (a *abortedTransactions) end(b *protocol.ControlBatch) error {
	a.begin(b.BaseOffset)
	for {
		raw, err := b.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		marker, err := protocol.ReadControlRecord(raw)
		if err != nil {
			return fmt.Errorf("marker at offset %d: %w", b.BaseOffset, err)
		}
		if marker.Type == abortMarker {
			delete(a.inside, b.ProducerID)
		}
	}
}
