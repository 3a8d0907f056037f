package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// printBytes is how long a Print is: among a million events two share one by
// chance once in 10^17.
const printBytes = 12

// Print stands for an event's source and id. It is the same in every process, and
// 12 bytes where the texts may be hundreds.
type Print [printBytes]byte

// PrintOf returns the event's print.
func PrintOf(key intent.EventKey) Print {
	var room [256]byte // for most, so that it stays on the stack
	text := room[:0]
	if key.Replay != "" {
		// No event has an empty source, so this is none's print without a replay.
		text = binary.AppendUvarint(append(text, 0), uint64(len(key.Replay)))
		text = append(text, key.Replay...)
	}
	text = binary.AppendUvarint(text, uint64(len(key.Source)))
	text = append(append(text, key.Source...), key.ID...)
	sum := sha256.Sum256(text)
	return Print(sum[:])
}

// Sighting is an event and the first record that carried it.
type Sighting struct {
	Position offset.Position
	Print    Print
}

// Seen is the events that earlier lives took in, by what the journal says: of each
// the first record that carried it. It holds no more than a number of them, the
// latest. The nil Seen knows none.
type Seen struct {
	window     time.Duration
	max        int
	partitions []offset.Partition
	index      map[offset.Partition]int32
	first      map[Print]sight
	order      []Print // as they came, from head on
	head       int

	// Events that come again have room of their own, so that a large replay makes
	// nobody forget what happens now.
	replayTopic string
	replayed    *Seen // nil: there is no such topic
}

// sight is where and when an event was seen. There may be a million.
type sight struct {
	offset    int64
	at        int64 // Unix nanoseconds
	partition int32 // in partitions; gone: its record cannot be read any more
}

// gone is the partition of an event whose record gave its offset to another.
const gone = -1

func newSeen(window time.Duration, limit int) *Seen {
	return &Seen{window: window, max: limit, index: map[offset.Partition]int32{}, first: map[Print]sight{}}
}

// keepApart gives the events of the replays' topic room of their own.
func (s *Seen) keepApart(topic string) {
	if topic != "" {
		s.replayTopic, s.replayed = topic, newSeen(s.window, s.max)
	}
}

// Len returns how many events it knows.
func (s *Seen) Len() int {
	if s == nil {
		return 0
	}
	return len(s.first) + s.replayed.Len()
}

// First returns the first record that carried the event within the window before
// now, and false where there was none. Of a record that is gone, because its topic
// was made anew, it returns the zero Position: the event has ended.
func (s *Seen) First(now time.Time, event Print) (offset.Position, bool) {
	if s == nil {
		return offset.Position{}, false
	}
	at, ok := s.first[event]
	switch {
	case !ok && s.replayed != nil:
		return s.replayed.First(now, event) // the print of an event that comes again is another one
	case !ok || at.at < now.Add(-s.window).UnixNano():
		return offset.Position{}, false
	case at.partition == gone:
		return offset.Position{}, true
	}
	return offset.Position{Partition: s.partitions[at.partition], Offset: at.offset}, true
}

// Lose forgets the events whose first records can no longer be read, and had not
// ended: they may come once more.
func (s *Seen) Lose(p offset.Partition, lost func(offset int64) bool) {
	if s == nil {
		return
	}
	s.replayed.Lose(p, lost)
	index, ok := s.index[p]
	if !ok {
		return
	}
	for event, at := range s.first {
		if at.partition == index && lost(at.offset) {
			delete(s.first, event)
		}
	}
}

// add takes in what the journal says, oldest first. The first record of an event
// stays the first for the window.
func (s *Seen) add(n *sightings) {
	if s.max == 0 {
		return
	}
	p := n.partition()
	if s.replayed != nil && p.Topic == s.replayTopic {
		s.replayed.add(n)
		return
	}
	index, ok := s.index[p]
	if !ok {
		index = int32(len(s.partitions))
		s.index[p] = index
		s.partitions = append(s.partitions, p)
	}
	at, rest := n.At.UnixNano(), n.Prints
	for _, run := range n.Runs.Ranges() {
		for o := run.First; o <= run.Last; o++ {
			old, known := s.first[rest[0]]
			if !known || old.at < at-int64(s.window) {
				s.first[rest[0]] = sight{offset: o, at: at, partition: index}
				s.order = append(s.order, rest[0])
				s.shrink()
			}
			rest = rest[1:]
		}
	}
}

// shrink forgets the oldest beyond the number. A print that was seen again after
// the window stands in order twice, and goes with its first: early, which is safe.
func (s *Seen) shrink() {
	for len(s.first) > s.max {
		delete(s.first, s.order[s.head])
		s.head++
	}
	if s.head > len(s.order)/2 && s.head > 1024 {
		s.order = append(s.order[:0], s.order[s.head:]...)
		s.head = 0
	}
}

// Rewound notes that a partition's offsets mean other records. What had ended
// stays seen, what had not is lost.
func (s *Seen) Rewound(p offset.Partition, ended func(offset int64) bool) {
	if s == nil {
		return
	}
	s.Lose(p, func(o int64) bool { return !ended(o) })
	s.replayed.Rewound(p, ended)
	index, ok := s.index[p]
	if !ok {
		return
	}
	for event, at := range s.first {
		if at.partition == index {
			at.partition = gone
			s.first[event] = at
		}
	}
}
