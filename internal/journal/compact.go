package journal

import (
	"fmt"
	"slices"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// sameEnd is what the events of one group have in common.
type sameEnd struct {
	kind                                Kind
	rule, lane, push, taskID, info, why string
	by                                  string
	app                                 uint32
	code                                int
	doubt, more                         bool
}

type group struct {
	at      time.Time
	offsets map[offset.Partition][]int64
}

// compact brings dispositions that differ only in position and time together.
// The order of the result is that of first appearance, so that equal input
// makes equal bytes.
func compact(ds []Disposition) []ended {
	groups := map[sameEnd]*group{}
	var order []sameEnd
	var g *group
	var last sameEnd
	for i := range ds {
		d := &ds[i]
		key := sameEnd{d.Kind, d.Rule, d.Lane, d.PushID, d.TaskID, d.Info, d.Why, byOf(d), d.App, d.Code, d.Doubt, d.More}
		if g == nil || key != last { // neighbours mostly end alike, and the key is long
			var ok bool
			if g, ok = groups[key]; !ok {
				g = &group{offsets: map[offset.Partition][]int64{}}
				groups[key] = g
				order = append(order, key)
			}
			last = key
		}
		if d.At.After(g.at) {
			g.at = d.At
		}
		p := d.Origin.Position
		g.offsets[p.Partition] = append(g.offsets[p.Partition], p.Offset)
	}

	out := make([]ended, len(order))
	for i, key := range order {
		g := groups[key]
		e := ended{
			Kind: key.kind.String(), Rule: key.rule, Lane: key.lane, App: key.app, Push: key.push, TaskID: key.taskID, Code: key.code, Info: key.info,
			Why: key.why, By: key.by, Doubt: key.doubt, More: key.more, At: g.at.UTC(),
		}
		for p, offsets := range g.offsets {
			e.Events = append(e.Events, spanOf(p, setOf(offsets)))
		}
		slices.SortFunc(e.Events, func(a, b span) int { return a.partition().Compare(b.partition()) })
		out[i] = e
	}
	return out
}

// maxBy is how long the name of what superseded an event may be to be kept, in bytes:
// an event may be called by a megabyte.
const maxBy = 512

// byOf is what superseded the event, which is told again by that name.
func byOf(d *Disposition) string {
	if d.Kind != Superseded || len(d.By) > maxBy {
		return ""
	}
	return d.By
}

// toOutcome returns the outcome that was stored.
func (w *outcome) toOutcome() Outcome {
	return Outcome{
		ID: w.ID, Number: w.Number, Lane: w.Lane, App: w.App, Class: w.Class, Code: w.Code, Info: w.Info, TaskID: w.TaskID,
		Started: w.Started, Ended: w.Ended, Counted: w.Counted,
	}
}

func (s span) partition() offset.Partition { return offset.Partition{Topic: s.Topic, ID: s.Partition} }

// toAttempt returns the attempt that was stored.
func (w *attempt) toAttempt(covers []cover) (Attempt, error) {
	a := Attempt{
		ID: w.ID, Number: w.Number, Lane: w.Lane, App: w.App, Pool: w.Pool, At: w.At, Deadline: w.Deadline, UnderWay: time.Duration(w.UnderWay) * time.Millisecond, Random: w.Random, Condition: w.Condition, Messages: w.Messages,
		RulesVersion: w.RulesVersion, Why: w.Why,
	}
	switch w.OnDoubt {
	case "":
	case intent.Resend.String():
		a.OnDoubt = intent.Resend
	case intent.Drop.String():
		a.OnDoubt = intent.Drop
	default:
		return Attempt{}, fmt.Errorf("attempt %s.%d: on_doubt %q: want %v or %v", w.ID, w.Number, w.OnDoubt, intent.Resend, intent.Drop)
	}
	// One attempt may have been written in several records, and each twice.
	for _, c := range covers {
		i := slices.IndexFunc(a.Covers, func(have Cover) bool {
			return have.Rule == c.Rule && have.Part == c.Part && have.Partition == c.Events.partition()
		})
		if i < 0 {
			i = len(a.Covers)
			a.Covers = append(a.Covers, Cover{Rule: c.Rule, Part: c.Part, Partition: c.Events.partition(), Offsets: new(offset.Set)})
		}
		for _, run := range c.Events.Runs.Ranges() {
			a.Covers[i].Offsets.AddRange(run)
		}
	}
	return a, nil
}
