package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"pushbridge/internal/simulate"
)

// reportJSON is the summary for programs. Times are RFC 3339, delays seconds.
type reportJSON struct {
	From         time.Time      `json:"from,omitzero"` // absent where nothing arrived
	To           time.Time      `json:"to,omitzero"`
	Events       int            `json:"events"`
	Intents      int            `json:"intents"`
	Dispositions map[string]int `json:"dispositions"`

	Calls          int            `json:"calls"`
	CallsPerDay    float64        `json:"calls_per_day"`
	MergedMean     float64        `json:"merged_per_call_mean"`
	MergedMax      int            `json:"merged_per_call_max"`
	Overlaps       int            `json:"overlapping_calls"` // of which some user may get the message in another call too
	Why            map[string]int `json:"calls_by_why"`
	Worst24h       int            `json:"worst_24h_calls"`
	CriticalMissed int            `json:"critical_missed"`

	Priorities []priorityJSON `json:"priorities"`
	Rules      []ruleJSON     `json:"rules"`
	Lanes      []laneJSON     `json:"lanes"`
	Hours      []hourJSON     `json:"hours"`
	Timeline   []momentJSON   `json:"timeline"`

	Problems []eventProblemJSON `json:"problems,omitempty"` // the first dead letters
}

type ruleJSON struct {
	Rule         string         `json:"rule"`
	Priority     string         `json:"priority,omitempty"` // absent where no event came to it
	Intents      int            `json:"intents"`            // repeats not counted
	Dispositions map[string]int `json:"dispositions"`
	Calls        int            `json:"calls"` // one that several rules share counts for each
	CallsPerDay  float64        `json:"calls_per_day"`
	MergedMean   float64        `json:"merged_per_call_mean"`
	Late         int            `json:"late"`
	delayJSON
}

type delayJSON struct {
	Mean float64 `json:"delay_mean_seconds"`
	P50  float64 `json:"delay_p50_seconds"`
	P99  float64 `json:"delay_p99_seconds"`
	Max  float64 `json:"delay_max_seconds"`
}

// momentJSON is how a lane stood at the end of an hour.
type momentJSON struct {
	At      time.Time `json:"at"`
	Lane    string    `json:"lane"`
	Calls   int       `json:"calls"`
	Used    int       `json:"used"`
	Quota   int       `json:"quota"`
	Waiting int       `json:"waiting"`
}

type priorityJSON struct {
	Priority string `json:"priority"`
	Intents  int    `json:"intents"`
	Late     int    `json:"late"`
	Never    int    `json:"never"`
	delayJSON
}

type laneJSON struct {
	Lane     string `json:"lane"`
	Quota    int    `json:"quota"`
	Calls    int    `json:"calls"`
	Worst24h int    `json:"worst_24h_calls"`
	WorstDay int    `json:"worst_day_calls,omitempty"` // where its window is a calendar day
}

type hourJSON struct {
	Start time.Time `json:"start"`
	Calls int       `json:"calls"`
}

func printReport(w io.Writer, output string, r *simulate.Report, source *recorded) error {
	if output == "json" {
		return printJSON(w, reportForPrograms(r, source))
	}
	_, err := io.WriteString(w, visible(reportText(r)))
	return err
}

// span is when the events arrived.
func span(r *simulate.Report) string {
	if r.From.IsZero() {
		return "none of which says when it came"
	}
	return r.From.UTC().Format(time.RFC3339) + " to " + r.To.UTC().Format(time.RFC3339)
}

func reportForPrograms(r *simulate.Report, source *recorded) reportJSON {
	x := reportJSON{
		From: r.From, To: r.To, Events: r.Events, Intents: r.Intents, Problems: source.problems(r),
		Calls: r.Calls, CallsPerDay: float64(r.Calls) / r.Days(), MergedMean: mergedMean(r), MergedMax: r.MaxCovered, Overlaps: r.Overlaps, Why: r.Why,
		Worst24h: r.Worst24h, CriticalMissed: r.CriticalMissed(),
		Priorities: []priorityJSON{}, Rules: []ruleJSON{}, Lanes: []laneJSON{}, Hours: []hourJSON{}, Timeline: []momentJSON{},
	}
	x.Dispositions = dispositionsJSON(&r.Ends)
	for _, p := range r.Priorities {
		x.Priorities = append(x.Priorities, priorityJSON{
			Priority: p.Priority.String(), Intents: p.Intents, Late: p.Late, Never: p.Never, delayJSON: delayForPrograms(p.Delay),
		})
	}
	for i := range r.Rules {
		u := &r.Rules[i]
		j := ruleJSON{
			Rule: u.Rule, Intents: u.Intents, Dispositions: dispositionsJSON(&u.Ends), Calls: u.Calls, CallsPerDay: float64(u.Calls) / r.Days(),
			MergedMean: u.MergeFactor(), Late: u.Late, delayJSON: delayForPrograms(u.Delay),
		}
		delete(j.Dispositions, "unmatched") // by no rule
		if u.Priority != 0 {
			j.Priority = u.Priority.String()
		}
		x.Rules = append(x.Rules, j)
	}
	for _, m := range r.Timeline {
		x.Timeline = append(x.Timeline, momentJSON(m))
	}
	for _, l := range r.Lanes {
		x.Lanes = append(x.Lanes, laneJSON{Lane: l.Name, Quota: l.Quota, Calls: l.Calls, Worst24h: l.Worst24h, WorstDay: l.WorstDay})
	}
	for _, h := range r.Hours {
		x.Hours = append(x.Hours, hourJSON(h))
	}
	return x
}

func delayForPrograms(d simulate.Delay) delayJSON {
	return delayJSON{Mean: d.Mean.Seconds(), P50: d.P50.Seconds(), P99: d.P99.Seconds(), Max: d.Max.Seconds()}
}

func dispositionsJSON(e *simulate.Ends) map[string]int {
	all := make(map[string]int)
	for _, d := range dispositions(e) {
		all[strings.ReplaceAll(d.name, "-", "_")] = d.n
	}
	return all
}

func mergedMean(r *simulate.Report) float64 { return float64(r.Covered) / float64(max(1, r.Calls)) }

type named struct {
	name string
	n    int
}

// dispositions are the ends with the words of results.
func dispositions(e *simulate.Ends) []named {
	return []named{
		{"pushed", e.Pushed}, {"superseded", e.Superseded}, {"expired", e.Expired},
		{"duplicate", e.Duplicate}, {"unmatched", e.Unmatched}, {"dead-lettered", e.DeadLettered},
	}
}

func reportText(r *simulate.Report) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "events\t%d\t%s\n", r.Events, span(r))
	fmt.Fprintf(t, "intents\t%d\n", r.Intents)
	for _, d := range dispositions(&r.Ends) {
		fmt.Fprintf(t, "  %s\t%d\n", d.name, d.n)
	}
	fmt.Fprintf(t, "calls\t%d\t%.1f a day, %.1f intents a call, at most %d\n", r.Calls, float64(r.Calls)/r.Days(), mergedMean(r), r.MaxCovered)
	for _, why := range slices.Sorted(maps.Keys(r.Why)) {
		fmt.Fprintf(t, "  %s\t%d\n", why, r.Why[why])
	}
	if r.Overlaps > 0 {
		fmt.Fprintf(t, "overlapping\t%d\tof them: some users may get the message in another call too\n", r.Overlaps)
	}
	for _, l := range r.Lanes {
		window, calls := "24 hours", l.Worst24h
		if l.WorstDay > 0 {
			window, calls = "day", l.WorstDay
		}
		lane := ""
		if l.Name != "" || len(r.Lanes) > 1 {
			lane = fmt.Sprintf("lane %q, ", l.Name)
		}
		fmt.Fprintf(t, "%sworst %s\t%d\tof %d\n", lane, window, calls, l.Quota)
	}
	flush(t)
	b.WriteString("\n")
	priorityTable(&b, r)
	ruleTable(&b, r)
	hourTable(&b, r.Hours)
	return b.String()
}

func priorityTable(b *strings.Builder, r *simulate.Report) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "priority\tintents\tlate\tnever\tmean delay\tp50\tp99\tmax\t")
	for _, p := range r.Priorities {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t", p.Priority, p.Intents, p.Late, p.Never)
		delayCells(t, p.Delay, p.Never < p.Intents)
	}
	flush(t)
}

// delayCells ends a row; pushed says that there are delays to be shown.
func delayCells(t io.Writer, d simulate.Delay, pushed bool) {
	for _, d := range []time.Duration{d.Mean, d.P50, d.P99, d.Max} {
		if !pushed {
			fmt.Fprint(t, "-\t")
			continue
		}
		fmt.Fprintf(t, "%s\t", readable(d))
	}
	fmt.Fprintln(t)
}

// ruleTable is a row for each rule. Repeats, which are nobody's, stand above.
func ruleTable(b *strings.Builder, r *simulate.Report) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nrule\tintents\tpushed\tlate\texpired\tsuperseded\tdead\tcalls\ta day\ta call\tmean delay\tp50\tp99\tmax\t")
	for i := range r.Rules {
		u := &r.Rules[i]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t", u.Rule, u.Intents, u.Ends.Pushed, u.Late, u.Ends.Expired, u.Ends.Superseded,
			u.Ends.DeadLettered, u.Calls, float64(u.Calls)/r.Days(), u.MergeFactor())
		delayCells(t, u.Delay, u.Ends.Pushed > 0)
	}
	flush(t)
}

// readable drops digits that nobody compares.
func readable(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

// hourTable is a row for each day that had a call, and a column for each hour.
func hourTable(b *strings.Builder, hours []simulate.Hour) {
	if len(hours) == 0 {
		return
	}
	t := tabwriter.NewWriter(b, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\ncalls by hour, %s\t", hours[0].Start.Location())
	for h := range 24 {
		fmt.Fprintf(t, "%02d\t", h)
	}
	fmt.Fprintln(t, "day\t")
	for len(hours) > 0 {
		date := hours[0].Start.Format(time.DateOnly)
		var calls [24]int
		sum := 0
		for ; len(hours) > 0 && hours[0].Start.Format(time.DateOnly) == date; hours = hours[1:] {
			calls[hours[0].Start.Hour()] += hours[0].Calls
			sum += hours[0].Calls
		}
		fmt.Fprintf(t, "%s\t", date)
		for _, n := range calls {
			cell := "."
			if n > 0 {
				cell = fmt.Sprint(n)
			}
			fmt.Fprintf(t, "%s\t", cell)
		}
		fmt.Fprintf(t, "%d\t\n", sum)
	}
	flush(t)
}
