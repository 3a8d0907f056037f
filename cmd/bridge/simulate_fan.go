package main

import (
	"errors"
	"iter"
	"sync"

	"pushbridge/internal/simulate"
)

// fanChunk is how many events are handed on at once.
const fanChunk = 1024

// chunk is some events of a stream, and the error that ended it.
type chunk struct {
	arrivals []simulate.Arrival
	err      error
}

// fanOut lets n simulations play one stream at the same time: it is read and decoded
// once, and a few chunks of it are in memory.
func fanOut(events iter.Seq2[simulate.Arrival, error], n int, play func(n int, events iter.Seq2[simulate.Arrival, error]) error) error {
	if n == 1 {
		return play(0, events)
	}
	var group sync.WaitGroup
	errs := make([]error, n)
	feeds := make([]feed, n)
	for i := range feeds {
		feeds[i] = feed{chunks: make(chan chunk, 1), over: make(chan struct{})}
		group.Go(func() {
			defer close(feeds[i].over)
			errs[i] = play(i, feeds[i].arrivals)
		})
	}
	send := func(c chunk) {
		for i := range feeds {
			select {
			case feeds[i].chunks <- c:
			case <-feeds[i].over:
			}
		}
	}
	var next chunk
	for a, err := range events {
		if err != nil {
			next.err = err
			break
		}
		if a.Event != nil {
			a.Event = new(a.Event.Clone()) // it and its data are the reader's
		}
		if next.arrivals = append(next.arrivals, a); len(next.arrivals) == fanChunk {
			send(next)
			next = chunk{}
		}
	}
	send(next)
	for i := range feeds {
		close(feeds[i].chunks)
	}
	group.Wait()
	if next.err != nil {
		return next.err // once, and not by all of them
	}
	return errors.Join(errs...)
}

// feed is the stream of one of several simulations.
type feed struct {
	chunks chan chunk
	over   chan struct{} // closed when its simulation has ended
}

func (f *feed) arrivals(yield func(simulate.Arrival, error) bool) {
	for c := range f.chunks {
		for _, a := range c.arrivals {
			if !yield(a, nil) {
				return
			}
		}
		if c.err != nil {
			yield(simulate.Arrival{}, c.err)
			return
		}
	}
}
