//go:build unix

package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// print writes the table: medians, with the worst round behind them.
func (f *figures) print(out io.Writer, o options) error {
	mode := "structured"
	if o.binary {
		mode = "binary"
	}
	fmt.Fprintf(out, "%d %s events of %d bytes, %d partitions, compression %s; %d rounds by turns; %s, %d cores\n",
		o.events, mode, f.at.Bytes/int64(o.events), partitions, o.compression, o.rounds, runtime.Version(), runtime.NumCPU())
	fmt.Fprintf(out, "the bridge's events ended as %s, in %d calls\n\n", sorted(f.ends.Dispositions), f.ends.Calls)

	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "path\tCPU s/M events\t(worst)\tevents/s a core\tevents/s wall\t(worst)\tpeak MB\t(worst)\tCPU × raw fetch\tcommand")
	floor, _ := middle(f.fetch, o.perMillion)
	for _, row := range []struct {
		name, command string
		runs          []usage
	}{
		{"raw fetch", "throughput -role fetch", f.fetch},
		{"fetch + decode", "throughput -role decode", f.decode},
		{"bridge run", "bridge run", f.bridge},
	} {
		cpu, worstCPU := middle(row.runs, o.perMillion)
		wall, worstWall := middle(row.runs, func(u usage) time.Duration { return u.wall })
		peak, worstPeak := middle(row.runs, func(u usage) float64 { return float64(u.peak) / 1e6 })
		fmt.Fprintf(w, "%s\t%.2f\t(%.2f)\t%.0f\t%.0f\t(%.0f)\t%.0f\t(%.0f)\t%.1f\t%s\n", row.name, cpu, worstCPU, 1e6/cpu,
			float64(o.events)/wall.Seconds(), float64(o.events)/worstWall.Seconds(), peak, worstPeak, cpu/floor, row.command)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	idle, worst := middle(f.idle, func(u usage) float64 { return float64(u.peak) / 1e6 })
	cpu, _ := middle(f.idle, func(u usage) float64 { return u.cpu.Seconds() })
	fmt.Fprintf(out, "\nidle bridge: %.0f MB (%.0f) at its peak, %.2f CPU s to start and stop, which the table leaves out.\n", idle, worst, cpu)
	fmt.Fprintln(out, "Wall: from the first fetch to the last event's disposition in Kafka; broker and push API take their share of the cores.")
	fmt.Fprintf(out, "Again: go run ./bench/throughput%s\n", flagsOf(o))
	return nil
}

// perMillion is CPU seconds for a million events.
func (o options) perMillion(u usage) float64 { return u.cpu.Seconds() / float64(o.events) * 1e6 }

func sorted(counts map[string]int) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(words, ", ")
}

func flagsOf(o options) string {
	s := fmt.Sprintf(" -events %d -rounds %d", o.events, o.rounds)
	if o.binary {
		s += " -binary"
	}
	if o.compression != "none" {
		s += " -compression " + o.compression
	}
	return s
}
