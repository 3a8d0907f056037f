package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"pushbridge/internal/config"
	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
	"pushbridge/internal/simulate"
)

// topicRecords are the records of topics between two times, in the order in which
// they reached Kafka.
type topicRecords struct {
	scan     *consume.Scanner
	parts    []consume.Part
	from, to time.Time // to is zero: up to the present end
	places   []offset.Position
}

// openTopics finds what lies between --from and --to.
func (f *simulateFlags) openTopics(ctx context.Context, stderr io.Writer, now time.Time) (recorded, error) {
	t := &topicRecords{}
	var err error
	if t.from, t.to, err = parseBetween(f.from, f.to, now); err != nil {
		return recorded{}, exitError{code: exitUsage, err: err}
	}
	environ := environWith(f.brokers)
	cfg, err := config.LoadKafka(environ)
	maxBytes, bare, err2 := config.LoadDecoding(environ)
	if err := errors.Join(err, err2); err != nil {
		return recorded{}, exitError{code: exitUsage, err: err}
	}
	transport, err := connect(ctx, cfg, stderr)
	if err != nil {
		return recorded{}, err
	}
	r := recorded{arrivals: t.arrivals(ctx), place: t.place, name: "topic " + inWords(f.topics, "and"), close: transport.CloseIdleConnections}
	t.scan = consume.NewScanner(consume.ScanConfig{
		Brokers: cfg.Brokers, Transport: transport, Timeout: cfg.Timeout, MaxEventBytes: maxBytes, AcceptBareStructured: bare,
	})
	if err := t.find(ctx, f.topics); err != nil {
		r.close()
		return recorded{}, err
	}
	return r, nil
}

// find looks for the offsets between the two times.
func (t *topicRecords) find(ctx context.Context, topics []string) error {
	for _, topic := range topics {
		whole, err := t.scan.Whole(ctx, topic)
		if err != nil {
			return checkTopic(err, topic)
		}
		for _, p := range whole {
			if !t.from.IsZero() {
				if p, err = t.scan.From(ctx, p, t.from); err != nil {
					return err
				}
			}
			t.parts = append(t.parts, p)
		}
	}
	return nil
}

// place is where an arrival stands in Kafka.
func (t *topicRecords) place(line int64) string { return t.places[line-1].String() }

// arrivals merges the partitions by their records' timestamps. Within one, a record
// whose timestamp is behind that of the record before it arrived when that did: the
// log has them in the order in which they came.
func (t *topicRecords) arrivals(ctx context.Context) iter.Seq2[simulate.Arrival, error] {
	return func(yield func(simulate.Arrival, error) bool) {
		var heads []*topicHead
		for _, p := range t.parts {
			h := &topicHead{}
			h.next, h.stop = iter.Pull2(t.between(ctx, p))
			defer h.stop()
			if h.advance() {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			first := slices.MinFunc(heads, func(a, b *topicHead) int { return a.at.Compare(b.at) })
			if first.err != nil {
				yield(simulate.Arrival{}, first.err)
				return
			}
			t.places = append(t.places, first.record.Position)
			a := simulate.Arrival{Line: int64(len(t.places)), At: first.at, Event: first.record.Event, Err: withoutPlace(first.record.Err)}
			if !yield(a, nil) {
				return
			}
			if !first.advance() {
				heads = slices.DeleteFunc(heads, func(h *topicHead) bool { return h == first })
			}
		}
	}
}

// withoutPlace is what is wrong with a record, for who says where it is.
func withoutPlace(err error) error {
	if bad, ok := errors.AsType[*consume.DecodeError](err); ok {
		return &consume.DecodeError{Class: bad.Class, Err: bad.Err}
	}
	return err
}

// between are the records of a partition that arrived between the two times. The
// first that is not older than --to ends them, as --from begins with the first that
// is not older than that.
func (t *topicRecords) between(ctx context.Context, p consume.Part) iter.Seq2[*consume.Record, error] {
	return func(yield func(*consume.Record, error) bool) {
		for r, err := range t.scan.Read(ctx, p) {
			if err == nil && !t.to.IsZero() && !r.Time.Before(t.to) {
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// topicHead is the next record of one partition.
type topicHead struct {
	next   func() (*consume.Record, error, bool)
	stop   func()
	record *consume.Record
	err    error
	at     time.Time // of arrival
}

func (h *topicHead) advance() bool {
	r, err, ok := h.next()
	if !ok {
		return false
	}
	h.record, h.err = r, err
	if err == nil && r.Time.After(h.at) {
		h.at = r.Time
	}
	return true
}
