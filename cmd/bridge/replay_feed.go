package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
	"pushbridge/internal/replay"
	"pushbridge/internal/results"
)

// tellEvery is how often a replay that goes on says how far it is.
const tellEvery = 10 * time.Second

// errCancelled says that somebody cancelled the replay while it was fed.
var errCancelled = errors.New("the replay was cancelled")

// feeder writes the events of one replay to their topic: those that are not there.
type feeder struct {
	desk   *replayDesk
	on     *onTopic
	sel    *selection
	total  int
	stderr io.Writer

	chunk []kafka.Message
	bytes int
	ofs   []offset.Position
	next  int64 // where the chunk will be, if nobody else writes

	said, told time.Time
}

// feed goes through all that is selected. Ended at any moment and done again, it goes on
// where it was.
func (d *replayDesk) feed(ctx context.Context, c *chosen, stderr io.Writer) error {
	on := c.on
	f := &feeder{desk: d, on: on, sel: c.sel, total: on.begun.Selected, stderr: stderr, next: on.end, said: time.Now()}
	if err := f.tell(ctx, "feeding"); err != nil {
		return err
	}
	var left passed
	for next, err := range c.each(ctx, &left) {
		if err == nil && !on.has(next.of) {
			err = f.add(ctx, &next)
		}
		if err != nil {
			return f.stopped(ctx, err)
		}
	}
	if err := f.flush(ctx); err != nil {
		return f.stopped(ctx, err)
	}
	return f.tell(ctx, "fed")
}

// stopped says how far it came.
func (f *feeder) stopped(ctx context.Context, err error) error {
	if errors.Is(err, errCancelled) {
		_ = f.tell(ctx, "cancelled") // the record that cancels it is what counts
		return err
	}
	return fmt.Errorf("replay %s stopped at %d of %d events; the same command goes on from there: %w", f.on.id, f.on.events, f.total, err)
}

func (f *feeder) add(ctx context.Context, c *candidate) error {
	marked, err := replay.Mark{ID: f.on.id, Of: c.of, Priority: f.sel.priority, Not: c.not, IgnoreExpiry: f.sel.IgnoreExpiry}.On(c.record.Event)
	if err != nil {
		return err
	}
	m, err := messageOf(&marked, c.record.Key)
	if err != nil {
		return fmt.Errorf("event at %s: %w", c.of, err)
	}
	size := len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		size += len(h.Key) + len(h.Value)
	}
	if len(f.chunk) == chunkMessages || len(f.chunk) > 0 && f.bytes+size > chunkBytes {
		if err := f.flush(ctx); err != nil {
			return err
		}
	}
	f.chunk, f.ofs, f.bytes = append(f.chunk, m), append(f.ofs, c.of), f.bytes+size
	return nil
}

// flush writes the chunk, and looks at what others wrote before it: they may have
// cancelled the replay.
func (f *feeder) flush(ctx context.Context) error {
	if len(f.chunk) == 0 {
		return nil
	}
	first, err := f.desk.append(ctx, f.chunk)
	if err != nil {
		if errors.Is(err, kafka.MessageSizeTooLarge) {
			return fmt.Errorf("one of %d events from %s on is larger than the topic takes (raise its max.message.bytes): %w", len(f.ofs), f.ofs[0], err)
		}
		return err
	}
	for _, of := range f.ofs {
		note(f.on.fed, of)
	}
	f.on.events += len(f.ofs)
	behind := consume.Part{Partition: offset.Partition{Topic: f.desk.cfg.Kafka.ReplayTopic}, First: f.next, Next: first}
	f.next = first + int64(len(f.chunk))
	f.chunk, f.ofs, f.bytes = nil, nil, 0
	for r, err := range f.desk.scan.Read(ctx, behind) {
		if err != nil {
			return err
		}
		if r.Err != nil {
			continue
		}
		if says, err := replay.Read(r.Event); err == nil && says.Kind == replay.Cancelled && says.ID == f.on.id {
			return errCancelled
		}
	}
	if now := time.Now(); now.Sub(f.said) >= time.Second {
		f.said = now
		fmt.Fprintf(f.stderr, "%s of %s fed\n", thousands(f.on.events), thousands(f.total))
		if now.Sub(f.told) >= tellEvery {
			return f.tell(ctx, "feeding")
		}
	}
	return nil
}

// tell writes to the results how far the replay is.
func (f *feeder) tell(ctx context.Context, state string) error {
	f.told = time.Now()
	return f.desk.tellProgress(ctx, results.ReplayProgress{
		ID: f.on.id, State: state, Selected: f.total, Fed: f.on.events, At: f.told,
	})
}

// tellProgress writes one event to the results topic.
func (d *replayDesk) tellProgress(ctx context.Context, p results.ReplayProgress) error {
	m, err := results.ReplayMessage(d.format(), p)
	if err != nil {
		return err
	}
	m.Topic = d.cfg.Kafka.ResultsTopic
	if err := d.results.WriteMessages(ctx, m); err != nil {
		return fmt.Errorf("tell progress of replay %s to %s: %w", p.ID, m.Topic, err)
	}
	return nil
}

// begin writes that the replay begins, or finds that it has. What began with another
// selection under the same id is another replay.
func (d *replayDesk) begin(ctx context.Context, on *onTopic, s *selection, b begun) (*onTopic, error) {
	if on.begun != nil {
		return on, on.isOf(s)
	}
	if err := d.appendControl(ctx, replay.TypeBegun, on.id, b); err != nil {
		return nil, err
	}
	// Another may have begun at the same moment: the first record counts.
	again, err := d.replayOn(ctx, on.id)
	if err != nil {
		return nil, err
	}
	if again.begun == nil {
		return nil, fmt.Errorf("replay %s: its first record cannot be read back from %s", on.id, d.cfg.Kafka.ReplayTopic)
	}
	return again, again.isOf(s)
}

// isOf says what is wrong where the replay is another one.
func (o *onTopic) isOf(s *selection) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if slices.Equal(raw, o.begun.Selection) {
		return nil
	}
	// Or its command, as it was printed, in which the times do not move any more.
	var fixed selection
	if err := json.Unmarshal(o.begun.Selection, &fixed); err != nil {
		return fmt.Errorf("replay %s: read its selection on the replays' topic: %w", o.id, err)
	}
	fixed.byOffset = s.byOffset
	fixed.fix(&o.begun.Extent)
	again, err := json.Marshal(&fixed)
	if err != nil {
		return err
	}
	if slices.Equal(raw, again) {
		return nil
	}
	return exitError{code: exitUsage, err: fmt.Errorf("replay %s began at %s with another selection: choose another --id, or type\n  %s --execute", o.id, stamp(o.begunAt), o.begun.Command)}
}
