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
type notes struct {
	seen    []journal.Sighting
	rewound []offset.Partition
	newest  map[offset.Partition]time.Time // latest timestamp read
	noted   map[offset.Partition]time.Time // the same, as the journal surely has it
}

func newNotes() notes {
	return notes{newest: make(map[offset.Partition]time.Time), noted: make(map[offset.Partition]time.Time)}
}

// take takes out what a write shall note. The timestamps stay until a write with
// them is acknowledged: two may be under way, and each must have them before what
// it says of records.
func (n *notes) take() journal.Notes {
	taken := journal.Notes{Seen: n.seen, Rewound: n.rewound}
	n.seen, n.rewound = nil, nil
	for p, at := range n.newest {
		if !at.After(n.noted[p]) {
			continue
		}
		if taken.Newest == nil {
			taken.Newest = make(map[offset.Partition]time.Time)
		}
		taken.Newest[p] = at
	}
	return taken
}

// acknowledged says that the journal has the notes.
func (n *notes) acknowledged(old journal.Notes) {
	for p, at := range old.Newest {
		if at.After(n.noted[p]) {
			n.noted[p] = at
		}
	}
}

// putBack takes in again what the journal may not have.
func (n *notes) putBack(old journal.Notes) { n.seen = slices.Concat(old.Seen, n.seen) }

// madeAnew notes that a partition was made anew.
func (n *notes) madeAnew(p offset.Partition) {
	n.rewound = append(n.rewound, p)
	delete(n.newest, p)
	delete(n.noted, p)
}

// read notes the latest timestamp of a batch.
func (n *notes) read(batch consume.Batch) {
	for i := range batch.Records {
		if t := batch.Records[i].Time; t.After(n.newest[batch.Partition]) {
			n.newest[batch.Partition] = t
		}
	}
}

// unnoted takes the notes out of the outbox for a call, with the first records that
// are being written: that the journal knows them is what keeps a copy of an event,
// read first after a crash, from being pushed beside the call in doubt.
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
	return len(o.notes.rewound) > 0
}

// repeats says whether another record carried the same event within the dedup
// window, in this session or before. Otherwise this one is noted as its first.
func (l *loop) repeats(now time.Time, o *intent.Origin) bool {
	id := journal.PrintOf(o.EventKey())
	first, seen := l.known.state.Seen.First(now, id)
	if seen && first != o.Position && l.counts(first) || l.memory.Repeats(now, o) {
		return true
	}
	if first != o.Position {
		l.outbox.notes.seen = append(l.outbox.notes.seen, journal.Sighting{Position: o.Position, Print: id})
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
