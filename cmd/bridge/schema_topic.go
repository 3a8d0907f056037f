package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"pushbridge/internal/config"
	"pushbridge/internal/consume"
)

// readTopic reads a topic's partitions in turn, so that --max leaves none out.
func (r *inferring) readTopic(ctx context.Context) error {
	parts, scanner, done, err := r.parts(ctx)
	if err != nil {
		return err
	}
	defer done()
	var next []func() (*consume.Record, error, bool)
	for _, p := range parts {
		pull, stop := iter.Pull2(scanner.Read(ctx, p))
		defer stop()
		next = append(next, pull)
	}
	for len(next) > 0 {
		open := next[:0]
		for _, pull := range next {
			record, err, ok := pull()
			switch {
			case !ok:
				continue
			case err != nil:
				return fmt.Errorf("read topic %s: %w", r.topic, err)
			}
			if !r.take(record.Position.String(), record.Event, record.Err) {
				return nil
			}
			open = append(open, pull)
		}
		next = open
	}
	return nil
}

// parts returns what of the topic lies between --from and --to.
func (r *inferring) parts(ctx context.Context) ([]consume.Part, *consume.Scanner, func(), error) {
	from, to, err := parseBetween(r.from, r.to, time.Now())
	environ := environWith(r.brokers)
	var cfg config.Kafka
	if err == nil {
		cfg, err = config.LoadKafka(environ)
	}
	if err != nil {
		return nil, nil, nil, exitError{code: exitUsage, err: err}
	}
	transport, err := connect(ctx, cfg, r.stderr)
	if err != nil {
		return nil, nil, nil, err
	}
	scanner := consume.NewScanner(consume.ScanConfig{
		Brokers: cfg.Brokers, Transport: transport, Timeout: cfg.Timeout, Patience: 2 * cfg.Timeout,
		AcceptBareStructured: true, // what the bridge does with them is another question
	})
	parts, err := scanner.Whole(ctx, r.topic)
	for i := 0; err == nil && i < len(parts); i++ {
		end := parts[i]
		if !to.IsZero() {
			end, err = scanner.From(ctx, parts[i], to)
			parts[i].Next = end.First
		}
		if err == nil && !from.IsZero() {
			parts[i], err = scanner.From(ctx, parts[i], from)
		}
	}
	if err != nil {
		transport.CloseIdleConnections()
		return nil, nil, nil, checkTopic(err, r.topic)
	}
	return parts, scanner, transport.CloseIdleConnections, nil
}
