package offset

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
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

// ParsePosition reads what String writes.
func ParsePosition(text string) (Position, error) {
	place, at, ok := cutLast(text, '@')
	topic, id, ok2 := cutLast(place, '/')
	partition, err := strconv.ParseInt(id, 10, 32)
	offset, err2 := strconv.ParseInt(at, 10, 64)
	if !ok || !ok2 || topic == "" || err != nil || err2 != nil || partition < 0 || offset < 0 {
		return Position{}, fmt.Errorf("position %q: want topic/partition@offset", text)
	}
	return Position{Partition: Partition{Topic: topic, ID: int32(partition)}, Offset: offset}, nil
}

// cutLast cuts around the last of a byte: a topic's name may hold others.
func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Compare orders by partition, then by offset.
func (p Position) Compare(q Position) int {
	return cmp.Or(p.Partition.Compare(q.Partition), cmp.Compare(p.Offset, q.Offset))
}
