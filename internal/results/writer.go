package results

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/journal"
)

// ErrUnwritable is in the chain of every error of a Writer that is Kafka's: no
// call may be made until a write succeeds again.
var ErrUnwritable = errors.New("results are not writable")

// Config is what a Writer needs.
type Config struct {
	Addr       net.Addr           // the brokers, see kafka.TCP
	Transport  kafka.RoundTripper // one for the process
	Topic      string             // results
	DLQTopic   string             // dead letters
	Format     Format
	Registerer prometheus.Registerer // nil: metrics are not shown
	// Patience is how long a write is tried again where that may help; 0 means
	// 5 s. The context may be shorter.
	Patience time.Duration
	// Linger is how long what does not fill a batch waits; 0 means 5 ms, kafka-go's
	// own choice is 1 s.
	Linger time.Duration
}

const (
	defaultPatience = 5 * time.Second
	firstPause      = 100 * time.Millisecond
	lastPause       = time.Second

	// chunk is how many messages are handed to Kafka at once: enough to fill
	// batches on several partitions, at some 700 bytes each 1.4 MB of memory.
	chunk         = 2000
	defaultLinger = 5 * time.Millisecond
	// Below the brokers' default limit of 1048588, which counts the batch's own
	// bytes too.
	batchBytes = 1_000_000
)

// Writer tells. It is safe for concurrent use.
type Writer struct {
	kafka    *kafka.Writer
	topic    string
	dlq      string
	encoder  *encoder
	patience time.Duration
	letters  *prometheus.CounterVec
	buffers  sync.Pool // of []byte, each with room for a chunk
}

// New returns a Writer, which has written nothing yet. Close it.
func New(cfg Config) (*Writer, error) {
	if cfg.Addr == nil || cfg.Transport == nil || cfg.Topic == "" || cfg.DLQTopic == "" || cfg.Patience < 0 || cfg.Linger < 0 {
		return nil, errors.New("results: configuration needs Addr, Transport, Topic, DLQTopic and a Patience and Linger that are not negative")
	}
	if err := cfg.Format.check(); err != nil {
		return nil, err
	}
	w := &Writer{
		kafka: &kafka.Writer{
			Addr: cfg.Addr, Transport: cfg.Transport,
			Balancer:     kafka.Murmur2Balancer{}, // as Java's producers: equal keys share a partition number
			RequiredAcks: kafka.RequireAll,
			MaxAttempts:  1, // send tries again itself, and only what failed
			BatchSize:    chunk, BatchBytes: batchBytes, BatchTimeout: cmp.Or(cfg.Linger, defaultLinger),
			ReadTimeout: defaultPatience, WriteTimeout: defaultPatience,
		},
		topic: cfg.Topic, dlq: cfg.DLQTopic, encoder: newEncoder(cfg.Format), patience: cfg.Patience,
		letters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_dlq_total",
			Help: "Records and push requests written to the dead-letter topic.",
		}, []string{"reason"}),
	}
	if w.patience == 0 {
		w.patience = defaultPatience
	}
	for _, r := range Reasons {
		w.letters.WithLabelValues(r.String())
	}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(w.letters); err != nil {
			return nil, fmt.Errorf("results: register metrics: %w", err)
		}
	}
	return w, nil
}

// Close waits for writes that are under way, and ends the goroutines behind them.
func (w *Writer) Close() error { return w.kafka.Close() }

// Tell writes how events ended. After an error some of them may have been
// written: tell them again, readers know repeats by their id.
func (w *Writer) Tell(ctx context.Context, ds []journal.Disposition) error {
	buf, _ := w.buffers.Get().([]byte) // nil at first
	for len(ds) > 0 {
		n := min(chunk, len(ds))
		msgs := make([]kafka.Message, n)
		buf = buf[:0]
		for i := range ds[:n] {
			msgs[i], buf = w.encoder.eventDisposed(buf, &ds[i])
			msgs[i].Topic = w.topic
		}
		// The buffer is used again: send returns early only with an error, and then
		// it may still be read.
		if err := w.send(ctx, msgs); err != nil {
			return fmt.Errorf("tell %d events' ends to %s: %w", len(ds), w.topic, err)
		}
		ds = ds[n:]
	}
	w.buffers.Put(buf) //nolint:staticcheck // a header of 24 bytes for the encoding of 2000 events
	return nil
}

// TellPush writes how a call ended, with the promise of Tell.
func (w *Writer) TellPush(ctx context.Context, c journal.Completed) error {
	m, _, err := w.encoder.eventCompleted(nil, &c)
	if err != nil {
		return err
	}
	m.Topic = w.topic
	if err := w.send(ctx, []kafka.Message{m}); err != nil {
		return fmt.Errorf("tell outcome of %s.%d to %s: %w", c.Attempt.ID, c.Attempt.Number, w.topic, err)
	}
	return nil
}

// Bury writes records to the dead-letter topic. Their dispositions may be
// journaled only after it has returned nil: until then Kafka's copy is the only
// one.
func (w *Writer) Bury(ctx context.Context, letters []DeadLetter) error {
	for len(letters) > 0 {
		n := min(chunk, len(letters))
		msgs := make([]kafka.Message, n)
		for i := range letters[:n] {
			msgs[i] = fit(letters[i].message(), batchBytes)
			msgs[i].Topic = w.dlq
		}
		if err := w.send(ctx, msgs); err != nil {
			return fmt.Errorf("write %d dead letters to %s, first %v: %w", len(letters), w.dlq, letters[0].Position, err)
		}
		for i := range letters[:n] {
			w.letters.WithLabelValues(letters[i].Reason.String()).Inc()
		}
		letters = letters[n:]
	}
	return nil
}

// BuryPush writes a refused push to the dead-letter topic.
func (w *Writer) BuryPush(ctx context.Context, p RefusedPush) error {
	m := fit(p.message(), batchBytes)
	m.Topic = w.dlq
	if err := w.send(ctx, []kafka.Message{m}); err != nil {
		return fmt.Errorf("write refused push %s to %s: %w", p.PushID, w.dlq, err)
	}
	w.letters.WithLabelValues(Refused.String()).Inc()
	return nil
}

// send writes the messages, those that failed again, until all are acknowledged,
// the patience is over or no repetition can help.
func (w *Writer) send(ctx context.Context, msgs []kafka.Message) error {
	start := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := w.kafka.WriteMessages(ctx, msgs...)
		if err == nil {
			return nil
		}
		// errors.Is does not look into WriteErrors, and what was written already
		// must not be written again with every try.
		if each, ok := errors.AsType[kafka.WriteErrors](err); ok {
			var failed []kafka.Message
			for i, e := range each {
				if e != nil {
					failed, err = append(failed, msgs[i]), e
				}
			}
			msgs = failed
		}
		if ctx.Err() != nil || !heals(err) || time.Since(start)+pause > w.patience {
			return fmt.Errorf("%w: %w", ErrUnwritable, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", ErrUnwritable, err)
		case <-timer.C:
		}
	}
}

// heals says whether the same write may succeed later: what the protocol calls
// retriable, and everything that is no answer of a broker.
func heals(err error) bool {
	if code, ok := errors.AsType[kafka.Error](err); ok {
		return code.Temporary()
	}
	_, tooLarge := errors.AsType[kafka.MessageTooLargeError](err)
	return !tooLarge
}
