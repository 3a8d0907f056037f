package bridge

import (
	"slices"

	"pushbridge/internal/consume"
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
	made map[string]map[offset.Partition][]carried
	// orphans holds the pushes in doubt whose rules say resend and whose app is no
	// lane's any more: another app is asked, by another push.
	orphans []journal.Attempt
}

func newKnown(state *journal.State) *known {
	k := &known{state: state, made: make(map[string]map[offset.Partition][]carried)}
	for i := range state.Partial {
		p := &state.Partial[i]
		k.add(made{attempt: &p.Attempt, outcome: p.Outcome})
	}
	for i := range state.InDoubt {
		if a := &state.InDoubt[i]; a.OnDoubt == intent.Drop {
			k.add(made{attempt: a, doubt: true})
		}
	}
	return k
}

// adopt gives the pushes in doubt whose rules say resend to the lanes whose apps
// were called.
func (k *known) adopt(lanes []*lane) {
	for _, a := range k.state.InDoubt {
		if a.OnDoubt == intent.Drop {
			continue
		}
		i := slices.IndexFunc(lanes, func(ln *lane) bool { return journal.SameBudget(a.Lane, a.App, ln.Name, ln.App) })
		if i < 0 {
			k.orphans = append(k.orphans, a)
			continue
		}
		lanes[i].frozen = append(lanes[i].frozen, &frozen{attempt: a})
	}
}

// ended says whether the record had its last disposition in an earlier life.
func (k *known) ended(p offset.Position) bool { return k.state.Ended(p) }

// endedUnder says whether the event at p had its disposition under this rule in
// an earlier life, while others of its rules were open.
func (k *known) endedUnder(p offset.Position, rule string) bool { return k.state.EndedUnder(p, rule) }

// doubted corrects how an event ended for which an earlier life made a call that
// may have been carried out, by an app that is asked no more: what was not called
// again in time was pushed, as far as is known. And where only a part of it was
// called for, in doubt, that doubt is the whole event's.
func (k *known) doubted(d *journal.Disposition) {
	if d.Kind != journal.Duplicate {
		d.Doubt = d.Doubt || k.inDoubt(d.Rule, d.Origin.Position)
	}
	for i := range k.orphans {
		a := &k.orphans[i]
		if !slices.ContainsFunc(a.Covers, func(c journal.Cover) bool { return coversIntent(&c, d.Rule, d.Origin.Position) }) {
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

func coversIntent(c *journal.Cover, rule string, p offset.Position) bool {
	return c.Rule == rule && c.Partition == p.Partition && c.Offsets.Contains(p.Offset)
}

// lost forgets that events were seen whose records are gone unended.
func (k *known) lost(loss *consume.Loss) {
	k.state.Seen.Lose(loss.Partition, func(o int64) bool {
		return loss.First <= o && o <= loss.Last && !k.state.EndedAtAll(offset.Position{Partition: loss.Partition, Offset: o})
	})
}
