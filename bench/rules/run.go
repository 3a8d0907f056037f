//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// measured is what one command of the bridge cost.
type measured struct {
	command   string
	events    int // 0: it reads none
	wall, cpu time.Duration
	peak      int64 // bytes of memory held at once
	out       []byte
}

// measure builds the bridge, writes rules and events, lets `bridge check` and `bridge
// simulate` have them, each in a process of its own, and writes what that cost.
func measure(ctx context.Context, w io.Writer, rules, events int) (err error) {
	dir, err := os.MkdirTemp("", "bench-rules-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bridge := filepath.Join(dir, "bridge")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", bridge, "pushbridge/cmd/bridge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the bridge: %w\n%s", err, out)
	}
	rulesFile, eventsFile := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "events.jsonl")
	if err := writeFile(rulesFile, func(w io.Writer) { writeRules(w, rules) }); err != nil {
		return err
	}
	if err := writeFile(eventsFile, func(w io.Writer) { writeEvents(w, rules, events) }); err != nil {
		return err
	}
	check, err := execute(ctx, bridge, "check", rulesFile)
	if err != nil {
		return err
	}
	simulate, err := execute(ctx, bridge, "simulate", "--rules", rulesFile, "--events", eventsFile, "-o", "json")
	if err != nil {
		return err
	}
	// A figure of a run that left events out would be a good one.
	var report struct {
		Events int `json:"events"`
	}
	if err := json.Unmarshal(simulate.out, &report); err != nil {
		return fmt.Errorf("read the report of bridge simulate: %w", err)
	}
	if report.Events != events {
		return fmt.Errorf("bridge simulate reports %d events, want the %d that were written", report.Events, events)
	}
	simulate.events = events
	return table(w, rules, check, simulate)
}

func writeFile(path string, write func(io.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	write(b)
	return errors.Join(b.Flush(), f.Close())
}

// execute runs the bridge and returns what that cost.
func execute(ctx context.Context, bridge string, args ...string) (*measured, error) {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, bridge, args...)
	cmd.Stderr = &stderr
	start := time.Now()
	out, err := cmd.Output()
	m := &measured{command: "bridge " + args[0], wall: time.Since(start), out: out}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", m.command, err, out, stderr.String())
	}
	p := cmd.ProcessState
	m.cpu = p.UserTime() + p.SystemTime()
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		m.peak = r.Maxrss << 10
		if runtime.GOOS == "darwin" {
			m.peak = r.Maxrss // which counts in bytes, where others count in KiB
		}
	}
	return m, nil
}

func table(out io.Writer, rules int, all ...*measured) error {
	fmt.Fprintf(out, "%d rules; %s, %d cores; loading the rules is counted\n\n", rules, runtime.Version(), runtime.NumCPU())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "command\tevents\tseconds\tevents/s\tCPU s\tpeak MB")
	for _, m := range all {
		events, rate := "", ""
		if m.events > 0 {
			events, rate = fmt.Sprint(m.events), fmt.Sprintf("%.0f", float64(m.events)/m.wall.Seconds())
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\t%.2f\t%.0f\n", m.command, events, m.wall.Seconds(), rate, m.cpu.Seconds(), float64(m.peak)/1e6)
	}
	return w.Flush()
}
