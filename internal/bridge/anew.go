package bridge

import (
	"slices"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

// isMadeAnew says whether the record shows that its topic was deleted and made anew
// while nobody looked: the journal speaks of a record at its offset, or the group
// has forgotten how far it was, which Kafka does when a topic is deleted, and this
// is the log's first; and it is younger than all that were read. Timestamps of one
// log are those that were read then, so this is never said of the same log while
// what was read is in it.
func (l *loop) isMadeAnew(r *consume.Record) bool {
	p := r.Position.Partition
	newest, ok := l.known.state.Newest[p]
	if !ok || !r.Time.After(newest) {
		return false
	}
	return l.known.speaksOf(r.Position) || !l.begun[p] && !l.assigned[p].Committed
}

// madeAnew forgets what is known of a partition's records: its offsets mean others
// now. The journal learns it before it learns anything of the new ones.
func (l *loop) madeAnew(p offset.Partition, why ...any) {
	l.b.cfg.Logger.Warn("topic was made anew: its offsets mean other records than before, and what of those had not ended is gone", append([]any{"partition", p.String()}, why...)...)
	l.known.rewound(p)
	for _, ln := range l.lanes {
		for _, f := range ln.frozen {
			f.without(p)
		}
	}
	l.outbox.notes.madeAnew(p)
	delete(l.outbox.told.owed, p)
}

// speaksOf says whether the journal says anything of the record at p.
func (k *known) speaksOf(p offset.Position) bool {
	if k.state.EndedAtAll(p) {
		return true
	}
	for _, byPartition := range k.made {
		for i := range byPartition[p.Partition] {
			if byPartition[p.Partition][i].offsets.Contains(p.Offset) {
				return true
			}
		}
	}
	for i := range k.state.InDoubt {
		for _, c := range k.state.InDoubt[i].Covers {
			if c.Partition == p.Partition && c.Offsets.Contains(p.Offset) {
				return true
			}
		}
	}
	return false
}

// rewound forgets a partition whose offsets now mean other records.
func (k *known) rewound(p offset.Partition) {
	k.state.Seen.Rewound(p, func(o int64) bool { return k.state.EndedAtAll(offset.Position{Partition: p, Offset: o}) })
	delete(k.state.Disposed, p)
	delete(k.state.Newest, p)
	for _, byPartition := range k.state.ByRule {
		delete(byPartition, p)
	}
	for i := range k.state.Untold {
		delete(k.state.Untold[i].Events, p)
	}
	for _, byPartition := range k.made {
		delete(byPartition, p)
	}
	for _, attempts := range [][]journal.Attempt{k.state.InDoubt, k.orphans} {
		for i := range attempts {
			a := &attempts[i]
			a.Covers = slices.DeleteFunc(slices.Clone(a.Covers), func(c journal.Cover) bool { return c.Partition == p })
		}
	}
}
