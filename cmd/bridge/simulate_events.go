package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"pushbridge/internal/consume"
	"pushbridge/internal/simulate"
)

// recordedTime is the CloudEvents extension that says when the broker took the
// event.
const recordedTime = "recordedtime"

// eventSource is a file of events, one a line.
type eventSource struct {
	name   string
	in     io.Reader
	sorted bool // by arrival, before the first is used
}

// arrivals reads the events. What cannot be placed in time ends it: a simulation
// that guessed would be of another day.
func (s eventSource) arrivals() iter.Seq2[simulate.Arrival, error] {
	if !s.sorted {
		return s.inOrder
	}
	return func(yield func(simulate.Arrival, error) bool) {
		all, err := s.all()
		if err != nil {
			yield(simulate.Arrival{}, err)
			return
		}
		slices.SortStableFunc(all, func(a, b simulate.Arrival) int { return a.At.Compare(b.At) })
		for _, a := range all {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// all reads everything. What is no event stays behind the line before it.
func (s eventSource) all() ([]simulate.Arrival, error) {
	var all []simulate.Arrival
	for a, err := range s.inOrder {
		if err != nil {
			return nil, err
		}
		if a.Event != nil {
			a.Event = new(a.Event.Clone()) // it and its data are the reader's
		} else if len(all) > 0 {
			a.At = all[len(all)-1].At
		}
		all = append(all, a)
	}
	return all, nil
}

func (s eventSource) inOrder(yield func(simulate.Arrival, error) bool) {
	r := bufio.NewReaderSize(s.in, 1<<16)
	var long []byte // a line that is longer than the reader's buffer
	var parser consume.Parser
	for n := int64(1); ; n++ {
		line, readErr := r.ReadSlice('\n')
		for long = long[:0]; errors.Is(readErr, bufio.ErrBufferFull); line, readErr = r.ReadSlice('\n') {
			long = append(long, line...)
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			yield(simulate.Arrival{}, fmt.Errorf("read %s: %w", s.name, readErr))
			return
		}
		whole := line
		if line = bytes.TrimSpace(line); len(line) > 0 {
			a, err := arrivalOf(&parser, n, line)
			if a.Err != nil {
				a.Err = inLine(whole, a.Err)
			}
			if err != nil {
				yield(simulate.Arrival{}, fmt.Errorf("%s:%d: %w", s.name, n, err))
				return
			}
			if !yield(a, nil) {
				return
			}
		}
		if readErr != nil {
			return
		}
	}
}

// arrivalOf decodes a line. The event is the parser's, its data a part of the line.
func arrivalOf(parser *consume.Parser, n int64, line []byte) (simulate.Arrival, error) {
	a := simulate.Arrival{Line: n}
	if a.Event, a.Err = parser.Parse(line); a.Err != nil {
		return a, nil
	}
	var err error
	a.At, err = arrivedAt(a.Event)
	return a, err
}

func arrivedAt(e *event.Event) (time.Time, error) {
	// Event.Extensions would copy the map. Decoded events are of version 1.
	c, isV1 := e.Context.(*event.EventContextV1)
	if !isV1 {
		c = e.Context.AsV1()
	}
	if v, ok := c.Extensions[recordedTime]; ok {
		at, err := types.ToTime(v)
		if err != nil {
			return at, fmt.Errorf("%s %v: want a time like 2026-03-01T09:00:00Z", recordedTime, v)
		}
		return at, nil
	}
	if at := e.Time(); !at.IsZero() {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("neither %s nor time says when the event arrived: add one of them", recordedTime)
}
