package offset

import (
	"cmp"
	"fmt"
)

// Partition names one partition of one topic.
type Partition struct {
	Topic string
	ID    int32
}

// String returns topic/partition.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.ID) }

// Compare orders by topic, then by partition.
func (p Partition) Compare(q Partition) int {
	return cmp.Or(cmp.Compare(p.Topic, q.Topic), cmp.Compare(p.ID, q.ID))
}

// Position is the place of one record.
type Position struct {
	Partition
	Offset int64
}

// String returns topic/partition@offset, the form of every error and log line.
func (p Position) String() string { return fmt.Sprintf("%s/%d@%d", p.Topic, p.ID, p.Offset) }

// Compare orders by partition, then by offset.
func (p Position) Compare(q Position) int {
	return cmp.Or(p.Partition.Compare(q.Partition), cmp.Compare(p.Offset, q.Offset))
}
