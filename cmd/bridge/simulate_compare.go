package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"pushbridge/internal/simulate"
)

// comparisonJSON is a comparison for programs.
type comparisonJSON struct {
	Before reportJSON      `json:"before"`
	After  reportJSON      `json:"after"`
	Rules  []rulePairJSON  `json:"rules"`
	Events differencesJSON `json:"events"`
}

// rulePairJSON is one rule in both files; nil: it is not in that one.
type rulePairJSON struct {
	Rule   string    `json:"rule"`
	Before *ruleJSON `json:"before"`
	After  *ruleJSON `json:"after"`
}

type differencesJSON struct {
	Total       int              `json:"total"`
	Changed     int              `json:"changed"`
	ByKind      map[string]int   `json:"by_kind"`
	Differences []differenceJSON `json:"differences"` // at most --limit
}

type differenceJSON struct {
	Line   int64         `json:"line"`
	Place  string        `json:"place"`
	Event  string        `json:"event,omitempty"`
	Kinds  []string      `json:"kinds"`
	Later  *float64      `json:"later_seconds,omitempty"` // negative: earlier; where it is pushed once in both
	Before []outcomeJSON `json:"before"`
	After  []outcomeJSON `json:"after"`
}

type outcomeJSON struct {
	Rule        string          `json:"rule,omitempty"`
	Disposition string          `json:"disposition"`
	Priority    string          `json:"priority,omitempty"`
	Audiences   []string        `json:"audiences,omitempty"`
	Message     json.RawMessage `json:"message,omitempty"`
	Call        int             `json:"call,omitempty"`  // its number
	Calls       int             `json:"calls,omitempty"` // that carry something of it
	SentAt      *time.Time      `json:"sent_at,omitempty"`
	Reason      string          `json:"reason,omitempty"`
}

// comparison is what is printed of two runs.
type comparison struct {
	files   [2]string
	reports []simulate.Report
	simulate.Comparison

	source *recorded
}

func (c *comparison) print(w io.Writer, output string) error {
	if output == "json" {
		return printJSON(w, c.forPrograms())
	}
	_, err := io.WriteString(w, visible(c.text()))
	return err
}

func (c *comparison) forPrograms() comparisonJSON {
	x := comparisonJSON{
		Before: reportForPrograms(&c.reports[0], c.source), After: reportForPrograms(&c.reports[1], c.source), Rules: []rulePairJSON{},
		Events: differencesJSON{Total: c.Events, Changed: c.Changed, ByKind: map[string]int{}, Differences: []differenceJSON{}},
	}
	find := func(rules []ruleJSON, name string) *ruleJSON {
		if i := slices.IndexFunc(rules, func(r ruleJSON) bool { return r.Rule == name }); i >= 0 {
			return &rules[i]
		}
		return nil
	}
	for _, p := range c.pairs() {
		x.Rules = append(x.Rules, rulePairJSON{Rule: p.name, Before: find(x.Before.Rules, p.name), After: find(x.After.Rules, p.name)})
	}
	for _, k := range simulate.DifferenceKinds {
		x.Events.ByKind[strings.ReplaceAll(k.String(), " ", "_")] = c.ByKind[k]
	}
	for i := range c.Differences {
		d := &c.Differences[i]
		j := differenceJSON{Line: d.Line, Place: c.source.place(d.Line), Event: d.Name, Before: outcomesJSON(d.Before), After: outcomesJSON(d.After)}
		for _, k := range d.Kinds {
			j.Kinds = append(j.Kinds, strings.ReplaceAll(k.String(), " ", "_"))
		}
		if d.Shift != 0 {
			j.Later = new(d.Shift.Seconds())
		}
		x.Events.Differences = append(x.Events.Differences, j)
	}
	return x
}

func outcomesJSON(all []simulate.Outcome) []outcomeJSON {
	list := []outcomeJSON{}
	for i := range all {
		o := &all[i]
		j := outcomeJSON{Rule: o.Rule, Disposition: o.Disposition, Call: o.Call, Calls: o.Calls, Reason: o.Reason}
		if o.Priority != 0 {
			j.Priority, j.Message = o.Priority.String(), o.Message.Body()
		}
		for _, a := range o.Audiences {
			j.Audiences = append(j.Audiences, a.String())
		}
		if o.Call > 0 {
			j.SentAt = &o.Sent
		}
		list = append(list, j)
	}
	return list
}

// rulePair is a rule of either file; nil: it is not in that one.
type rulePair struct {
	name          string
	before, after *simulate.Rule
}

// pairs are the rules of the first file in its order, then those that only the other has.
func (c *comparison) pairs() []rulePair {
	var pairs []rulePair
	for n := range c.reports {
		for i := range c.reports[n].Rules {
			r := &c.reports[n].Rules[i]
			at := slices.IndexFunc(pairs, func(p rulePair) bool { return p.name == r.Rule })
			if at < 0 {
				at = len(pairs)
				pairs = append(pairs, rulePair{name: r.Rule})
			}
			if n == 0 {
				pairs[at].before = r
			} else {
				pairs[at].after = r
			}
		}
	}
	return pairs
}

func (c *comparison) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s\n\n", c.files[0], c.files[1])
	x, y := &c.reports[0], &c.reports[1]
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name string, before, after any) {
		fmt.Fprintf(t, "%s\t%s\n", name, arrow(before, after))
	}
	row("calls", x.Calls, y.Calls)
	row("intents a call", fmt.Sprintf("%.1f", mergedMean(x)), fmt.Sprintf("%.1f", mergedMean(y)))
	after := dispositions(&y.Ends)
	for i, d := range dispositions(&x.Ends) {
		row("  "+d.name, d.n, after[i].n)
	}
	row("late", lateOf(x), lateOf(y))
	row("critical missed", x.CriticalMissed(), y.CriticalMissed())
	flush(t)

	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nrule\tintents\tpushed\tlate\texpired\tcalls\ta call\tp50\tp99\t")
	for _, p := range c.pairs() {
		cells := func(of func(*simulate.Rule) any) string { return arrow(ruleCell(p.before, of), ruleCell(p.after, of)) }
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", p.name,
			cells(func(r *simulate.Rule) any { return r.Intents }), cells(func(r *simulate.Rule) any { return r.Ends.Pushed }),
			cells(func(r *simulate.Rule) any { return r.Late }), cells(func(r *simulate.Rule) any { return r.Ends.Expired }),
			cells(func(r *simulate.Rule) any { return r.Calls }), cells(func(r *simulate.Rule) any { return fmt.Sprintf("%.1f", r.MergeFactor()) }),
			cells(func(r *simulate.Rule) any { return readable(r.Delay.P50) }), cells(func(r *simulate.Rule) any { return readable(r.Delay.P99) }))
	}
	flush(t)

	fmt.Fprintf(&b, "\n%d of %s would fare otherwise\n", c.Changed, count(c.Events, "event"))
	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, k := range simulate.DifferenceKinds {
		if n := c.ByKind[k]; n > 0 {
			fmt.Fprintf(t, "  %s\t%d\n", k, n)
		}
	}
	flush(t)
	if len(c.Differences) > 0 {
		b.WriteString("\n")
	}
	for i := range c.Differences {
		c.describe(&b, &c.Differences[i])
	}
	if more := c.Changed - len(c.Differences); more > 0 {
		fmt.Fprintf(&b, "and %d more (--limit 0 shows all)\n", more)
	}
	return b.String()
}

// ruleCell is a figure of a rule, or - where there is no such rule.
func ruleCell(r *simulate.Rule, of func(*simulate.Rule) any) any {
	if r == nil {
		return "-"
	}
	return of(r)
}

// arrow says one thing where two are the same.
func arrow(before, after any) string {
	x, y := fmt.Sprint(before), fmt.Sprint(after)
	if x == y {
		return x
	}
	return x + " → " + y
}

func (c *comparison) describe(b *strings.Builder, d *simulate.Difference) {
	kinds := make([]string, len(d.Kinds))
	for i, k := range d.Kinds {
		kinds[i] = k.String()
		if k == simulate.Earlier && d.Shift < 0 || k == simulate.Later && d.Shift > 0 {
			kinds[i] = fmt.Sprintf("%s %s", readable(d.Shift.Abs()), k)
		}
	}
	fmt.Fprintf(b, "%s %s: %s\n", c.source.place(d.Line), cmp.Or(d.Name, "(no event)"), strings.Join(kinds, ", "))
	for i, all := range [][]simulate.Outcome{d.Before, d.After} {
		for n := range all {
			fmt.Fprintf(b, "  %c %s\n", "-+"[i], outcomeText(&all[n]))
		}
		if len(all) == 0 {
			fmt.Fprintf(b, "  %c nothing\n", "-+"[i])
		}
	}
}

// outcomeText is one outcome on a line.
func outcomeText(o *simulate.Outcome) string {
	var parts []string
	if o.Rule != "" {
		parts = append(parts, o.Rule)
	}
	if o.Priority != 0 {
		for _, a := range o.Audiences {
			parts = append(parts, a.String())
		}
		parts = append(parts, fmt.Sprintf("%q", brief(o.Message.Text())))
	}
	end := o.Disposition
	if o.Call > 0 {
		end = fmt.Sprintf("%s %s after %s", end, o.Sent.UTC().Format("01-02 15:04:05"), readable(o.Sent.Sub(o.Received)))
		if o.Calls > 1 {
			end += fmt.Sprintf(" by the last of %d calls", o.Calls)
		}
	}
	if o.Reason != "" {
		end += ": " + brief(o.Reason)
	}
	return strings.Join(append(parts, end), ", ")
}

// brief is the beginning of a text, on one line.
func brief(text string) string {
	const most = 100
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}
