package consume

import (
	"context"
	"fmt"
	"time"
)

// timeless stands for the timestamp of a record that has none: older than all
// that have one, and still a legal instant to ask a broker for.
var timeless = time.UnixMilli(0).Add(7 * 24 * time.Hour)

// Oldest returns the earliest timestamp among the first records of the session's
// partitions: nothing that this or an earlier session did about records of
// theirs is older, but for differences between clocks. Zero: there are none.
func (s *Session) Oldest(ctx context.Context) (time.Time, error) {
	var oldest time.Time
	for _, a := range s.partitions {
		at, err := s.first(ctx, a)
		if err != nil {
			return time.Time{}, fmt.Errorf("find the oldest record of %s: %w", a.Partition, err)
		}
		if !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return oldest, nil
}

// first returns the timestamp of the first record that is to be read.
func (s *Session) first(ctx context.Context, a Assignment) (time.Time, error) {
	first, end, err := bounds(ctx, s.client, a.Partition)
	if err != nil {
		return time.Time{}, err
	}
	// Where the first ones are gone, what followed them may have ended long ago.
	f := &fetcher{client: s.client, partition: a.Partition, next: max(a.Start, first), maxBytes: minFetchBytes, decode: func(*Record) {}}
	for f.next < end { // asked at the end, a broker would wait for more
		batch, err := f.fetch(ctx)
		switch {
		case err != nil:
			return time.Time{}, err
		case len(batch.Records) == 0 && batch.Next == f.next:
			return timeless, nil // an open transaction: nobody knows yet
		case len(batch.Records) == 0:
			f.next = batch.Next
			continue
		}
		if at := batch.Records[0].Time; at.After(timeless) {
			return at, nil
		}
		return timeless, nil
	}
	return time.Time{}, nil
}
