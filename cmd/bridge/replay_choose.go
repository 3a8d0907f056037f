package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
	"pushbridge/internal/replay"
	"pushbridge/internal/results"
)

// chosen is what a selection comes to within its extent.
type chosen struct {
	desk   *replayDesk
	on     *onTopic // what of it is fed
	sel    *selection
	extent extent
	ledger replay.Ledger // of the events that may be selected
	ends   replay.Wanted

	// By disposition: the events that are selected, and of them those with rules to
	// be left out.
	wanted map[offset.Partition]*offset.Set
	not    map[offset.Position][]string
}

// choose reads what became of events, as far as the selection asks for it.
func (d *replayDesk) choose(ctx context.Context, s *selection, x extent) (*chosen, error) {
	c := &chosen{desk: d, sel: s, extent: x, ends: replay.Wanted{Kinds: s.Dispositions, Rule: s.Rule, PushID: s.Push}}
	var keep func(offset.Position) bool
	switch {
	case s.Letters:
		c.ends = replay.Wanted{Kinds: []string{journal.DeadLettered.String()}, Rule: s.Rule}
		of, err := c.letters(ctx)
		if err != nil {
			return nil, err
		}
		keep = within(of)
	case len(s.Dispositions) == 0:
		keep = c.inParts
	default:
		c.ends.From, c.ends.To = x.From, x.To
		maybe, err := c.candidates(ctx)
		if err != nil {
			return nil, err
		}
		keep = within(maybe)
	}
	err := c.told(ctx, func(at offset.Position, t *results.Told) {
		if keep(at) {
			c.ledger.Add(replay.End{Of: at, Rule: t.Rule, Kind: t.Kind.String(), PushID: t.PushID, Decided: t.Decided, Replay: t.ReplayID})
		}
	})
	if err != nil {
		return nil, err
	}
	if len(s.Dispositions) > 0 && !s.Letters {
		c.settle()
	}
	return c, nil
}

func within(sets map[offset.Partition]*offset.Set) func(offset.Position) bool {
	return func(p offset.Position) bool {
		set := sets[p.Partition]
		return set != nil && set.Contains(p.Offset)
	}
}

func (c *chosen) inParts(at offset.Position) bool {
	return slices.ContainsFunc(c.extent.Parts, func(p part) bool {
		return p.Topic == at.Topic && p.Partition == at.ID && p.First <= at.Offset && at.Offset < p.Next
	})
}

// told reads the results as far as the extent goes, with the place of each original.
func (c *chosen) told(ctx context.Context, take func(offset.Position, *results.Told)) error {
	for _, p := range c.extent.Results {
		for r, err := range c.desk.scan.Read(ctx, p.read()) {
			if err != nil {
				return fmt.Errorf("read results: %w", err)
			}
			t, ok, err := results.ParseTold(r.Value, headersOf(r))
			if err != nil || !ok {
				continue // another writer's, or of a push
			}
			at, err := c.desk.original(&t)
			if err != nil {
				continue // a control record of the replays' topic
			}
			take(at, &t)
		}
	}
	return nil
}

// original is where the event came for the first time.
func (d *replayDesk) original(t *results.Told) (offset.Position, error) {
	if t.ReplayOf != "" {
		return offset.ParsePosition(t.ReplayOf)
	}
	if t.Position.Topic == d.cfg.Kafka.ReplayTopic {
		return offset.Position{}, fmt.Errorf("%s: no original", t.Position)
	}
	return t.Position, nil
}

func headersOf(r *consume.Record) []results.Header {
	headers := make([]results.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = results.Header(h)
	}
	return headers
}

// candidates are the events of which some end is of the wanted kind and time. Whether
// it is the latest shows when all that became of them is known.
func (c *chosen) candidates(ctx context.Context) (map[offset.Partition]*offset.Set, error) {
	maybe := make(map[offset.Partition]*offset.Set)
	err := c.told(ctx, func(at offset.Position, t *results.Told) {
		if slices.Contains(c.sel.Dispositions, t.Kind.String()) && !t.Decided.Before(c.extent.From) && t.Decided.Before(c.extent.To) {
			note(maybe, at)
		}
	})
	return maybe, err
}

func note(sets map[offset.Partition]*offset.Set, at offset.Position) {
	if sets[at.Partition] == nil {
		sets[at.Partition] = new(offset.Set)
	}
	sets[at.Partition].Add(at.Offset)
}

// settle fixes which events are selected by how they ended, and where they are read.
func (c *chosen) settle() {
	c.wanted, c.not = make(map[offset.Partition]*offset.Set), make(map[offset.Position][]string)
	for at, not := range c.ledger.Select(c.ends) {
		if len(c.sel.Topics) > 0 && !slices.Contains(c.sel.Topics, at.Topic) {
			continue
		}
		note(c.wanted, at)
		if len(not) > 0 {
			c.not[at] = not
		}
	}
	c.extent.Parts = nil
	for p, set := range c.wanted {
		runs := set.Ranges()
		c.extent.Parts = append(c.extent.Parts, part{p.Topic, p.ID, runs[0].First, runs[len(runs)-1].Last + 1})
	}
	slices.SortFunc(c.extent.Parts, func(a, b part) int { return a.read().Compare(b.read().Partition) })
}

// letters are the originals of the letters.
func (c *chosen) letters(ctx context.Context) (map[offset.Partition]*offset.Set, error) {
	of := make(map[offset.Partition]*offset.Set)
	for _, p := range c.extent.Parts {
		for r, err := range c.desk.scan.Read(ctx, p.read()) {
			if err != nil {
				return nil, fmt.Errorf("read dead letters: %w", err)
			}
			if l := results.ParseLetter(r.Key, r.Value, headersOf(r)); l.Of.Topic != "" {
				note(of, c.desk.letterOf(&l))
			}
		}
	}
	return of, nil
}

// each yields the selected events in the order of their records' times, and counts what
// it passes over. It yields the same ones in the same order whenever it is asked.
func (c *chosen) each(ctx context.Context, passed *passed) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		if len(c.sel.Dispositions) > 0 && !c.sel.Letters {
			for _, set := range c.wanted {
				passed.Gone += int(set.Len())
			}
		}
		seen := make(map[offset.Partition]*offset.Set) // letters of several rules are one event
		for r, err := range c.desk.merged(ctx, c.extent.Parts) {
			if err != nil {
				yield(candidate{}, fmt.Errorf("read events: %w", err))
				return
			}
			next, ok := c.candidate(r, passed)
			if !ok || c.sel.Letters && within(seen)(next.of) {
				continue
			}
			if c.sel.Letters {
				note(seen, next.of)
			}
			if !yield(next, nil) {
				return
			}
		}
	}
}

func (c *chosen) candidate(r *consume.Record, passed *passed) (candidate, bool) {
	switch {
	case c.sel.Letters:
		return c.letter(r, passed)
	case len(c.sel.Dispositions) > 0:
		if !within(c.wanted)(r.Position) {
			return candidate{}, false
		}
		passed.Gone--
	case !c.extent.From.IsZero() && (r.Time.Before(c.extent.From) || !r.Time.Before(c.extent.To)):
		return candidate{}, false
	}
	if !c.sel.filter(r, passed) {
		return candidate{}, false
	}
	return candidate{of: r.Position, record: r, not: c.not[r.Position]}, true
}

// letter is the event in a dead letter that is selected.
func (c *chosen) letter(r *consume.Record, passed *passed) (candidate, bool) {
	l := results.ParseLetter(r.Key, r.Value, headersOf(r))
	if !c.desk.takesLetter(c.sel, &c.extent, r.Position, &l) {
		return candidate{}, false
	}
	if l.Of.Topic == "" {
		passed.Requests++
		return candidate{}, false
	}
	of := c.desk.letterOf(&l)
	not, wanted := c.ledger.Wants(of, c.ends)
	if !wanted {
		passed.Settled++
		return candidate{}, false
	}
	if !c.sel.filter(r, passed) {
		return candidate{}, false
	}
	return candidate{of: of, record: r, not: not}, true
}

// merged yields the records of parts in the order of their times, those of one part in
// their own.
func (d *replayDesk) merged(ctx context.Context, parts []part) iter.Seq2[*consume.Record, error] {
	return func(yield func(*consume.Record, error) bool) {
		type head struct {
			record *consume.Record
			next   func() (*consume.Record, error, bool)
		}
		var heads []head
		for _, p := range parts {
			next, stop := iter.Pull2(d.scan.Read(ctx, p.read()))
			defer stop()
			r, err, ok := next()
			if err != nil {
				yield(nil, err)
				return
			}
			if ok {
				heads = append(heads, head{r, next})
			}
		}
		for len(heads) > 0 {
			first := slices.MinFunc(heads, func(a, b head) int {
				return cmp.Or(a.record.Time.Compare(b.record.Time), a.record.Position.Compare(b.record.Position))
			})
			i := slices.IndexFunc(heads, func(h head) bool { return h.record == first.record })
			if !yield(first.record, nil) {
				return
			}
			r, err, ok := first.next()
			switch {
			case err != nil:
				yield(nil, err)
				return
			case ok:
				heads[i].record = r
			default:
				heads = slices.Delete(heads, i, i+1)
			}
		}
	}
}
