// Coalesce compares ways to spend a scarce budget of calls: the bridge's own
// scheduler beside first in first out, fixed windows, groups as Alertmanager makes
// them, earliest deadlines and a plain price, on days that a seed makes.
//
// It never calls an API and asks no clock: all time is virtual, and the same
// command prints the same table. Policies are judged by their push logs alone, by
// code that shares nothing with what made them but the mapper.
//
//	gen ──► trace ──► mapper ──► policy ──► push log ──► judge ──► table
//
//	go run ./bench/coalesce table -seeds 1,2,3
//
// The process owns everything; it ends with the table.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"pushbridge/internal/mapper"
)

//go:embed rules.yaml
var benchRules []byte

const usage = `usage: coalesce COMMAND [flags]
  gen    write a regime's trace: CloudEvents, one a line
  run    write a policy's push log of a trace
  score  judge a push log; exit 1 where it breaks a promise
  table  play every policy on every regime, print Markdown`

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "coalesce:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	regime, policy string
	seed           uint64
	scale          float64
	rules          string
	trace, log     string

	seeds    []uint64
	quotas   []int
	regimes  []string
	policies []string
}

func run(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	commands := map[string]func(options, io.Writer) error{"gen": runGen, "run": runPolicy, "score": runScore, "table": runTable}
	command := commands[args[0]]
	if command == nil {
		return fmt.Errorf("no command %q\n%s", args[0], usage)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return command(o, stdout)
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{seeds: []uint64{1, 2, 3}, quotas: []int{100, 1, 5, 10, 1000}, regimes: regimeNames(), policies: policyNames()}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.rules, "rules", "", "rule file (default: the benchmark's own, bench/coalesce/rules.yaml)")
	flags.Float64Var(&o.scale, "scale", 1, "how many times the events of a regime")
	flags.Uint64Var(&o.seed, "seed", 1, "gen: of the trace; run: of the latencies")
	list := func(name, what string, read func(string) error) {
		flags.Func(name, what+", separated by commas", func(s string) error {
			for part := range strings.SplitSeq(s, ",") {
				if err := read(part); err != nil {
					return err
				}
			}
			return nil
		})
	}
	switch args[0] {
	case "gen":
		flags.StringVar(&o.regime, "regime", "mixed", "one of "+strings.Join(regimeNames(), ", "))
	case "run", "score":
		flags.StringVar(&o.trace, "trace", "", "file of events")
		flags.StringVar(&o.log, "log", "", "score: file of the push log")
		flags.StringVar(&o.policy, "policy", "fifo", "run: one of "+strings.Join(policyNames(), ", "))
		flags.IntVar(&o.quotas[0], "quota", 100, "calls in 24 hours")
	case "table":
		given := map[string]bool{}
		first := func(name string, empty func()) {
			if !given[name] {
				given[name] = true
				empty()
			}
		}
		list("seeds", "seeds of traces and latencies (default 1,2,3)", func(s string) error {
			first("seeds", func() { o.seeds = nil })
			n, err := strconv.ParseUint(s, 10, 64)
			o.seeds = append(o.seeds, n)
			return err
		})
		list("quota", "calls in 24 hours; details are of the first (default 100,1,5,10,1000)", func(s string) error {
			first("quota", func() { o.quotas = nil })
			n, err := strconv.Atoi(s)
			o.quotas = append(o.quotas, n)
			return err
		})
		list("regimes", "regimes (default all)", func(s string) error {
			first("regimes", func() { o.regimes = nil })
			o.regimes = append(o.regimes, s)
			return known(s, regimeNames())
		})
		list("policies", "policies (default all)", func(s string) error {
			first("policies", func() { o.policies = nil })
			o.policies = append(o.policies, s)
			return known(s, policyNames())
		})
	}
	if err := flags.Parse(args[1:]); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || slices.Min(o.quotas) <= 0 {
		return o, errors.New("want flags only, and positive quotas")
	}
	return o, nil
}

func known(name string, names []string) error {
	if slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("want one of %s", strings.Join(names, ", "))
}

func runGen(o options, stdout io.Writer) error {
	return generate(stdout, o.regime, o.seed, o.scale)
}

func runPolicy(o options, stdout io.Writer) error {
	t, rules, err := o.read()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(policies, func(p policySpec) bool { return p.name == o.policy })
	if i < 0 {
		return fmt.Errorf("run %q: no such policy: %w", o.policy, known(o.policy, policyNames()))
	}
	log, err := policies[i].play(t, rules, playOptions{quota: o.quotas[0], seed: o.seed})
	if err != nil {
		return err
	}
	return log.write(stdout)
}

func runScore(o options, stdout io.Writer) error {
	t, _, err := o.read()
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(o.log)
	if err != nil {
		return err
	}
	log, err := readLog(raw)
	if err != nil {
		return err
	}
	f, err := score(t, log, o.quotas[0])
	if err != nil {
		return fmt.Errorf("judge %s: %w", o.log, err)
	}
	var out bytes.Buffer
	details(&out, []row{{o.log, f}})
	_, err = out.WriteTo(stdout)
	return err
}

// read returns the trace as the rules understand it.
func (o options) read() (*trace, *mapper.Rules, error) {
	rules, err := o.load()
	if err != nil {
		return nil, nil, err
	}
	raw, err := os.ReadFile(o.trace)
	if err != nil {
		return nil, nil, err
	}
	t, err := load(raw, rules)
	return t, rules, err
}

func (o options) load() (*mapper.Rules, error) {
	limits := mapper.Limits{MaxRequestBytes: maxRequest}
	if o.rules != "" {
		return mapper.Load(o.rules, limits)
	}
	return mapper.Parse("bench/coalesce/rules.yaml", benchRules, limits)
}
