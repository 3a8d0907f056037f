//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/segmentio/kafka-go"

	"pushbridge/internal/devkafka"
	"pushbridge/internal/pushapi/pushsim"
)

// The simulated app.
const (
	sdkAppID   = 1400000000
	identifier = "administrator"
	secretKey  = "a-key-that-opens-nothing-but-the-benchmark"
	users      = 2000
)

const (
	partitions  = 6
	eventsTopic = "events"
	emptyTopic  = "empty" // as many partitions and nothing in them, for idle runs
)

// place is where the host process serves.
type place struct {
	Brokers []string `json:"brokers"`
	PushURL string   `json:"push_url"`
	Bytes   int64    `json:"bytes"` // of all values in the topic
}

// host is the other end of everything that is measured, in a process of its own:
// broker, push API and the filled topic. It says where on stdout and serves until
// stdin ends, so that it never outlives who started it.
func host(ctx context.Context, o options, stdin io.Reader, stdout io.Writer) error {
	broker, err := devkafka.Start(devkafka.Config{Topics: map[string]int32{eventsTopic: partitions, emptyTopic: partitions}})
	if err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	defer broker.Close()
	size, err := fill(ctx, broker.Addrs(), o)
	if err != nil {
		return err
	}
	sim, err := pushsim.New(pushsim.Config{
		Apps:     []pushsim.App{{SDKAppID: sdkAppID, SecretKey: secretKey, Admins: []string{identifier}}},
		Interval: -1, Quota: -1, RequestsPerSecond: -1,
	})
	if err != nil {
		return fmt.Errorf("start the simulated push API: %w", err)
	}
	if err := sim.Populate(1, users); err != nil {
		return fmt.Errorf("start the simulated push API: %w", err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the simulated push API: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, stdin) // only its end matters
	}()
	if err := json.NewEncoder(stdout).Encode(place{Brokers: broker.Addrs(), PushURL: "http://" + lis.Addr().String(), Bytes: size}); err != nil {
		return fmt.Errorf("say where the host serves: %w", err)
	}
	return sim.Run(ctx, lis)
}

// fillBatch is how many events are handed to the writer at once.
const fillBatch = 3000

// fill writes the events and returns the bytes of their values.
func fill(ctx context.Context, brokers []string, o options) (int64, error) {
	var codec kafka.Compression
	if o.compression != "none" {
		if err := codec.UnmarshalText([]byte(o.compression)); err != nil {
			return 0, fmt.Errorf("-compression %q: want none, gzip, snappy, lz4 or zstd", o.compression)
		}
	}
	w := &kafka.Writer{
		Addr: kafka.TCP(brokers...), Topic: eventsTopic, RequiredAcks: kafka.RequireAll, Compression: codec,
		Balancer: &kafka.RoundRobin{}, BatchSize: fillBatch / partitions, BatchTimeout: 5 * time.Millisecond,
	}
	var size int64
	s := newStream()
	batch := make([]kafka.Message, 0, fillBatch)
	for left := o.events; left > 0; left -= len(batch) {
		batch = batch[:0]
		for range min(fillBatch, left) {
			m := message(s.next(), o.binary)
			size += int64(len(m.Value))
			batch = append(batch, m)
		}
		if err := w.WriteMessages(ctx, batch...); err != nil {
			return 0, errors.Join(fmt.Errorf("fill topic %s: %w", eventsTopic, err), w.Close())
		}
	}
	return size, w.Close()
}

// startHost starts this program again as the host and waits until it serves.
func startHost(ctx context.Context, o options) (place, func() error, error) {
	cmd, err := self(ctx, "host", o)
	if err != nil {
		return place{}, nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return place{}, nil, fmt.Errorf("start the host: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return place{}, nil, fmt.Errorf("start the host: %w", err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return place{}, nil, fmt.Errorf("start the host: %w", err)
	}
	stop := func() error {
		in.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("the host ended: %w", err)
		}
		return nil
	}
	var at place
	if err := json.NewDecoder(out).Decode(&at); err != nil {
		return place{}, nil, errors.Join(fmt.Errorf("the host does not say where it serves: %w", err), stop())
	}
	return at, stop, nil
}
