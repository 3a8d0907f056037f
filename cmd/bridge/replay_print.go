package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"pushbridge/internal/simulate"
)

// endsOfReport counts dispositions by their names.
func endsOfReport(r *simulate.Report) map[string]int {
	ends := make(map[string]int)
	for _, d := range dispositions(&r.Ends) {
		if d.n > 0 {
			ends[d.name] = d.n
		}
	}
	return ends
}

func printReplayPlan(w io.Writer, f replayFlags, p *replayPlan) error {
	if f.output == "json" {
		return printJSON(w, p)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, visible(fmt.Sprintf(format, args...)))
	}
	row("replay", "%s", p.ID)
	row("events", "%s", thousands(p.Selected))
	if p.Fed > 0 {
		row("", "%s of them are on the replays' topic already", thousands(p.Fed))
	}
	for _, x := range []struct {
		n    int
		what string
	}{
		{p.Passed.Undecodable, "no CloudEvents: left out"}, {p.Passed.Requests, "refused pushes: their events are chosen by bridge replay --disposition rejected"},
		{p.Passed.Unanswered, "left out because --where has no answer for them"}, {p.Passed.Gone, "deleted from their topic by now"},
		{p.Passed.Settled, "letters of events that have ended otherwise since: left out"},
	} {
		if x.n > 0 {
			row("", "%s %s", thousands(x.n), x.what)
		}
	}
	if p.Passed.why != nil {
		row("", "first: %v", p.Passed.why)
	}
	if p.Selected > 0 {
		row("ended before", "%s", endedText(p.Before))
		if p.Unknown > 0 {
			row("", "%s of which no end is known", thousands(p.Unknown))
		}
	}
	if p.Before["pushed"] > 0 && len(f.sel.Dispositions) == 0 && !f.sel.Letters {
		row("", "those pushed before would be pushed again: --disposition chooses by how they ended")
	}
	switch {
	case !p.Simulated:
		row("calls", "not known: name the rules by --rules or BRIDGE_RULES_FILE")
	case p.Selected > p.Fed:
		row("would end", "%s", endedText(p.Ends))
		row("calls", "%s until %s", thousands(p.Calls), p.Until.UTC().Format(time.RFC3339))
		for _, l := range p.Lanes {
			if l.Calls > 0 || len(p.Lanes) == 1 {
				row("lane "+l.Lane, "%d of %d calls are used, replays may use %d of them (%d used), this one uses at most %d in 24h", l.Used, l.Quota, l.Share, l.ByPool, l.InDay)
			}
		}
	}
	if a := p.Against; a != nil {
		row("beside it", "the live events of the last %s, played without it and with it:", time.Duration(a.Hours*float64(time.Hour)))
		for _, x := range []struct {
			name string
			live *planLive
		}{{"without", &a.Without}, {"with", &a.With}} {
			row("  "+x.name, "%s in %s, %s mean delay", endedText(x.live.Ends), count(x.live.Calls, "call"), time.Duration(x.live.Delay*float64(time.Second)).Round(time.Second))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if f.execute {
		return nil
	}
	if p.Selected == 0 {
		_, err := fmt.Fprintln(w, "nothing is selected")
		return err
	}
	_, err := fmt.Fprintf(w, "nothing is written. To do it:\n  %s --execute\n", visible(p.Command))
	return err
}
