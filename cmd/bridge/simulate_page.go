package main

import (
	_ "embed" // the page's template
	"errors"
	"fmt"
	"html/template"
	"os"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/simulate"
)

//go:embed simulate_page.html
var pageText string

// pageCalls is how many calls a page shows with their events, and pageEvents how many
// events of one: it is to open on a phone. The --out log has all.
const (
	pageCalls  = 1000
	pageEvents = 25
)

// page is what the template shows of one run.
type page struct {
	Rules, From, To string
	Facts           []fact
	Lanes           []lanePlots
	Table           []ruleRow
	Delays          plot
	Calls           []callRow
	MoreCalls       int
	Zone            string
}

// fact is one figure at the head.
type fact struct{ Name, Value, Note string }

// lanePlots is what is drawn of one lane.
type lanePlots struct {
	Name                string
	Calls, Wait, Budget plot
}

type ruleRow struct {
	Rule, Priority                                          string
	Intents, Pushed, Late, Expired, Superseded, Dead, Calls int
	ADay, ACall                                             string
	P50, P90, P99, Max                                      string
}

type callRow struct {
	Number                    int
	At, Lane, Rules, Why, Who string
	Says                      []string
	Events                    []eventRow
	Count, More               int
}

type eventRow struct{ Name, Rule, Waited, Whom string }

// writePage writes the page of the first run.
func (s *simulation) writePage() (err error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("prepare page: %w", err)
	}
	file, err := os.Create(s.flags.html)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := t.Execute(file, s.page()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func (s *simulation) page() page {
	r, h := &s.reports[0], s.histories[0]
	zone := s.configs[0].Location
	clock := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04:05") }
	p := page{
		Rules: s.flags.rules, From: clock(r.From), To: clock(r.To), Zone: zone.String(),
		Facts: []fact{
			{"calls", fmt.Sprint(r.Calls), fmt.Sprintf("%.1f a day", float64(r.Calls)/r.Days())},
			{"events", fmt.Sprint(r.Events), fmt.Sprintf("%.1f a call", mergedMean(r))},
			{"pushed", fmt.Sprint(r.Ends.Pushed), fmt.Sprintf("%d late", lateOf(r))},
			{"expired", fmt.Sprint(r.Ends.Expired), fmt.Sprintf("%d critical missed", r.CriticalMissed())},
			{"superseded", fmt.Sprint(r.Ends.Superseded), fmt.Sprintf("%d repeats", r.Ends.Duplicate)},
			{"unmatched", fmt.Sprint(r.Ends.Unmatched), fmt.Sprintf("%d dead letters", r.Ends.DeadLettered)},
		},
	}
	axis := axisOf(r.From, r.To, zone)
	for _, l := range r.Lanes {
		name := l.Name
		if name == "" && len(r.Lanes) > 1 {
			name = "default"
		}
		p.Lanes = append(p.Lanes, lanePlots{Name: name, Calls: axis.calls(h, l.Name), Wait: axis.waiting(h, l.Name, len(r.Lanes) == 1), Budget: axis.budget(h, &l)})
	}
	for i := range r.Rules {
		p.Table = append(p.Table, rowOf(&r.Rules[i], r, h))
	}
	p.Delays = delayPlot(r, h)
	for i := range h.Calls {
		if i == pageCalls {
			p.MoreCalls = len(h.Calls) - pageCalls
			break
		}
		p.Calls = append(p.Calls, callRowOf(&h.Calls[i], zone))
	}
	return p
}

func rowOf(u *simulate.Rule, r *simulate.Report, h *simulate.History) ruleRow {
	row := ruleRow{
		Rule: u.Rule, Intents: u.Intents, Pushed: u.Ends.Pushed, Late: u.Late, Expired: u.Ends.Expired, Superseded: u.Ends.Superseded,
		Dead: u.Ends.DeadLettered, Calls: u.Calls, ADay: fmt.Sprintf("%.1f", float64(u.Calls)/r.Days()), ACall: fmt.Sprintf("%.1f", u.MergeFactor()),
		P50: "–", P90: "–", P99: "–", Max: "–",
	}
	if u.Priority != 0 {
		row.Priority = u.Priority.String()
	}
	if u.Ends.Pushed > 0 {
		delays := delaysOf(h, u.Rule)
		row.P50, row.P90 = readable(u.Delay.P50).String(), readable(rank(delays, 0.9)).String()
		row.P99, row.Max = readable(u.Delay.P99).String(), readable(u.Delay.Max).String()
	}
	return row
}

func callRowOf(c *simulate.Call, zone *time.Location) callRow {
	b := c.Batch
	row := callRow{
		Number: c.Number, At: c.Sent.In(zone).Format("01-02 15:04:05"), Lane: c.Lane, Why: b.Why.String(), Who: b.Audience.String(), Count: len(b.Covers),
	}
	var rules []string
	for i := range b.Covers {
		in := b.Covers[i].Intent
		if !slices.Contains(rules, in.Rule) {
			rules = append(rules, in.Rule)
		}
		if i < pageEvents {
			row.Events = append(row.Events, eventRow{
				Name: in.Origin.Source + "#" + in.Origin.ID, Rule: in.Rule, Waited: readable(c.Sent.Sub(in.Origin.Received)).String(), Whom: b.Covers[i].Audience.String(),
			})
		}
	}
	row.More = len(b.Covers) - len(row.Events)
	slices.Sort(rules)
	row.Rules = strings.Join(rules, ", ")
	for _, m := range b.Messages {
		row.Says = append(row.Says, m.Text())
	}
	return row
}
