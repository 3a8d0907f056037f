package bridge

import (
	"slices"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

// notes is what the journal must know before it learns how events ended, and before
// a call is made: it goes with the next write of either.
type notes struct{ journal.Notes }

// take empties the notes and returns what was in them.
func (n *notes) take() journal.Notes {
	taken := n.Notes
	n.Notes = journal.Notes{}
	return taken
}

// putBack takes in again what could not be written, or may not have been.
func (n *notes) putBack(old journal.Notes) {
	n.Seen = slices.Concat(old.Seen, n.Seen)
	for p, at := range old.Newest {
		n.readUpTo(p, at)
	}
}

// rewound notes that a partition was made anew.
func (n *notes) rewound(p offset.Partition) {
	n.Rewound = append(n.Rewound, p)
	delete(n.Newest, p)
}

func (n *notes) readUpTo(p offset.Partition, at time.Time) {
	if n.Newest == nil {
		n.Newest = make(map[offset.Partition]time.Time)
	}
	if at.After(n.Newest[p]) {
		n.Newest[p] = at
	}
}

// newest notes the latest timestamp of a batch.
func (n *notes) newest(batch consume.Batch) {
	var at time.Time
	for i := range batch.Records {
		if t := batch.Records[i].Time; t.After(at) {
			at = t
		}
	}
	if !at.IsZero() {
		n.readUpTo(batch.Partition, at)
	}
}

// unnoted takes the notes out of the outbox for a call, with those that are being
// written: that the journal knows an event's first record is what keeps a copy of
// it, read first after a crash, from being pushed beside the call in doubt.
func (l *loop) unnoted() journal.Notes {
	n := l.outbox.notes.take()
	for _, job := range []*recordJob{l.recording, l.outbox.failed} {
		if job != nil {
			n.Seen = slices.Concat(job.notes.Seen, n.Seen)
		}
	}
	return n
}

// rewinds says whether the journal has yet to learn that a partition was made anew:
// until then what it is told of the new records would be lost with the old.
func (o *outbox) rewinds(recording *recordJob) bool {
	for _, job := range []*recordJob{recording, o.failed} {
		if job != nil && len(job.notes.Rewound) > 0 {
			return true
		}
	}
	return len(o.notes.Rewound) > 0
}

// repeats says whether another record carried the same event within the dedup
// window, in this session or before. Otherwise this one is noted as its first.
func (l *loop) repeats(now time.Time, o *intent.Origin) bool {
	print := journal.PrintOf(o.EventKey())
	first, seen := l.known.state.Seen.First(now, print)
	if seen && first != o.Position && l.counts(first) || l.memory.Repeats(now, o) {
		return true
	}
	if first != o.Position {
		l.outbox.notes.Seen = append(l.outbox.notes.Seen, journal.Sighting{Position: o.Position, Print: print})
	}
	return false
}

// counts says whether the event's first record has ended or is read again, so that
// a copy of it may end as its repeat.
func (l *loop) counts(first offset.Position) bool {
	a, assigned := l.assigned[first.Partition]
	switch {
	case first == (offset.Position{}): // gone, and it had ended
		return true
	case assigned && (a.Committed || first.Offset >= a.Start):
		return true
	}
	// Nobody reads its partition any more, or it went before the first commit.
	return l.known.state.EndedAtAll(first)
}
