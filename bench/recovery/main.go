//go:build unix

// Recovery measures a start after a bad day: how long `bridge run` takes until it
// knows all that the journal says of 24 hours and has read again what was not
// committed, and what memory that takes.
//
// It fills topics of a real Kafka: one event that nobody could push keeps the
// commits at the beginning, while thousands of calls carried most of the million
// that follow it. Then it starts the built bridge and waits until it waits for calls
// with exactly the events that are open. No call is made: the quota is spent, and
// the bridge must know that.
//
//	make kafka
//	go run ./bench/recovery
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

// options are the command line.
type options struct {
	brokers string
	events  int // above the committed offsets
	open    int // of them, that have not ended
	calls   int
	memory  string
	bridge  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "recovery:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("recovery", flag.ContinueOnError)
	flags.StringVar(&o.brokers, "brokers", "", "host:port of Kafka (default: where make kafka started one)")
	flags.IntVar(&o.events, "events", 1_000_000, "events above the committed offsets")
	flags.IntVar(&o.open, "open", 10_000, "of them, events that have not ended")
	flags.IntVar(&o.calls, "calls", 10_000, "calls of the last 24 hours, which carried the others")
	flags.StringVar(&o.memory, "memory", "512MiB", "GOMEMLIMIT of the bridge")
	flags.StringVar(&o.bridge, "bridge", "", "bridge program to measure (default: built from ./cmd/bridge)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.brokers == "" {
		address, err := os.ReadFile(filepath.Join(".cache", "kafka", "address"))
		if err != nil {
			return o, fmt.Errorf("%w (make kafka starts a Kafka, or name one with -brokers)", err)
		}
		o.brokers = strings.TrimSpace(string(address))
	}
	if o.open < 1 || o.calls < 1 || o.events < o.open+o.calls || flags.NArg() > 0 {
		return o, errors.New("want flags only, and more events than open ones and calls")
	}
	return o, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "recovery-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.bridge == "" {
		o.bridge = filepath.Join(dir, "bridge")
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", o.bridge, "pushbridge/cmd/bridge")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the bridge: %w\n%s", err, out)
		}
	}
	transport := &kafka.Transport{MetadataTTL: time.Second}
	defer transport.CloseIdleConnections()
	w := &world{
		options: o, name: fmt.Sprintf("recovery-%d", time.Now().UnixNano()), transport: transport,
		client: &kafka.Client{Addr: kafka.TCP(strings.Split(o.brokers, ",")...), Transport: transport, Timeout: time.Minute},
	}
	defer func() { err = errors.Join(err, w.remove(context.WithoutCancel(ctx))) }()
	fmt.Fprintf(os.Stderr, "filling %d events and the journal of %d calls\n", o.events, o.calls)
	if err := w.fill(ctx); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "starting the bridge")
	return w.measure(ctx, dir)
}
