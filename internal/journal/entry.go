package journal

import (
	"context"
	"time"

	"pushbridge/internal/offset"
)

// Entry is one record of the journal, to be shown.
type Entry struct {
	Offset int64
	At     time.Time // when it was written
	Value  []byte    // as it stands in the topic
	Err    error     // why this bridge cannot read it; the rest is empty then

	Started time.Time // of a session, by its writer's clock; zero: the record is no start
	Attempt *Attempt
	Covers  int64 // events of the attempt that follows, which do not fit into its own record
	Outcome *Outcome
	Ended   []End
	Notes   Notes
}

// Walk calls visit for each record that was written since then, up to the journal's
// present end, in order; the zero since is the beginning. Unlike Read it goes on
// behind what it cannot read. It ends early with visit's error.
func Walk(ctx context.Context, cfg Config, since time.Time, visit func(Entry) error) error {
	client, err := cfg.client()
	if err != nil {
		return err
	}
	if since.IsZero() {
		since = time.UnixMilli(0)
	}
	r := reader{client: client, topic: cfg.Topic, patience: cfg.patience(), take: func(at int64, written time.Time, value []byte) error {
		return visit(entryOf(at, written, value))
	}}
	return r.run(ctx, since)
}

func entryOf(at int64, written time.Time, value []byte) Entry {
	e := Entry{Offset: at, At: written, Value: value}
	r, err := parse(value)
	if err != nil {
		e.Err = err
		return e
	}
	if r.Started != nil {
		e.Started = r.Started.At
	}
	if r.Attempt != nil {
		a, err := r.Attempt.toAttempt(r.Attempt.Covers)
		if err != nil {
			e.Err = err
			return e
		}
		a.Approvals = r.Approvals
		e.Attempt = &a
	}
	if r.Covers != nil {
		for i := range r.Covers.Covers {
			e.Covers += r.Covers.Covers[i].Events.Runs.Len()
		}
	}
	if r.Outcome != nil {
		o := r.Outcome.toOutcome()
		e.Outcome = &o
	}
	for i := range r.Dispositions {
		end, err := r.Dispositions[i].toEnd(time.Time{})
		if err != nil {
			e.Err = err
			return e
		}
		e.Ended = append(e.Ended, end)
	}
	e.Notes = r.notes()
	return e
}

// notes returns what the record says beside calls and ends.
func (r *record) notes() Notes {
	n := Notes{Told: r.Told, Approvals: r.Approvals}
	if r.Fenced != nil {
		n.Fenced = r.Fenced.Name
	}
	for _, p := range r.Rewound {
		n.Rewound = append(n.Rewound, p.partition())
	}
	for _, p := range r.Read {
		if n.Newest == nil {
			n.Newest = make(map[offset.Partition]time.Time)
		}
		n.Newest[p.partition()] = time.UnixMilli(p.At)
	}
	for i := range r.Seen {
		s := &r.Seen[i]
		rest := s.Prints
		for _, run := range s.Runs.Ranges() {
			for o := run.First; o <= run.Last && len(rest) > 0; o++ {
				n.Seen = append(n.Seen, Sighting{Position: offset.Position{Partition: s.partition(), Offset: o}, Print: rest[0]})
				rest = rest[1:]
			}
		}
	}
	return n
}
