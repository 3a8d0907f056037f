package consume

import (
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/offset"
)

// Header is one header of a Kafka record, as it was written.
type Header struct {
	Key   string
	Value []byte
}

// Record is one Kafka record and the event in it: exactly one of Event and Err
// is set. Its bytes are its own, no other record or later batch shares them.
type Record struct {
	Position offset.Position
	Time     time.Time // the record's timestamp, by the producer's clock or the broker's; zero where it has none
	Key      []byte    // nil where the record has none
	Value    []byte    // nil for a tombstone, not nil for an empty value
	Headers  []Header
	Event    *event.Event // CloudEvents 1.0, valid
	Err      error        // a *DecodeError
}

// Batch is what one fetch brought of one partition, in the order of offsets.
type Batch struct {
	Partition offset.Partition
	Records   []Record // may be empty: only markers of transactions, or a Loss

	// Next is the offset after all that this batch speaks of. Offsets below it
	// that are neither in Records nor in Lost do not exist: they were aborted,
	// compacted, or mark transactions.
	Next int64

	// End is the partition's high watermark when the batch was read.
	End int64

	Lost *Loss // nil where nothing is lost
}

// LossKind says why offsets cannot be read.
type LossKind uint8

const (
	// Expired records were deleted, by retention or by hand, before they were
	// read.
	Expired LossKind = iota + 1
	// Rewound is a log that ends below what was already read: the topic was
	// deleted and created again, or cut off by an unclean election. What was
	// written in place of the old records has their offsets, so it is read from
	// the log's start, and positions below First mean other records than before.
	Rewound
)

// String returns the word for logs and metrics.
func (k LossKind) String() string {
	switch k {
	case Expired:
		return "expired"
	case Rewound:
		return "rewound"
	}
	return fmt.Sprintf("LossKind(%d)", uint8(k))
}

// Loss reports offsets of a partition that can no longer be read.
type Loss struct {
	Partition   offset.Partition
	Kind        LossKind
	First, Last int64 // both included

	// Count is how many records were never read: all offsets from First to Last
	// where they expired, 0 where the log was rewound, since those had been read.
	Count int64
}
