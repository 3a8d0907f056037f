package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/limiter"
	"pushbridge/internal/simulate"
)

// The plots' room, in the units of their drawings, which scale to the page.
const (
	plotWidth, plotHeight  = 900.0, 160.0
	plotLeft, plotRight    = 48.0, 8.0
	plotTop, plotBottom    = 10.0, 24.0
	plotInner              = plotWidth - plotLeft - plotRight
	plotFloor              = plotHeight - plotBottom
	columns                = 180 // into which time is divided
	halfDay, day, manyDays = 12 * time.Hour, 24 * time.Hour, 10 * 24 * time.Hour
)

// plot is one drawing: the template writes its texts and numbers, so that nothing of an
// event can be markup.
type plot struct {
	Title   string
	Summary string // what it shows, in words
	Spoken  string // the same at length, for who does not see it; empty: the Summary
	XTicks  []tick
	YTicks  []tick
	Bars    []bar
	Paths   []shape
	Left    coord // of the drawing; left of it stand the rows' texts
	Height  coord
}

// coord is a place in a drawing, to a tenth of its unit.
type coord float64

// String is the coordinate as SVG reads it.
func (c coord) String() string { return strconv.FormatFloat(float64(c), 'f', 1, 64) }

type tick struct {
	At   coord
	Text string
}

// TextAt is the line on which the text of a row stands.
func (t tick) TextAt() coord { return t.At + 4 }

// Words are for who does not see the drawing.
func (p plot) Words() string { return cmp.Or(p.Spoken, p.Summary) }

// Floor is where the drawing's lines end.
func (p plot) Floor() coord { return p.Height - plotBottom }

// Label is where the texts of the rows end.
func (p plot) Label() coord { return p.Left - 6 }

// Dates is where the texts below the drawing stand.
func (p plot) Dates() coord { return p.Height - 6 }

// bar is a rectangle with what it says when it is pointed at, and where it leads.
type bar struct {
	X, Y, W, H coord
	Class      string
	Says       string
	Link       int // the number of a call; 0: none
}

type shape struct{ D, Class string }

// axis is time from left to right.
type axis struct {
	from, to time.Time
	zone     *time.Location
	ticks    []tick
}

func axisOf(from, to time.Time, zone *time.Location) *axis {
	if !to.After(from) {
		to = from.Add(time.Hour)
	}
	a := &axis{from: from, to: to, zone: zone}
	step, form := time.Minute, "15:04"
	for _, s := range []time.Duration{
		5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, halfDay, day, 2 * day, 7 * day, 30 * day, 365 * day,
	} {
		if to.Sub(from)/step <= 8 {
			break
		}
		step = s
	}
	if step >= day {
		form = "01-02"
	} else if to.Sub(from) > day {
		form = "01-02 15h"
	}
	local := from.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	for t := midnight; !t.After(to); t = t.Add(step) {
		if !t.Before(from) {
			a.ticks = append(a.ticks, tick{coord(a.x(t)), t.In(zone).Format(form)})
		}
	}
	return a
}

func (a *axis) x(t time.Time) float64 {
	return plotLeft + plotInner*float64(t.Sub(a.from))/float64(a.to.Sub(a.from))
}

func (a *axis) column(t time.Time) int {
	return min(columns-1, max(0, int(columns*float64(t.Sub(a.from))/float64(a.to.Sub(a.from)))))
}

func (a *axis) clock(t time.Time) string { return t.In(a.zone).Format("01-02 15:04") }

// scale is a linear axis upwards from 0 to a round number.
type scale struct{ top float64 }

func scaleTo(most float64) scale {
	if most <= 0 {
		return scale{1}
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, n := range []float64{1, 2, 4, 5, 10} {
		if n*unit >= most {
			return scale{n * unit}
		}
	}
	return scale{most}
}

func (s scale) y(v float64) float64 { return plotFloor - (plotFloor-plotTop)*v/s.top }

func (s scale) ticks() []tick {
	half := s.top / 2
	ticks := []tick{{coord(s.y(0)), "0"}, {coord(s.y(s.top)), fmt.Sprintf("%g", s.top)}}
	if half == math.Trunc(half) {
		ticks = append(ticks, tick{coord(s.y(half)), fmt.Sprintf("%g", half)})
	}
	return ticks
}

// calls is a stroke for each call, as high as it carries events, on a scale of
// doublings. Calls that share a place are one stroke, which says so.
func (a *axis) calls(h *simulate.History, lane string) plot {
	p := plot{Title: "calls, by events they carry", XTicks: a.ticks, Left: plotLeft, Height: plotHeight}
	type spot struct {
		first   *simulate.Call
		calls   int
		most    int
		covered int
	}
	spots := make(map[int]*spot)
	most, total := 1, 0
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Lane != lane {
			continue
		}
		total++
		n := len(c.Batch.Covers)
		most = max(most, n)
		key := int(a.x(c.Sent) / 3)
		s := spots[key]
		if s == nil {
			s = &spot{first: c}
			spots[key] = s
		}
		s.calls++
		s.covered += n
		if n > s.most {
			s.most = n
			if n > len(s.first.Batch.Covers) {
				s.first = c
			}
		}
	}
	top := max(1, math.Ceil(math.Log2(float64(most)))) + 1
	for e := 0.0; e < top; e += math.Ceil(top / 5) {
		p.YTicks = append(p.YTicks, tick{coord(plotFloor - (plotFloor-plotTop)*(e+1)/top), fmt.Sprintf("%g", math.Exp2(e))})
	}
	for _, s := range spots {
		height := (plotFloor - plotTop) * (math.Log2(float64(s.most)) + 1) / top
		b := bar{X: coord(a.x(s.first.Sent) - 1), Y: coord(plotFloor - height), W: 2.5, H: coord(height), Class: "call", Link: s.first.Number}
		if s.first.Batch.Why == limiter.WhyCritical {
			b.Class = "call critical"
		}
		b.Says = fmt.Sprintf("%s: call %d, %d events, %s", a.clock(s.first.Sent), s.first.Number, len(s.first.Batch.Covers), s.first.Batch.Why)
		if s.calls > 1 {
			b.Says += fmt.Sprintf("; with %d more calls here, %d events in all", s.calls-1, s.covered)
		}
		if b.Link > pageCalls {
			b.Link = 0
		}
		p.Bars = append(p.Bars, b)
	}
	slices.SortFunc(p.Bars, func(x, y bar) int { return cmp.Compare(x.X, y.X) })
	p.Summary = fmt.Sprintf("%d calls; the largest carries %d events", total, most)
	return p
}

// step is a change of a count.
type step struct {
	at time.Time
	by int
}

// steps draws a count over time: the most of each column, and its highest.
func (a *axis) steps(all []step) (heights [columns]int, most int, when time.Time) {
	slices.SortStableFunc(all, func(x, y step) int { return x.at.Compare(y.at) })
	n, column := 0, 0
	for _, s := range all {
		for at := a.column(s.at); column < at; {
			column++
			heights[column] = n
		}
		n += s.by
		heights[column] = max(heights[column], n)
		if n > most {
			most, when = n, s.at
		}
	}
	for column++; column < columns; column++ {
		heights[column] = n
	}
	return heights, most, when
}

func (a *axis) area(heights [columns]int, s scale, class string) shape {
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", plotLeft, plotFloor)
	for i, n := range heights {
		x := plotLeft + plotInner*float64(i)/columns
		fmt.Fprintf(&d, "L%.1f %.1fL%.1f %.1f", x, s.y(float64(n)), x+plotInner/columns, s.y(float64(n)))
	}
	fmt.Fprintf(&d, "L%.1f %.1fZ", plotLeft+plotInner, plotFloor)
	return shape{d.String(), class}
}

// waiting is how many intents wait. Of several lanes, only what a call of the lane
// carries in the end is known to be its.
func (a *axis) waiting(h *simulate.History, lane string, all bool) plot {
	lanes := make(map[int]string, len(h.Calls))
	for i := range h.Calls {
		lanes[h.Calls[i].Number] = h.Calls[i].Lane
	}
	var steps []step
	for i := range h.Outcomes {
		o := &h.Outcomes[i]
		if o.Priority == 0 || o.Disposition == "duplicate" || !all && (o.Call == 0 || lanes[o.Call] != lane) {
			continue
		}
		steps = append(steps, step{o.Received, 1}, step{o.At, -1})
	}
	heights, most, when := a.steps(steps)
	s := scaleTo(float64(most))
	p := plot{Title: "intents that wait", XTicks: a.ticks, YTicks: s.ticks(), Left: plotLeft, Paths: []shape{a.area(heights, s, "wait")}, Height: plotHeight}
	if p.Summary = fmt.Sprintf("at most %d wait", most); most > 0 {
		p.Summary += ", at " + a.clock(when)
	}
	if !all {
		p.Summary += " (of those that this lane's calls carry)"
	}
	return p
}

// budget is how many calls of the last 24 hours count, below the quota.
func (a *axis) budget(h *simulate.History, l *simulate.Lane) plot {
	var steps []step
	for i := range h.Calls {
		if c := &h.Calls[i]; c.Lane == l.Name {
			steps = append(steps, step{c.Sent, 1})
			if back := c.Ends.Add(day); !back.After(a.to) {
				steps = append(steps, step{back, -1})
			}
		}
	}
	heights, most, when := a.steps(steps)
	s := scaleTo(float64(max(most, l.Quota)))
	quota := s.y(float64(l.Quota))
	p := plot{
		Title: "calls of the last 24 hours, and the quota", XTicks: a.ticks, YTicks: s.ticks(), Left: plotLeft, Height: plotHeight,
		Paths: []shape{a.area(heights, s, "used"), {fmt.Sprintf("M%.1f %.1fH%.1f", plotLeft, quota, plotLeft+plotInner), "quota"}},
	}
	p.Summary = fmt.Sprintf("quota %d; at most %d are used", l.Quota, most)
	if most > 0 {
		p.Summary += ", at " + a.clock(when)
	}
	return p
}

// delaysOf are the sorted delays of what one rule pushed.
func delaysOf(h *simulate.History, rule string) []time.Duration {
	var delays []time.Duration
	for i := range h.Outcomes {
		if o := &h.Outcomes[i]; o.Rule == rule && o.Call > 0 {
			delays = append(delays, max(0, o.Sent.Sub(o.Received)))
		}
	}
	slices.Sort(delays)
	return delays
}

// rank is the smallest of the sorted delays that so large a part does not exceed.
func rank(delays []time.Duration, q float64) time.Duration {
	if len(delays) == 0 {
		return 0
	}
	return delays[int(math.Ceil(q*float64(len(delays))))-1]
}

// shortName is a rule's name as far as there is room for it.
func shortName(name string) string {
	const most = 22
	if len(name) > most {
		return name[:most-1] + "…" // names are ASCII
	}
	return name
}

// delayPlot is a band for each rule, from its shortest delay to its longest, on a
// scale of tenfolds: half of its delays lie within the thick part.
func delayPlot(r *simulate.Report, h *simulate.History) plot {
	const rowHeight, names, first, last = 26.0, 210.0, -1.0, 6.0 // 0.1 s to 11 days
	p := plot{Title: "delays by rule, from arrival to the call"}
	inner := plotWidth - names - plotRight
	x := func(d time.Duration) float64 {
		e := math.Log10(max(0.1, d.Seconds()))
		return names + inner*(min(last, e)-first)/(last-first)
	}
	y := 14.0
	var words []string
	for i := range r.Rules {
		name := r.Rules[i].Rule
		delays := delaysOf(h, name)
		if len(delays) == 0 {
			continue
		}
		low, high := delays[0], delays[len(delays)-1]
		says := fmt.Sprintf("%s: from %s to %s; half between %s and %s, middle %s", name, readable(low), readable(high),
			readable(rank(delays, 0.25)), readable(rank(delays, 0.75)), readable(rank(delays, 0.5)))
		words = append(words, says)
		p.YTicks = append(p.YTicks, tick{coord(y), shortName(name)})
		thin := bar{X: coord(x(low)), Y: coord(y - 1.5), W: coord(max(2, x(high)-x(low))), H: 3, Class: "range", Says: says}
		a, b := x(rank(delays, 0.25)), x(rank(delays, 0.75))
		thick := bar{X: coord(a), Y: coord(y - 7), W: coord(max(2, b-a)), H: 14, Class: "half", Says: says}
		middle := bar{X: coord(x(rank(delays, 0.5)) - 1), Y: coord(y - 8), W: 2, H: 16, Class: "middle", Says: says}
		p.Bars = append(p.Bars, thin, thick, middle)
		y += rowHeight
	}
	p.Left, p.Height = names, coord(y+plotBottom-8)
	for _, t := range []struct {
		d    time.Duration
		text string
	}{{100 * time.Millisecond, "0.1s"}, {time.Second, "1s"}, {10 * time.Second, "10s"}, {time.Minute, "1m"}, {10 * time.Minute, "10m"}, {time.Hour, "1h"}, {6 * time.Hour, "6h"}, {day, "1d"}, {manyDays, "10d"}} {
		p.XTicks = append(p.XTicks, tick{coord(x(t.d)), t.text})
	}
	p.Spoken = strings.Join(words, ". ")
	return p
}
