package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/mapper"
	"pushbridge/internal/simulate"
)

// simulateGCPercent lets the heap be five times what is in use: a batch command
// trades memory for time, and at the default the collector takes a quarter of it.
const simulateGCPercent = 400

func runSimulate(cmd *cobra.Command, f simulateFlags) error {
	cfg, err := f.config()
	if err == nil {
		err = f.checkCaps()
	}
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	configs, err := f.configs(cmd.ErrOrStderr(), cfg)
	if err != nil {
		return err
	}
	source, err := f.open(cmd)
	if err != nil {
		return err
	}
	defer source.close()
	defer debug.SetGCPercent(debug.SetGCPercent(simulateGCPercent))

	s := simulation{flags: &f, source: &source, configs: configs, reports: make([]simulate.Report, len(configs))}
	if err := s.run(source.arrivals); err != nil {
		if order, ok := errors.AsType[*simulate.OrderError](err); ok {
			return fmt.Errorf("%s: arrived at %s, and what is before it at %s: put the lines into the order of arrival, or say --sort",
				source.place(order.Line), order.At.Format(time.RFC3339Nano), order.Before.Format(time.RFC3339Nano))
		}
		return err
	}
	if s.reports[0].Events == 0 {
		return source.none()
	}
	if err := s.print(cmd.OutOrStdout()); err != nil {
		return err
	}
	return source.reportProblems(cmd.ErrOrStderr(), &s.reports[0])
}

// configs are the runs that are asked for: one, or one for each of two rule files,
// or one for each quota.
func (f *simulateFlags) configs(stderr io.Writer, cfg simulate.Config) ([]simulate.Config, error) {
	files := []string{f.rules}
	if f.compare != "" {
		files = append(files, f.compare)
	}
	var configs []simulate.Config
	for _, file := range files {
		c := cfg
		var err error
		if c.Rules, err = loadRules(file, mapper.Limits{MaxRequestBytes: simulateMaxBytes}); err != nil {
			return nil, err
		}
		for _, w := range c.Rules.Warnings() {
			fmt.Fprintln(stderr, visible(w.Error()))
		}
		if names, _ := c.Rules.Approvals(); len(names) > 0 {
			fmt.Fprintf(stderr, "%s: approval is taken as given on arrival for %s\n", file, strings.Join(names, ", "))
		}
		if err := f.budgets(&c); err != nil {
			return nil, exitError{code: exitUsage, err: err}
		}
		configs = append(configs, c)
	}
	if len(f.caps) > 0 {
		return f.ofCaps(configs[0])
	}
	return configs, nil
}

// open opens what the events come from.
func (f *simulateFlags) open(cmd *cobra.Command) (recorded, error) {
	if len(f.topics) > 0 {
		return f.openTopics(cmd.Context(), cmd.ErrOrStderr(), time.Now())
	}
	in, err := openInput(f.events, cmd.InOrStdin())
	if err != nil {
		return recorded{}, err
	}
	source := eventSource{name: in.name, in: in, sorted: f.sort}
	return recorded{arrivals: source.arrivals(), close: in.close, lines: true, name: in.name, file: in.path(), place: func(line int64) string { return fmt.Sprintf("%s:%d", in.name, line) }}, nil
}

// simulation is the runs of one command.
type simulation struct {
	flags     *simulateFlags
	source    *recorded
	configs   []simulate.Config
	reports   []simulate.Report
	histories []*simulate.History // where they are compared or drawn
}

func (s *simulation) run(events iter.Seq2[simulate.Arrival, error]) (err error) {
	if s.flags.out != "" {
		file, err2 := os.Create(s.flags.out)
		if err2 != nil {
			return fmt.Errorf("write log: %w", err2)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		s.configs[0].Log = file
	}
	if s.flags.compare != "" || s.flags.html != "" {
		for i := range s.configs {
			h := new(simulate.History)
			s.histories = append(s.histories, h)
			s.configs[i].Watch = h.Watch()
		}
	}
	return fanOut(events, len(s.configs), func(n int, events iter.Seq2[simulate.Arrival, error]) (err error) {
		s.reports[n], err = simulate.Run(s.configs[n], events)
		return err
	})
}

func (s *simulation) print(w io.Writer) error {
	f := s.flags
	if f.html != "" {
		if err := s.writePage(); err != nil {
			return err
		}
	}
	switch {
	case f.compare != "":
		c := comparison{
			files: [2]string{f.rules, f.compare}, reports: s.reports, source: s.source,
			Comparison: simulate.Compare(s.histories[0], s.histories[1], f.limit),
		}
		return c.print(w, f.output)
	case len(f.caps) > 0:
		return printCaps(w, f.output, s.advice(), s.source)
	}
	return printReport(w, f.output, &s.reports[0], s.source)
}
