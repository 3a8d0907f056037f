package journal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// ErrUnwritable is in the chain of every error of a Log that could not write: no call
// may be made until a write succeeds again.
var ErrUnwritable = errors.New("journal is not writable")

// Config is what a Log and a reading of the topic need.
type Config struct {
	Addr      net.Addr           // the brokers, see kafka.TCP
	Transport kafka.RoundTripper // one for the process
	Topic     string
	// Keep is how long the topic must keep a record at least, beside the Window:
	// as long as an event can wait or be known as a repeat. See Ensure.
	Keep time.Duration
	// Patience is how long a write is tried again where that may help, such as
	// after a leader moved; 0 means 5 s. The context may be shorter.
	Patience time.Duration
}

// partition is the only one of the topic: order over all records is what makes
// recovery simple.
const partition = 0

const defaultPatience = 5 * time.Second

// Log writes the journal. It is safe for concurrent use.
type Log struct {
	client   *kafka.Client
	topic    string
	patience time.Duration
	next     atomic.Int64 // the offset after the last record that was acknowledged
	broker   brokerClock
}

// New returns a Log on the topic, which it does not touch; see Ensure.
func New(cfg Config) (*Log, error) {
	client, err := cfg.client()
	if err != nil {
		return nil, err
	}
	return &Log{client: client, topic: cfg.Topic, patience: cfg.patience()}, nil
}

func (c Config) client() (*kafka.Client, error) {
	if c.Addr == nil || c.Transport == nil || c.Topic == "" || c.Patience < 0 {
		return nil, errors.New("journal: configuration needs Addr, Transport, Topic and a Patience that is not negative")
	}
	return &kafka.Client{Addr: c.Addr, Transport: c.Transport}, nil
}

func (c Config) patience() time.Duration {
	if c.Patience == 0 {
		return defaultPatience
	}
	return c.Patience
}

// Start writes that a session begins, and returns what the clocks show then: from
// where a reading counts how long ago calls were. It may be repeated until it returns
// nil.
func (l *Log) Start(ctx context.Context) (Clocks, error) {
	now := time.Now()
	value, err := encode(record{Started: &started{At: now.UTC()}})
	if err == nil {
		err = l.write(ctx, [][]byte{value})
	}
	if err != nil {
		return Clocks{}, fmt.Errorf("journal start: %w: %w", ErrUnwritable, err)
	}
	clocks := Clocks{Now: time.Now()}
	if last := l.broker.last.Load(); last != nil {
		clocks.Broker = last.broker
	}
	return clocks, nil
}

// Begin writes that the call is about to be made. Only after it has returned nil
// may the call be made. After an error the attempt may be in the topic all the
// same: if the call is given up, say so with End and ClassVoid, or a recovery
// takes it for a call in doubt.
func (l *Log) Begin(ctx context.Context, a Attempt) error {
	records, err := encodeAttempt(&a, l.broker.at(a.At))
	if err == nil {
		err = l.write(ctx, records)
	}
	if err != nil {
		return fmt.Errorf("journal attempt %s.%d: %w: %w", a.ID, a.Number, ErrUnwritable, err)
	}
	return nil
}

// End writes how the attempt ended, and the dispositions that follow from it.
// It may be repeated until it returns nil.
func (l *Log) End(ctx context.Context, o Outcome, ds []Disposition) error {
	records, err := encodeOutcome(&o, l.broker.at(o.Ended), ds)
	if err == nil {
		err = l.write(ctx, records)
	}
	if err != nil {
		return fmt.Errorf("journal outcome of %s.%d: %w: %w", o.ID, o.Number, ErrUnwritable, err)
	}
	return nil
}

// Note writes what must be known again after a restart beside calls and ends. It
// may be repeated until it returns nil; nothing noted is nothing to do.
func (l *Log) Note(ctx context.Context, n Notes) error {
	records, err := encodeNotes(&n, time.Now())
	if err == nil {
		err = l.write(ctx, records)
	}
	if err != nil {
		return fmt.Errorf("journal notes: %w: %w", ErrUnwritable, err)
	}
	return nil
}

// Written returns the offset after the last record of this Log that the topic has
// surely taken; 0: there is none. Whoever has told what he wrote may say so by it:
// see Notes.Told.
func (l *Log) Written() int64 { return l.next.Load() }

// Record writes the dispositions of events that ended without a call, all of
// them in one record. It may be repeated until it returns nil; no disposition
// is nothing to do.
func (l *Log) Record(ctx context.Context, ds []Disposition) error {
	if len(ds) == 0 {
		return nil
	}
	records, err := encodeDispositions(ds)
	if err == nil {
		err = l.write(ctx, records)
	}
	if err != nil {
		return fmt.Errorf("journal %d dispositions: %w: %w", len(ds), ErrUnwritable, err)
	}
	return nil
}
