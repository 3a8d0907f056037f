//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// figures are the runs of everything, by turns.
type figures struct {
	fetch, decode, bridge []usage // less their idle runs
	idle                  []usage // of the bridge
	ends                  ends    // of the last run
	at                    place
}

// measure is the process that was started.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "throughput-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.bridge == "" {
		if o.bridge, err = build(ctx, dir); err != nil {
			return err
		}
	}
	rulesFile := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(rulesFile, rules, 0o600); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	at, stop, err := startHost(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	o.brokers = strings.Join(at.Brokers, ",")
	f := figures{at: at}
	for round := 1; round <= o.rounds; round++ {
		fmt.Fprintf(stderr, "round %d of %d\n", round, o.rounds)
		if err := f.round(ctx, o, round, bridgeRun{path: o.bridge, rules: rulesFile, at: at}); err != nil {
			return err
		}
		o.profile = "" // the first round is enough
	}
	return f.print(stdout, o)
}

// round measures each program once, idle and at work.
func (f *figures) round(ctx context.Context, o options, n int, b bridgeRun) error {
	idle, busy := b, b
	idle.topic, idle.name = emptyTopic, fmt.Sprintf("idle-%d", n)
	busy.topic, busy.name, busy.events = eventsTopic, fmt.Sprintf("busy-%d", n), o.events
	busy.profile, busy.profileFor = o.profile, o.profileFor
	nothing, err := idle.do(ctx)
	if err != nil {
		return err
	}
	all, err := busy.do(ctx)
	if err != nil {
		return err
	}
	if f.ends, err = busy.check(ctx, o); err != nil {
		return err
	}
	f.idle = append(f.idle, nothing)
	f.bridge = append(f.bridge, all.less(nothing))
	for role, to := range map[string]*[]usage{"fetch": &f.fetch, "decode": &f.decode} {
		u, err := peer(ctx, role, o, f.at)
		if err != nil {
			return err
		}
		*to = append(*to, u)
	}
	return nil
}

// peer measures a peer, less its idle run.
func peer(ctx context.Context, role string, o options, at place) (usage, error) {
	var both [2]usage
	for i, topic := range []string{emptyTopic, eventsTopic} {
		o.topic = topic
		cmd, err := self(ctx, role, o)
		if err != nil {
			return usage{}, err
		}
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return usage{}, fmt.Errorf("measure %s: %w", role, err)
		}
		var s said
		if err := json.Unmarshal(out, &s); err != nil {
			return usage{}, fmt.Errorf("measure %s: %w", role, err)
		}
		if topic == eventsTopic && (s.Events != int64(o.events) || s.Bytes != at.Bytes) {
			return usage{}, fmt.Errorf("measure %s: it read %d events of %d bytes, want %d of %d", role, s.Events, s.Bytes, o.events, at.Bytes)
		}
		both[i] = usageOf(cmd.ProcessState)
		both[i].wall = s.Last.Sub(s.First)
	}
	return both[1].less(both[0]), nil
}
