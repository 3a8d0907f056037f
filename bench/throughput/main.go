//go:build unix

// Throughput measures the whole program: what it costs `bridge run` to take a
// topic full of events from Kafka to their recorded ends, beside what it costs to
// only fetch that topic and to only fetch and decode it.
//
// It never measures itself: broker, simulated push API, bridge and peers are
// processes of their own, one measured process runs at a time, and its CPU and
// memory are what the kernel says of it when it has ended, less those of a run of
// the same program that found nothing to do. The figure that travels from machine
// to machine is the ratio to the raw fetch.
//
//	go run ./bench/throughput -events 1000000
//
// The process that was started owns all others and ends them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	events      int
	rounds      int
	binary      bool
	compression string
	bridge      string // program to measure; empty: it is built
	profile     string
	profileFor  time.Duration

	role           string // what this process is; empty: the one that was started
	brokers, topic string
}

// streams are the standard ones.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("throughput", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.events, "events", 100_000, "events in the topic")
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured, by turns")
	flags.BoolVar(&o.binary, "binary", false, "events in binary mode: attributes in headers")
	flags.StringVar(&o.compression, "compression", "none", "of the topic: none, gzip, snappy, lz4 or zstd")
	flags.StringVar(&o.bridge, "bridge", "", "bridge program to measure (default: built from ./cmd/bridge)")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of the first round's bridge to this file (which costs it a few per cent)")
	flags.DurationVar(&o.profileFor, "profile-for", 5*time.Second, "how long to profile; less than the run takes")
	flags.StringVar(&o.role, "role", "", "for itself: host, fetch, decode or count")
	flags.StringVar(&o.brokers, "brokers", "", "for itself: where Kafka is")
	flags.StringVar(&o.topic, "topic", "", "for itself: the topic to read")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.events <= 0 || o.rounds <= 0 || flags.NArg() > 0 {
		return o, errors.New("want flags only, and positive -events and -rounds")
	}
	return o, nil
}

func run(ctx context.Context, args []string, std streams) error {
	o, err := parse(args, std.err)
	if err != nil {
		return err
	}
	switch o.role {
	case "host":
		return host(ctx, o, std.in, std.out)
	case "fetch":
		return fetchAll(ctx, o, std.out)
	case "decode":
		return decodeAll(ctx, o, std.out)
	case "count":
		return countEnds(ctx, o, std.out)
	case "":
		return measure(ctx, o, std.out, std.err)
	}
	return fmt.Errorf("-role %q: want host, fetch, decode or count", o.role)
}

// self returns this program as another process in the role.
func self(ctx context.Context, role string, o options) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the %s: %w", role, err)
	}
	return exec.CommandContext(ctx, path, "-role", role,
		"-events", strconv.Itoa(o.events), "-binary="+strconv.FormatBool(o.binary), "-compression", o.compression,
		"-brokers", o.brokers, "-topic", o.topic), nil
}
