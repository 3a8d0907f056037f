package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"

	"pushbridge/internal/journal"
)

// clock is how far ahead an instance's wall clock is, in nanoseconds. A bubble
// has one clock, and steps of one cannot touch a running process, which measures
// on the monotonic one; so what a wrong clock does is done where instants are
// stored and read back: on the way to the journal and from it.
//
// A nil clock is right.
type clock struct{ ahead atomic.Int64 }

func (c *clock) offset() time.Duration { return time.Duration(c.ahead.Load()) }

// transport returns the way to Kafka of a process with this clock: what it writes to
// the journal has the time that its clock shows.
func (c *clock) transport(t kafka.RoundTripper) kafka.RoundTripper {
	if c == nil {
		return t
	}
	return clockedTransport{t, c}
}

// recall returns the reading of the journal by a process with this clock.
func (c *clock) recall(read func(context.Context, journal.ReadFrom) (*journal.State, error)) func(context.Context, journal.ReadFrom) (*journal.State, error) {
	if c == nil {
		return read
	}
	return func(ctx context.Context, from journal.ReadFrom) (*journal.State, error) {
		ahead := c.offset()
		from.Now = from.Now.Add(ahead)
		state, err := read(ctx, from)
		if err != nil {
			return nil, err
		}
		for i := range state.Calls {
			state.Calls[i].Start = shift(state.Calls[i].Start, -ahead)
			state.Calls[i].End = shift(state.Calls[i].End, -ahead)
		}
		for i, a := range state.InDoubt {
			state.InDoubt[i] = shiftAttempt(a, -ahead)
		}
		for i, p := range state.Partial {
			o := p.Outcome
			o.Started, o.Ended = shift(o.Started, -ahead), shift(o.Ended, -ahead)
			state.Partial[i] = journal.Completed{Attempt: shiftAttempt(p.Attempt, -ahead), Outcome: o}
		}
		return state, nil
	}
}

type clockedTransport struct {
	kafka.RoundTripper
	c *clock
}

func (t clockedTransport) RoundTrip(ctx context.Context, to net.Addr, request kafka.Request) (kafka.Response, error) {
	if p, ok := request.(*produce.Request); ok && t.c.offset() != 0 {
		for i := range p.Topics {
			for j := range p.Topics[i].Partitions {
				set := &p.Topics[i].Partitions[j].RecordSet
				records, err := t.c.stamped(set.Records)
				if err != nil {
					return nil, err
				}
				set.Records = records
			}
		}
	}
	return t.RoundTripper.RoundTrip(ctx, to, request)
}

// stamped returns the journal's records as this clock has them.
func (c *clock) stamped(from protocol.RecordReader) (protocol.RecordReader, error) {
	var records []protocol.Record
	for {
		r, err := from.ReadRecord()
		if errors.Is(err, io.EOF) {
			return protocol.NewRecordReader(records...), nil
		}
		if err != nil {
			return nil, err
		}
		value, err := protocol.ReadAll(r.Value)
		if err != nil {
			return nil, err
		}
		if value, err = c.stamp(value); err != nil {
			return nil, err
		}
		records = append(records, protocol.Record{Time: shift(r.Time, c.offset()), Value: protocol.NewBytes(value)})
	}
}

// stamp shifts the instants of a record that are by the bridge's clock. The rest stays
// byte for byte.
func (c *clock) stamp(value []byte) ([]byte, error) {
	r, err := members(value)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"started", "attempt", "outcome"} {
		if r[name] == nil {
			continue
		}
		if r[name], err = c.stampThing(r[name]); err != nil {
			return nil, err
		}
	}
	if r["dispositions"] != nil {
		var ends []json.RawMessage
		if err := json.Unmarshal(r["dispositions"], &ends); err != nil {
			return nil, err
		}
		for i := range ends {
			if ends[i], err = c.stampThing(ends[i]); err != nil {
				return nil, err
			}
		}
		if r["dispositions"], err = marshal(ends); err != nil {
			return nil, err
		}
	}
	return marshal(r)
}

func (c *clock) stampThing(value []byte) ([]byte, error) {
	thing, err := members(value)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"at", "deadline", "started", "ended"} {
		if thing[name] == nil {
			continue
		}
		var at time.Time
		if err := json.Unmarshal(thing[name], &at); err != nil {
			return nil, err
		}
		if thing[name], err = json.Marshal(at.Add(c.offset())); err != nil {
			return nil, err
		}
	}
	return marshal(thing)
}

func members(value []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	return m, json.Unmarshal(value, &m)
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func shiftAttempt(a journal.Attempt, by time.Duration) journal.Attempt {
	a.At, a.Deadline = shift(a.At, by), shift(a.Deadline, by)
	return a
}

// shift moves an instant, not one that is not there.
func shift(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(by)
}
