package bridge

import (
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

// known is what the journal says of records that Kafka will give again, because
// they lie above the committed offsets.
type known struct {
	state *journal.State
	// made holds, by rule, the events that a call carried whose end the journal
	// lacks, and which must not be pushed again: the API took it, or nobody knows
	// and the rule says drop.
	made map[string]map[offset.Partition]*madeSet
}

type madeSet struct {
	attempts []*journal.Attempt
	offsets  []*offset.Set
}

func newKnown(state *journal.State) *known {
	k := &known{state: state, made: make(map[string]map[offset.Partition]*madeSet)}
	for i := range state.Partial {
		k.add(&state.Partial[i])
	}
	for i := range state.InDoubt {
		if state.InDoubt[i].OnDoubt == intent.Drop {
			k.add(&state.InDoubt[i])
		}
	}
	return k
}

func (k *known) add(a *journal.Attempt) {
	for _, c := range a.Covers {
		// A part of an event's audience does not end it: pushing all parts again is
		// the only way to reach the others.
		if c.Part {
			continue
		}
		byPartition, ok := k.made[c.Rule]
		if !ok {
			byPartition = make(map[offset.Partition]*madeSet)
			k.made[c.Rule] = byPartition
		}
		set, ok := byPartition[c.Partition]
		if !ok {
			set = &madeSet{}
			byPartition[c.Partition] = set
		}
		set.attempts = append(set.attempts, a)
		set.offsets = append(set.offsets, c.Offsets)
	}
}

// ended says whether the record had its last disposition in an earlier life.
func (k *known) ended(p offset.Position) bool { return k.state.Ended(p) }

// settled returns the disposition of an intent that an earlier life has ended or
// has called for, and false for one that is open.
func (k *known) settled(in intent.Intent, now time.Time) (journal.Disposition, bool) {
	d := journal.Disposition{Origin: in.Origin, Rule: in.Rule, Kind: journal.Pushed, At: now}
	if k.state.EndedUnder(in.Origin.Position, in.Rule) {
		return d, true
	}
	set, ok := k.made[in.Rule][in.Origin.Position.Partition]
	if !ok {
		return d, false
	}
	for i, offsets := range set.offsets {
		if offsets.Contains(in.Origin.Position.Offset) {
			a := set.attempts[i]
			d.PushID, d.Why, d.PushedAt, d.Doubt = a.ID, a.Why, a.At, true
			return d, true
		}
	}
	return d, false
}

// rewound forgets a partition whose offsets now mean other records.
func (k *known) rewound(p offset.Partition) {
	delete(k.state.Disposed, p)
	for _, byPartition := range k.state.ByRule {
		delete(byPartition, p)
	}
	for _, byPartition := range k.made {
		delete(byPartition, p)
	}
}
