package simulate

import (
	"fmt"
	"slices"
	"time"
)

// DifferenceKind is a way in which an event fares otherwise under other rules.
type DifferenceKind uint8

// The kinds. The first ones are about what is said to whom, the last about when.
const (
	OtherRule DifferenceKind = iota + 1
	OtherAudience
	OtherMessage
	OtherPriority
	OtherDisposition
	MoreCalls
	FewerCalls
	Earlier
	Later
)

// DifferenceKinds are all of them.
var DifferenceKinds = []DifferenceKind{
	OtherRule, OtherAudience, OtherMessage, OtherPriority, OtherDisposition, MoreCalls, FewerCalls, Earlier, Later,
}

// String returns the words for people and programs.
func (k DifferenceKind) String() string {
	switch k {
	case OtherRule:
		return "other rule"
	case OtherAudience:
		return "other audience"
	case OtherMessage:
		return "other message"
	case OtherPriority:
		return "other priority"
	case OtherDisposition:
		return "other disposition"
	case MoreCalls:
		return "more calls"
	case FewerCalls:
		return "fewer calls"
	case Earlier:
		return "earlier"
	case Later:
		return "later"
	}
	return fmt.Sprintf("DifferenceKind(%d)", uint8(k))
}

// shiftLeast is by how much a push must shift to be told as earlier or later: under
// other rules every call has another place among the others, and another latency.
const shiftLeast = time.Second

// Difference is one event that fares otherwise.
type Difference struct {
	Line          int64
	Name          string // source#id; empty: it is no event
	Kinds         []DifferenceKind
	Shift         time.Duration // by how much its push is later, where it is pushed once in both
	Before, After []Outcome     // one for each rule
}

// Comparison is what is otherwise in one of two runs of the same events.
type Comparison struct {
	Events      int // that both runs had
	Changed     int
	ByKind      map[DifferenceKind]int
	Differences []Difference // the first of them: those about what is said to whom before those about when
}

// Compare compares the histories of two runs, which it sorts, and describes at most
// limit differences; 0: all.
func Compare(before, after *History, limit int) Comparison {
	before.Sort()
	after.Sort()
	c := Comparison{ByKind: make(map[DifferenceKind]int)}
	var what, when []Difference
	a, b := before.Outcomes, after.Outcomes
	for len(a) > 0 || len(b) > 0 {
		line := nextLine(a, b)
		var x, y []Outcome
		x, a = ofLine(a, line)
		y, b = ofLine(b, line)
		c.Events++
		d := differenceOf(x, y)
		if len(d.Kinds) == 0 {
			continue
		}
		c.Changed++
		for _, k := range d.Kinds {
			c.ByKind[k]++
		}
		list := &what
		if d.Kinds[0] >= MoreCalls {
			list = &when
		}
		if limit == 0 || len(*list) < limit {
			*list = append(*list, d)
		}
	}
	c.Differences = slices.Concat(what, when)
	if limit > 0 && len(c.Differences) > limit {
		c.Differences = c.Differences[:limit]
	}
	return c
}

func nextLine(a, b []Outcome) int64 {
	switch {
	case len(a) == 0:
		return b[0].Line
	case len(b) == 0:
		return a[0].Line
	}
	return min(a[0].Line, b[0].Line)
}

// ofLine splits off the outcomes of one event.
func ofLine(all []Outcome, line int64) (these, rest []Outcome) {
	n := 0
	for n < len(all) && all[n].Line == line {
		n++
	}
	return all[:n:n], all[n:]
}

func differenceOf(before, after []Outcome) Difference {
	c := Difference{Before: before, After: after}
	for _, all := range [][]Outcome{before, after} {
		for i := range all {
			c.Line, c.Name = all[i].Line, all[i].Name
		}
	}
	kinds := make(map[DifferenceKind]bool)
	if len(before) == 1 && len(after) == 1 {
		kinds[OtherRule] = before[0].Rule != after[0].Rule
		differ(&before[0], &after[0], kinds)
		if before[0].Call > 0 && after[0].Call > 0 {
			c.Shift = after[0].Sent.Sub(before[0].Sent)
		}
	} else {
		for i := range before {
			n := slices.IndexFunc(after, func(o Outcome) bool { return o.Rule == before[i].Rule })
			if n < 0 {
				kinds[OtherRule] = true
				continue
			}
			differ(&before[i], &after[n], kinds)
		}
		kinds[OtherRule] = kinds[OtherRule] || len(before) != len(after)
	}
	for _, k := range DifferenceKinds {
		if kinds[k] {
			c.Kinds = append(c.Kinds, k)
		}
	}
	return c
}

// differ notes in what two outcomes of one event differ.
func differ(a, b *Outcome, kinds map[DifferenceKind]bool) {
	note := func(k DifferenceKind, is bool) { kinds[k] = kinds[k] || is }
	if a.Priority != 0 && b.Priority != 0 { // a rule asked for something in both
		note(OtherAudience, !slices.Equal(a.Audiences, b.Audiences))
		note(OtherMessage, a.Message != b.Message)
		note(OtherPriority, a.Priority != b.Priority)
	}
	note(OtherDisposition, a.Disposition != b.Disposition)
	if a.Call > 0 && b.Call > 0 {
		note(MoreCalls, a.Calls < b.Calls)
		note(FewerCalls, a.Calls > b.Calls)
		note(Earlier, a.Sent.Sub(b.Sent) >= shiftLeast)
		note(Later, b.Sent.Sub(a.Sent) >= shiftLeast)
	}
}
