package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

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

// simulateFlags is what the user of `bridge simulate` chooses.
type simulateFlags struct {
	rules, events, out, output string
	topics                     []string
	from, to, brokers          string
	compare, html              string
	limit                      int
	caps                       []int // of capTexts
	capTexts                   []string
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
		Use:   "simulate --rules FILE {--events FILE | --topic TOPIC}",
		Short: "Play recorded events to the rules and the scheduler in virtual time: how many calls, how late, what expires",
		Long: `Play recorded events to the same mapper and the same scheduler that bridge run
uses, in virtual time. Nothing is sent.

The events are a file of CloudEvents (--events), one structured JSON object a
line, which arrive at their recordedtime attribute, where they have one, else at
their time; or what a Kafka topic holds between two times (--topic, --from, --to),
which arrived at its records' timestamps. Brokers and login come from
BRIDGE_KAFKA_*; the topic is only read.

Every simulated answer is ok and takes as long as --api-latency says. After the
last event time goes on until every intent was pushed or has expired. The same
events, flags and seed give the same bytes.

  --compare FILE  what other rules would change, rule by rule and event by event
  --caps LIST     what each of several quotas costs and misses, and what a call more buys
  --html FILE     one page that needs nothing else: calls, waiting, budget, delays, merges

bridge run keeps BRIDGE_PUSH_MARGIN (100ms) on top of the interval; --interval
1.1s is what it does with its defaults.

What is no event, or what a rule fails on, is dead-lettered as the bridge does;
the first of them are named on standard error, and the exit code is 1.`,
		Example: "  bridge simulate --rules rules.yaml --events day.jsonl\n" +
			"  bridge simulate --rules rules.yaml --events day.jsonl --quota 10 --out log.jsonl -o json\n" +
			"  bridge simulate --rules rules.yaml --topic member.promo --from -24h --html report.html\n" +
			"  bridge simulate --rules rules.yaml --topic member.promo --from -24h --compare candidate.yaml\n" +
			"  bridge simulate --rules rules.yaml --events day.jsonl --caps 50,100,150",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exitError{code: exitUsage, err: fmt.Errorf("%q: name the file of events with --events", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulate(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.rules, "rules", "", "rule file")
	flags.StringVar(&f.events, "events", "", "file of events in the order of their arrival, or - for standard input")
	flags.StringArrayVar(&f.topics, "topic", nil, "topic of events; repeatable")
	flags.StringVar(&f.from, "from", "", "with --topic, from then on: a time as 2026-03-01T20:00:00Z, or how long ago as -2h (default all)")
	flags.StringVar(&f.to, "to", "", "with --topic, before then (default up to the present end)")
	flags.StringVar(&f.brokers, "brokers", "", "with --topic, host:port,… instead of BRIDGE_KAFKA_BROKERS")
	flags.StringVar(&f.compare, "compare", "", "another rule file: say what it would change")
	flags.IntVar(&f.limit, "limit", 20, "with --compare, describe at most so many events; 0: all")
	flags.StringArrayVar(&f.capTexts, "caps", nil, "`LIST` of quotas of the default lane, separated by commas: say what each would come to")
	flags.StringVar(&f.html, "html", "", "file to write a page with plots to; with --compare, of the first rules")
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
	need(cmd, "rules", "name the rule file, as --rules rules.yaml")
	only(cmd, "limit", "compare", "it says how many of the events are described that other rules would change")
	apart(cmd, "events", "topic", "the events come from a file or from topics; leave one of them out")
	apart(cmd, "sort", "topic", "what topics hold is put into the order of its arrival anyway; leave --sort out")
	for _, flag := range []string{"compare", "out", "html", "quota-at"} {
		apart(cmd, "caps", flag, "--caps plays the events once for each quota and prints a row of each; leave one of them out, or run the two one after the other")
	}
	return cmd
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
	case f.events == "" && len(f.topics) == 0:
		return c, errors.New("there are no events to play: name a file with --events, or a topic with --topic")
	case f.interval <= 0:
		return c, fmt.Errorf("interval %v: want more than 0", f.interval)
	case f.settle < 0:
		return c, fmt.Errorf("settle %v: want 0 or more", f.settle)
	case f.limit < 0:
		return c, fmt.Errorf("limit %d: want 0 or more", f.limit)
	case len(f.topics) == 0 && f.from+f.to+f.brokers != "":
		return c, errors.New("from, to and brokers go with --topic")
	case f.runningFor < 0:
		return c, fmt.Errorf("running-for %v: want 0 or more", f.runningFor)
	}
	if f.window != "" {
		if err := checkWord("window", f.window, []string{"24h", "day"}); err != nil {
			return c, err
		}
	}
	if c.Latency, err = parseLatency(f.latency); err != nil {
		return c, err
	}
	if c.Location, err = time.LoadLocation(f.location); err != nil {
		return c, fmt.Errorf("--location %q: there is no such zone; want one like Asia/Shanghai or UTC", f.location)
	}
	for flag, file := range map[string]string{"out": f.out, "html": f.html} {
		if err := checkWritable(flag, file); err != nil {
			return c, err // before hours of events are played for nothing
		}
		for what, read := range map[string]string{"file of events": f.events, "rule file": f.rules, "other rule file": f.compare} {
			if file != "" && sameFile(file, read) {
				return c, fmt.Errorf("%s %q: is the %s, which it would overwrite", flag, file, what)
			}
		}
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
