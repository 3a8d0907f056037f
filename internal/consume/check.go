package consume

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// CheckConfig is what Check looks at.
type CheckConfig struct {
	Brokers   []string
	Transport *kafka.Transport
	Dialer    *kafka.Dialer

	Inputs  []string // must exist, not compacted
	Outputs []string // results and dead letters; the journal looks after its own
	Replays string   // read and written; of one partition where it is created; empty: none
	Create  bool     // create outputs and Replays where they are missing

	Timeout time.Duration // of each step; 0: 5 s
	Logger  *slog.Logger
}

// Check says within seconds what keeps the bridge from working with this Kafka:
// brokers that do not answer, certificates, credentials, topics. Its errors name
// the variable to mend. It creates missing topics where it may.
//
// kafka-go itself would try for ever and say nothing.
func Check(ctx context.Context, cfg CheckConfig) error {
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if err := reach(ctx, cfg); err != nil {
		return err
	}
	c := topicCheck{CheckConfig: cfg, client: newClient(cfg.Brokers, cfg.Transport, cfg.Timeout)}
	return c.run(ctx)
}

// reach asks every broker for something, with login and all, and is content
// with one answer.
func reach(ctx context.Context, cfg CheckConfig) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	problems := make([]error, len(cfg.Brokers))
	var asking sync.WaitGroup
	for i, broker := range cfg.Brokers {
		asking.Go(func() {
			if err := ask(ctx, cfg.Dialer, broker); err != nil {
				what, do := unreachable(err, cfg)
				problems[i] = &UnreachableError{Broker: broker, What: what, Do: do, Err: err}
			}
		})
	}
	asking.Wait()
	for _, err := range problems {
		if err == nil {
			return nil
		}
	}
	return errors.Join(problems...)
}

func ask(ctx context.Context, dialer *kafka.Dialer, broker string) error {
	conn, err := dialer.DialContext(ctx, "tcp", broker)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only asked, nothing is lost with it
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	// The first request that a broker answers only to who is logged in.
	_, err = conn.Brokers()
	return err
}
