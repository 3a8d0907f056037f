package bridge

import (
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
)

// known is what the journal says of records that Kafka will give again, because
// they lie above the committed offsets.
type known struct {
	state *journal.State
	// made holds, by rule, the events that a call carried whose end the journal
	// lacks, and which must not be pushed again: the API took it, or nobody knows
	// and the rule says drop.
	made map[string]map[offset.Partition][]made
	// again holds the pushes in doubt whose rules say resend.
	again []journal.Attempt
}

// made is what one call of an earlier life carried of one rule and partition.
type made struct {
	attempt *journal.Attempt
	offsets *offset.Set
	part    bool // of these events' audiences only those that the attempt's contains
	doubt   bool
}

func newKnown(state *journal.State) *known {
	k := &known{state: state, made: make(map[string]map[offset.Partition][]made)}
	for i := range state.Partial {
		k.add(&state.Partial[i].Attempt, false)
	}
	for i := range state.InDoubt {
		if state.InDoubt[i].OnDoubt == intent.Drop {
			k.add(&state.InDoubt[i], true)
		} else {
			k.again = append(k.again, state.InDoubt[i])
		}
	}
	return k
}

func (k *known) add(a *journal.Attempt, doubt bool) {
	for _, c := range a.Covers {
		byPartition, ok := k.made[c.Rule]
		if !ok {
			byPartition = make(map[offset.Partition][]made)
			k.made[c.Rule] = byPartition
		}
		byPartition[c.Partition] = append(byPartition[c.Partition], made{attempt: a, offsets: c.Offsets, part: c.Part, doubt: doubt})
	}
}

// ended says whether the record had its last disposition in an earlier life.
func (k *known) ended(p offset.Position) bool { return k.state.Ended(p) }

// endedUnder says whether the event at p had its disposition under this rule in
// an earlier life, while others of its rules were open.
func (k *known) endedUnder(p offset.Position, rule string) bool { return k.state.EndedUnder(p, rule) }

// remaining returns the parts of an intent's audience that no earlier life has
// called for, and the last such call, in doubt if one of them is; nil: there was
// none.
func (k *known) remaining(in intent.Intent) ([]audience.Audience, *made) {
	rest := in.Audiences
	var last *made
	calls := k.made[in.Rule][in.Origin.Position.Partition]
	for i := range calls {
		c := &calls[i]
		if !c.offsets.Contains(in.Origin.Position.Offset) {
			continue
		}
		if !c.part {
			return nil, c
		}
		c = &made{attempt: c.attempt, doubt: c.doubt || last != nil && last.doubt}
		last = c
		rest = slices.DeleteFunc(slices.Clone(rest), c.attempt.Condition.Contains)
	}
	return rest, last
}

// resends returns the identity of the push in doubt that the batch is once more:
// the same request for none but its events. Where others have joined them it is
// another request, which must not have the same number; so is what another app is
// asked for.
func (k *known) resends(ln *Lane, b *limiter.Batch) (identity, bool) {
	for i := range k.again {
		a := &k.again[i]
		if journal.SameBudget(a.Lane, a.App, ln.Name, ln.App) && a.Condition == b.Audience && slices.Equal(a.Messages, b.Messages) &&
			!slices.ContainsFunc(b.Covers, func(c limiter.Cover) bool { return !covers(a, c.Intent) }) {
			a.Number++
			return identity{id: a.ID, random: a.Random, attempts: a.Number}, true
		}
	}
	return identity{}, false
}

// doubted corrects how an event ended for which an earlier life made a call that
// may have been carried out: what was not called again in time was pushed, as far
// as is known.
func (k *known) doubted(d *journal.Disposition) {
	for i := range k.again {
		a := &k.again[i]
		if !holds(a, d.Rule, d.Origin.Position) {
			continue
		}
		switch d.Kind {
		case journal.Expired:
			d.Kind, d.Doubt, d.PushID, d.Why, d.PushedAt = journal.Pushed, true, a.ID, a.Why, a.At
		case journal.Superseded, journal.Rejected:
			d.Doubt = true
		case journal.Pushed, journal.Duplicate, journal.Unmatched, journal.DeadLettered:
		}
	}
}

func covers(a *journal.Attempt, in *intent.Intent) bool {
	return holds(a, in.Rule, in.Origin.Position)
}

func holds(a *journal.Attempt, rule string, p offset.Position) bool {
	return slices.ContainsFunc(a.Covers, func(c journal.Cover) bool {
		return c.Rule == rule && c.Partition == p.Partition && c.Offsets.Contains(p.Offset)
	})
}

// dispositionOfMade says how an intent ended whose last call was made in an
// earlier life.
func dispositionOfMade(in intent.Intent, m *made, now time.Time) journal.Disposition {
	return journal.Disposition{
		Origin: in.Origin, Rule: in.Rule, Lane: in.Policy.Lane, Priority: in.Policy.Priority, Kind: journal.Pushed, At: now, Parts: len(in.Audiences),
		PushID: m.attempt.ID, Why: m.attempt.Why, PushedAt: m.attempt.At, Doubt: m.doubt,
	}
}

// lost forgets that events were seen whose records are gone unended.
func (k *known) lost(loss *consume.Loss) {
	k.state.Seen.Lose(loss.Partition, func(o int64) bool {
		return loss.First <= o && o <= loss.Last && !k.state.EndedAtAll(offset.Position{Partition: loss.Partition, Offset: o})
	})
}
