package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
	"pushbridge/internal/simulate"
)

// toldDay is what became of a day's events, in words that are neither the bridge's
// nor the simulation's.
type toldDay struct {
	Calls []toldCall
	Ends  []toldEnd
}

type toldCall struct {
	Sent, Answered  time.Time
	Lane, Why, Says string
	Covers          []string
}

type toldEnd struct {
	Record, Rule string
	How          string
	At           time.Time
	Sent         time.Time // of the call that carried it
	Why          string    // that call was made
	By, Reason   string
}

// count is how many calls, ends, or ends of a kind the day had.
func (d toldDay) count(what string) int {
	switch what {
	case "call":
		return len(d.Calls)
	case "end":
		return len(d.Ends)
	}
	n := 0
	for _, e := range d.Ends {
		if e.How == what {
			n++
		}
	}
	return n
}

// inOrder sorts what is decided at one instant, and so in no order.
func (d toldDay) inOrder() toldDay {
	for n := range d.Calls {
		slices.Sort(d.Calls[n].Covers)
	}
	slices.SortFunc(d.Ends, func(a, b toldEnd) int { return strings.Compare(a.Record+" "+a.Rule, b.Record+" "+b.Rule) })
	return d
}

// ran reads what the bridge did from its journal and its results.
func (d *day) ran(w *world) toldDay {
	w.t.Helper()
	var told toldDay
	attempts, sent := map[string]*journal.Attempt{}, map[string]time.Time{}
	w.must(journal.Walk(context.Background(), journal.Config{Addr: w.client.Addr, Transport: w.client.Transport, Topic: journalTopic}, time.Time{}, func(e journal.Entry) error {
		if e.Attempt != nil {
			attempts[e.Attempt.ID] = e.Attempt
		}
		if e.Outcome == nil {
			return nil
		}
		o, a := e.Outcome, attempts[e.Outcome.ID]
		if o.Class != journal.ClassOK || a.Number != 1 {
			w.t.Errorf("call %s was not simply made: %+v", a.Name(), o)
		}
		sent[o.ID] = o.Started
		c := toldCall{Sent: o.Started, Answered: o.Ended, Lane: a.Lane, Why: a.Why, Says: saidBy(w.t, *a)}
		for _, cover := range a.Covers {
			for _, run := range cover.Offsets.Ranges() {
				for at := run.First; at <= run.Last; at++ {
					c.Covers = append(c.Covers, fmt.Sprintf("%s under %s", offset.Position{Partition: cover.Partition, Offset: at}, cover.Rule))
				}
			}
		}
		told.Calls = append(told.Calls, c)
		return nil
	}))
	events, _ := w.results()
	for _, e := range events {
		x := e.Data
		place := offset.Position{Partition: offset.Partition{Topic: inTopic, ID: int32(x.Partition)}, Offset: x.Offset}
		told.Ends = append(told.Ends, toldEnd{
			Record: place.String(), Rule: x.Rule, How: x.Disposition, At: x.Decided, Sent: sent[x.PushID], Why: x.Why, By: x.By,
			Reason: strings.TrimPrefix(x.Reason, "decode "+place.String()+": "),
		})
	}
	return told.inOrder()
}

// saidBy is whom a call reaches with what, as the API is told.
func saidBy(t testing.TB, a journal.Attempt) string {
	t.Helper()
	text, err := requestOf(a).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Condition, MsgBody json.RawMessage }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s to %s", all.MsgBody, all.Condition)
}

// simulated plays the day's records to the simulation of a bridge that began at an
// instant.
func (d *day) simulated(w *world, began time.Time) toldDay {
	w.t.Helper()
	var told toldDay
	_, err := simulate.Run(simulate.Config{
		Rules: w.rules, Lanes: d.lanes(w.rules), Latency: d.latency.Latency, Seed: d.latency.seed,
		Settle: 2 * time.Second, DedupWindow: 24 * time.Hour, DedupMax: 100_000, MaxPending: 100_000,
		Watched: d.records[0].at.Sub(began), Watch: simulate.Watch{
			Call: func(c simulate.Call) { told.Calls = append(told.Calls, d.callOf(w.t, c)) },
			End:  func(e simulate.End) { told.Ends = append(told.Ends, d.endOf(e)) },
		},
	}, d.arrivals())
	w.must(err)
	return told.inOrder()
}

func (d *day) callOf(t testing.TB, c simulate.Call) toldCall {
	t.Helper()
	call := toldCall{
		Sent: c.Sent, Answered: c.Ends, Lane: c.Lane, Why: c.Batch.Why.String(),
		Says: saidBy(t, journal.Attempt{Random: 1, Condition: c.Batch.Audience, Messages: c.Batch.Messages}),
	}
	for _, cover := range c.Batch.Covers {
		call.Covers = append(call.Covers, fmt.Sprintf("%s under %s", d.records[cover.Intent.Origin.Position.Offset].place, cover.Intent.Rule))
	}
	d.why[c.Number] = call.Why
	return call
}

func (d *day) endOf(e simulate.End) toldEnd {
	end := toldEnd{Record: d.records[e.Line].place.String(), Rule: e.Rule, How: e.Disposition, At: e.At, Sent: e.Sent, Why: d.why[e.Call], Reason: e.Reason}
	if e.Disposition == "superseded" {
		end.By = d.records[e.By].name
	}
	return end
}
