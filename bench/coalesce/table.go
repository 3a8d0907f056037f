package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// row is a policy's line of a table.
type row struct {
	name string
	of   *figures
}

// game is one trace under one quota, which every policy plays.
type game struct {
	regime string
	seed   uint64
	quota  int
	by     []*figures // a policy each
	err    error
}

// runTable plays everything and prints it. A log that breaks a promise is an
// error: there is no table then.
func runTable(o options, stdout io.Writer) error {
	rules, err := o.load()
	if err != nil {
		return err
	}
	var games []*game
	for _, quota := range o.quotas {
		for _, regime := range o.regimes {
			for _, seed := range o.seeds {
				games = append(games, &game{regime: regime, seed: seed, quota: quota})
			}
		}
	}
	var wait sync.WaitGroup
	todo := make(chan *game)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for g := range todo {
				g.err = g.play(o, rules)
			}
		})
	}
	for _, g := range games {
		todo <- g
	}
	close(todo)
	wait.Wait()
	for _, g := range games {
		if g.err != nil {
			return g.err
		}
	}
	var out bytes.Buffer
	o.print(&out, games)
	_, err = out.WriteTo(stdout)
	return err
}

// play makes the trace and has every policy play it.
func (g *game) play(o options, rules *mapper.Rules) error {
	var raw bytes.Buffer
	if err := generate(&raw, g.regime, g.seed, o.scale); err != nil {
		return err
	}
	t, err := load(raw.Bytes(), rules)
	if err != nil {
		return fmt.Errorf("%s, seed %d: %w", g.regime, g.seed, err)
	}
	for _, p := range policies {
		if !slices.Contains(o.policies, p.name) {
			continue
		}
		log, err := p.play(t, rules, playOptions{quota: g.quota, seed: g.seed})
		if err != nil {
			return fmt.Errorf("%s on %s, seed %d: %w", p.name, g.regime, g.seed, err)
		}
		f, err := score(t, log, g.quota)
		if err != nil {
			return fmt.Errorf("%s on %s, seed %d: %w", p.name, g.regime, g.seed, err)
		}
		g.by = append(g.by, f)
	}
	return nil
}

// rows joins the seeds of one regime and quota.
func (o options) rows(games []*game, regime string, quota int) []row {
	var rows []row
	for _, p := range policies {
		if slices.Contains(o.policies, p.name) {
			rows = append(rows, row{p.name, &figures{}})
		}
	}
	for _, g := range games {
		if g.regime == regime && g.quota == quota {
			for i := range rows {
				rows[i].of.add(g.by[i])
			}
		}
	}
	return rows
}

func (o options) print(out *bytes.Buffer, games []*game) {
	for _, quota := range o.quotas {
		fmt.Fprintf(out, "### Quota %d: score, and in brackets critical events missed\n\n", quota)
		o.overview(out, games, quota)
	}
	quota := o.quotas[0]
	for _, regime := range o.regimes {
		rows := o.rows(games, regime, quota)
		spec := regimes[slices.IndexFunc(regimes, func(r regimeSpec) bool { return r.name == regime })]
		fmt.Fprintf(out, "### %s: %s (quota %d; %d critical)\n\n", regime, spec.says, quota, rows[0].of.critical/rows[0].of.logs)
		details(out, rows)
	}
	if slices.Contains(o.regimes, "starved") {
		fmt.Fprintf(out, "### starved: calls by hour of the day, from 00 to 23 h (quota %d)\n\n", quota)
		hours(out, o.rows(games, "starved", quota))
	}
	fmt.Fprintf(out, "Means over seeds %s. Again: `go run ./bench/coalesce table%s`\n", join(o.seeds), o.flags())
}

// overview has a row a policy and a column a regime.
func (o options) overview(out *bytes.Buffer, games []*game, quota int) {
	columns := make([][]row, len(o.regimes))
	for i, regime := range o.regimes {
		columns[i] = o.rows(games, regime, quota)
	}
	fmt.Fprintf(out, "| policy | %s |\n|---|%s\n", strings.Join(o.regimes, " | "), strings.Repeat("--:|", len(columns)))
	for i, r := range columns[0] {
		fmt.Fprintf(out, "| %s |", r.name)
		for _, c := range columns {
			f := c[i].of
			fmt.Fprintf(out, " %.2f (%s) |", f.scores/float64(f.logs), mean(f.missed, f.logs))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}

// details has all figures of one regime.
func details(out *bytes.Buffer, rows []row) {
	fmt.Fprintln(out, "| policy | score | critical missed | expired | calls | cost | critical: mean / p99 | high | normal | low |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range rows {
		f := r.of
		n := float64(f.logs)
		fmt.Fprintf(out, "| %s | %.2f | %s | %s | %s | %.0f |", r.name, f.scores/n, mean(f.missed, f.logs), mean(f.expired, f.logs), mean(f.calls, f.logs), f.cost/n)
		for _, p := range intent.Priorities {
			if mean, p99, ok := f.delay(p); ok {
				fmt.Fprintf(out, " %s / %s |", short(mean), short(p99))
			} else {
				fmt.Fprint(out, " – |")
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}

func hours(out *bytes.Buffer, rows []row) {
	fmt.Fprintln(out, "| policy | calls |\n|---|---|")
	for _, r := range rows {
		fmt.Fprintf(out, "| %s |", r.name)
		for _, n := range r.of.hours {
			fmt.Fprintf(out, " %s", mean(n, r.of.logs))
		}
		fmt.Fprintln(out, " |")
	}
	fmt.Fprintln(out)
}

// mean of counts, without a fraction where there is none.
func mean(sum, n int) string {
	if sum%n == 0 {
		return fmt.Sprint(sum / n)
	}
	return fmt.Sprintf("%.1f", float64(sum)/float64(n))
}

// short is a duration in the unit that shows it with two digits.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
}

func join[T any](all []T) string {
	words := make([]string, len(all))
	for i, x := range all {
		words[i] = fmt.Sprint(x)
	}
	return strings.Join(words, ",")
}

// flags are those that make the same table.
func (o options) flags() string {
	s := " -seeds " + join(o.seeds) + " -quota " + join(o.quotas)
	if len(o.regimes) < len(regimes) {
		s += " -regimes " + join(o.regimes)
	}
	if len(o.policies) < len(policies) {
		s += " -policies " + join(o.policies)
	}
	if o.scale != 1 {
		s += fmt.Sprintf(" -scale %g", o.scale)
	}
	return s
}
