package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/mapper"
	"pushbridge/internal/simulate"
)

// What `bridge run` takes where its environment says nothing.
const (
	simulateQuota       = 100
	simulateMaxBytes    = 8000
	simulateDedupWindow = 24 * time.Hour
	simulateDedupMax    = 1_000_000
	simulateMaxPending  = 100_000
)

// simulateGCPercent lets the heap be five times what is in use.
const simulateGCPercent = 400

// simulateFlags is what the user of `bridge simulate` chooses.
type simulateFlags struct {
	rules, events, out, output string
	quotas, quotasAt           []string
	interval, settle           time.Duration
	runningFor                 time.Duration
	window, location, latency  string
	seed                       uint64
	sort                       bool
}

func newSimulateCmd() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate --rules FILE --events FILE",
		Short: "Play recorded events to the rules and the scheduler in virtual time: how many calls, how late, what expires",
		Long: `Play a file of CloudEvents, one structured JSON object a line, to the same mapper
and the same scheduler that bridge run uses, in virtual time. Nothing is sent.

An event arrives at its recordedtime attribute, where it has one, else at its
time. Every simulated answer is ok and takes as long as --api-latency says. After
the last event time goes on until every intent was pushed or has expired. The
same files, flags and seed give the same bytes.

bridge run keeps BRIDGE_PUSH_MARGIN (100ms) on top of the interval; --interval
1.1s is what it does with its defaults.

A line that is no event, or that a rule fails on, is dead-lettered as the bridge
does; the first of them are named on standard error, and the exit code is 1.`,
		Example: "  bridge simulate --rules rules.yaml --events day.jsonl\n" +
			"  bridge simulate --rules rules.yaml --events day.jsonl --quota 10 --out log.jsonl -o json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulate(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.rules, "rules", "", "rule file")
	flags.StringVar(&f.events, "events", "", "file of events in the order of their arrival, or - for standard input")
	flags.BoolVar(&f.sort, "sort", false, "put the events into the order of their arrival first, in memory")
	flags.StringArrayVar(&f.quotas, "quota", nil, "calls in a window, or LANE=CALLS for a lane of the rules; repeatable (default the rules', else 100)")
	flags.StringArrayVar(&f.quotasAt, "quota-at", nil, "another quota from so long after the first event on, as 12h=200 or 12h=LANE=200; repeatable")
	flags.StringVar(&f.window, "window", "", "24h, or day: the calendar day of --location (default the rules')")
	flags.DurationVar(&f.interval, "interval", time.Second, "more than this lies between a response and the next call")
	flags.DurationVar(&f.settle, "settle", 2*time.Second, "how long a critical event may wait for others of the same alert while calls are plenty")
	flags.DurationVar(&f.runningFor, "running-for", 0, "how long bridge run has been running when the first event arrives: it trusts its forecast more the longer it has")
	flags.StringVar(&f.location, "location", "UTC", "zone of --window day, and of the hours in the summary")
	flags.StringVar(&f.latency, "api-latency", "60ms..300ms", "how long an answer takes: a duration, or a range to draw from")
	flags.Uint64Var(&f.seed, "seed", 1, "of what is drawn")
	flags.StringVar(&f.out, "out", "", "file to write every call and every end without a call to, one JSON object a line")
	flags.StringVarP(&f.output, "output", "o", "text", "text or json")
	cobra.CheckErr(cmd.MarkFlagRequired("rules"))
	cobra.CheckErr(cmd.MarkFlagRequired("events"))
	return cmd
}

func runSimulate(cmd *cobra.Command, f simulateFlags) error {
	cfg, err := f.config()
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	if cfg.Rules, err = mapper.Load(f.rules, mapper.Limits{MaxRequestBytes: simulateMaxBytes}); err != nil {
		return err
	}
	for _, w := range cfg.Rules.Warnings() {
		fmt.Fprintln(cmd.ErrOrStderr(), visible(w.Error()))
	}
	if err := f.budgets(&cfg); err != nil {
		return exitError{code: exitUsage, err: err}
	}
	source := eventSource{name: f.events, in: cmd.InOrStdin(), sorted: f.sort}
	if f.events == "-" {
		source.name = "standard input"
	} else {
		file, err := os.Open(f.events)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		defer file.Close() //nolint:errcheck // only read
		source.in = file
	}
	// A batch command trades memory for time: at the default the collector takes a
	// quarter of the run.
	defer debug.SetGCPercent(debug.SetGCPercent(simulateGCPercent))
	report, err := simulateInto(f.out, cfg, source)
	if order, ok := errors.AsType[*simulate.OrderError](err); ok {
		return fmt.Errorf("%s:%d: arrived at %s, and what is before it at %s: put the lines into the order of arrival, or say --sort",
			source.name, order.Line, order.At.Format(time.RFC3339Nano), order.Before.Format(time.RFC3339Nano))
	}
	if err != nil {
		return err
	}
	if err := printReport(cmd.OutOrStdout(), f.output, &report); err != nil {
		return err
	}
	return reportProblems(cmd.ErrOrStderr(), source.name, &report)
}

// config checks the flags.
func (f *simulateFlags) config() (simulate.Config, error) {
	c := simulate.Config{
		Seed: f.seed, Settle: f.settle, MaxRequestBytes: simulateMaxBytes,
		DedupWindow: simulateDedupWindow, DedupMax: simulateDedupMax, MaxPending: simulateMaxPending, Watched: f.runningFor,
	}
	err := checkOutput(f.output)
	switch {
	case err != nil:
		return c, err
	case f.interval <= 0:
		return c, fmt.Errorf("interval %v: want more than 0", f.interval)
	case f.settle < 0:
		return c, fmt.Errorf("settle %v: want 0 or more", f.settle)
	case f.runningFor < 0:
		return c, fmt.Errorf("running-for %v: want 0 or more", f.runningFor)
	case f.window != "" && f.window != "24h" && f.window != "day":
		return c, fmt.Errorf("window %q: want 24h or day", f.window)
	}
	if c.Latency, err = parseLatency(f.latency); err != nil {
		return c, err
	}
	if c.Location, err = time.LoadLocation(f.location); err != nil {
		return c, fmt.Errorf("location %q: want a zone like Asia/Shanghai: %w", f.location, err)
	}
	if f.out != "" && sameFile(f.out, f.events) {
		return c, fmt.Errorf("out %q: is the file of events, which it would overwrite", f.out)
	}
	return c, nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// parseLatency reads "200ms" or "60ms..300ms".
func parseLatency(text string) (simulate.Latency, error) {
	low, high, isRange := strings.Cut(text, "..")
	if !isRange {
		high = low
	}
	least, err := time.ParseDuration(low)
	most, err2 := time.ParseDuration(high)
	if errors.Join(err, err2) != nil || least < 0 || most < least || least%time.Millisecond != 0 || most%time.Millisecond != 0 {
		return simulate.Latency{}, fmt.Errorf("api-latency %q: want whole milliseconds like 200ms, or a range like 60ms..300ms", text)
	}
	return simulate.Latency{Min: least, Max: most}, nil
}

// simulateInto runs the simulation with its log in a file, if one is named.
func simulateInto(out string, cfg simulate.Config, source eventSource) (simulate.Report, error) {
	if out == "" {
		return simulate.Run(cfg, source.arrivals())
	}
	file, err := os.Create(out)
	if err != nil {
		return simulate.Report{}, fmt.Errorf("write log: %w", err)
	}
	cfg.Log = file
	report, err := simulate.Run(cfg, source.arrivals())
	return report, errors.Join(err, file.Close())
}

// reportProblems names what was dead-lettered.
func reportProblems(stderr io.Writer, name string, r *simulate.Report) error {
	if len(r.Problems) == 0 {
		return nil
	}
	for _, p := range r.Problems {
		fmt.Fprintln(stderr, visible(fmt.Sprintf("%s:%d: %v", name, p.Line, p.Err)))
	}
	if more := r.Ends.DeadLettered - len(r.Problems); more > 0 {
		fmt.Fprintf(stderr, "and %d more\n", more)
	}
	return exitError{code: exitFindings}
}
