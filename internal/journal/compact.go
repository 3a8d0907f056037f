package journal

import (
	"slices"
	"time"

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
