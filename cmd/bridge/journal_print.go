package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

// shownRuns is how many runs of offsets a line names; the rest is counted.
const shownRuns = 5

// printEntry prints a line for each thing that a record says.
func printEntry(w io.Writer, e journal.Entry) error {
	for _, line := range entryLines(e) {
		if _, err := fmt.Fprintf(w, "%8d  %s  %s\n", e.Offset, e.At.UTC().Format("2006-01-02T15:04:05.000Z"), visible(line)); err != nil {
			return fmt.Errorf("print journal: %w", err)
		}
	}
	return nil
}

func entryLines(e journal.Entry) []string {
	if e.Err != nil {
		return []string{"unread   " + e.Err.Error()}
	}
	var lines []string
	if !e.Started.IsZero() {
		lines = append(lines, "started  a session, at "+instantText(e.Started)+" by its clock")
	}
	lines = append(lines, noteLines(&e.Notes)...)
	if e.Covers > 0 {
		lines = append(lines, fmt.Sprintf("covers   %s more of the attempt that follows", count(int(e.Covers), "event")))
	}
	if a := e.Attempt; a != nil {
		lines = append(lines, attemptLine(a))
	}
	if o := e.Outcome; o != nil {
		lines = append(lines, outcomeLine(o))
	}
	for i := range e.Ended {
		lines = append(lines, endLine(&e.Ended[i]))
	}
	return lines
}

func noteLines(n *journal.Notes) []string {
	var lines []string
	for _, p := range n.Rewound {
		lines = append(lines, fmt.Sprintf("rewound  %v: its offsets mean other records from here on", p))
	}
	if n.Told > 0 {
		lines = append(lines, fmt.Sprintf("told     all that the records below %d ask for", n.Told))
	}
	for _, p := range slices.SortedFunc(maps.Keys(n.Newest), offset.Partition.Compare) {
		lines = append(lines, fmt.Sprintf("read     %v up to %s", p, instantText(n.Newest[p])))
	}
	if len(n.Seen) > 0 {
		sets := map[offset.Partition]*offset.Set{}
		for _, s := range n.Seen {
			if sets[s.Position.Partition] == nil {
				sets[s.Position.Partition] = new(offset.Set)
			}
			sets[s.Position.Partition].Add(s.Position.Offset)
		}
		lines = append(lines, fmt.Sprintf("seen     %s: %s", count(len(n.Seen), "event"), eventsText(sets)))
	}
	if n.Fenced != "" {
		lines = append(lines, "fenced   "+n.Fenced)
	}
	for _, a := range n.Approvals {
		lines = append(lines, fmt.Sprintf("approved %s under %s by %s, %s: %q", a.ID, a.Rule, a.Author, instantText(a.At), a.Comment))
	}
	return lines
}

func attemptLine(a *journal.Attempt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "attempt  %s%s: %s of %s → %v", a.Name(), laneText(a.Lane, a.App), count(int(a.Events()), "event"), strings.Join(a.Rules(), ", "), a.Condition)
	if len(a.Messages) > 1 {
		fmt.Fprintf(&b, ", %s", count(len(a.Messages), "message"))
	}
	fmt.Fprintf(&b, ", %s, random %d", a.Why, a.Random)
	if a.OnDoubt != 0 {
		fmt.Fprintf(&b, ", on doubt %v", a.OnDoubt)
	}
	if a.Pool != "" {
		fmt.Fprintf(&b, ", pool %s", a.Pool)
	}
	sets := map[offset.Partition]*offset.Set{}
	for _, c := range a.Covers {
		if sets[c.Partition] == nil {
			sets[c.Partition] = new(offset.Set)
		}
		for _, run := range c.Offsets.Ranges() {
			sets[c.Partition].AddRange(run)
		}
	}
	if len(sets) > 0 {
		fmt.Fprintf(&b, ": %s", eventsText(sets))
	}
	return b.String()
}

func outcomeLine(o *journal.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "outcome  %s.%d%s: %s", o.ID, o.Number, laneText(o.Lane, o.App), o.Class)
	if o.Code != 0 {
		fmt.Fprintf(&b, ", code %d", o.Code)
	}
	if o.Info != "" {
		fmt.Fprintf(&b, " %q", o.Info)
	}
	if !o.Started.IsZero() {
		fmt.Fprintf(&b, ", called %s, over %s later", instantText(o.Started), o.Ended.Sub(o.Started).Round(time.Millisecond))
	}
	if !o.Counted {
		b.WriteString(", not counted")
	}
	if o.TaskID != "" {
		fmt.Fprintf(&b, ", task %s", o.TaskID)
	}
	return b.String()
}

func endLine(e *journal.End) string {
	var n int64
	for _, set := range e.Events {
		n += set.Len()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ended    %v %s", e.Kind, count(int(n), "event"))
	if e.Rule != "" {
		fmt.Fprintf(&b, " under %s%s", e.Rule, laneText(e.Lane, 0))
	}
	if e.PushID != "" {
		fmt.Fprintf(&b, " by %s", e.PushID)
	}
	for _, note := range []struct {
		is   bool
		text string
	}{{e.Code != 0, fmt.Sprintf(", code %d", e.Code)}, {e.Doubt, ", in doubt"}, {e.More, ", and not under all their rules"}} {
		if note.is {
			b.WriteString(note.text)
		}
	}
	fmt.Fprintf(&b, ": %s", eventsText(e.Events))
	return b.String()
}

func laneText(lane string, app uint32) string {
	switch {
	case lane != "":
		return " (lane " + lane + ")"
	case app != 0:
		return fmt.Sprintf(" (app %d)", app)
	}
	return ""
}

// eventsText names events by position: topic/partition first-last,….
func eventsText(sets map[offset.Partition]*offset.Set) string {
	var parts []string
	for _, p := range slices.SortedFunc(maps.Keys(sets), offset.Partition.Compare) {
		var runs []string
		all := sets[p].Ranges()
		for _, run := range all[:min(shownRuns, len(all))] {
			if run.First == run.Last {
				runs = append(runs, fmt.Sprint(run.First))
				continue
			}
			runs = append(runs, fmt.Sprintf("%d-%d", run.First, run.Last))
		}
		if more := len(all) - shownRuns; more > 0 {
			runs = append(runs, fmt.Sprintf("and %d more runs", more))
		}
		parts = append(parts, p.String()+" "+strings.Join(runs, ","))
	}
	return strings.Join(parts, " ")
}

func instantText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
