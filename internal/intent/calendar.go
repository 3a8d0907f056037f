package intent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Calendar is the recurring times of a rule's "active": it is open while one of
// its spans is. It follows wall clocks, so a span from 08:00 to 22:00 has 14
// hours on the days on which clocks are set, too. It is immutable.
type Calendar struct {
	name  string
	spans []Span
}

// Span is one recurring interval of a Calendar, with the meaning of
// Alertmanager's time_intervals. Empty lists match everything; within a list one
// match is enough, and all lists must match.
type Span struct {
	Location    *time.Location // nil: UTC
	Times       []DayTime      // of the day
	Weekdays    []time.Weekday // days of the week
	DaysOfMonth []DayRange     // 1 to 31, or from the month's end: -1 is the last day
	Months      []time.Month
	Years       []int
}

// DayTime is a part of a day, in minutes since midnight: start inclusive, end
// exclusive, 0 ≤ Start < End ≤ 1440.
type DayTime struct{ Start, End int }

// DayRange is days of the month, both inclusive. Of a month that is shorter the
// days that it has are meant.
type DayRange struct{ First, Last int }

// outlook is how far ahead a Calendar looks for its next change: a leap day's
// distance and more, but no search without end.
const outlook = 5 * 366

// NewCalendar returns the calendar that is open while one of the spans is, or
// all that is wrong with them.
func NewCalendar(name string, spans ...Span) (*Calendar, error) {
	var faults []error
	if name == "" {
		faults = append(faults, errors.New("it has no name"))
	}
	if len(spans) == 0 {
		faults = append(faults, errors.New("it has no interval, so it would never open"))
	}
	kept := make([]Span, len(spans))
	for i, s := range spans {
		kept[i] = s.clone()
		for _, err := range s.check() {
			faults = append(faults, fmt.Errorf("interval %d: %w", i+1, err))
		}
	}
	if len(faults) > 0 {
		for i, err := range faults {
			faults[i] = fmt.Errorf("time interval %q: %w", name, err)
		}
		return nil, errors.Join(faults...)
	}
	return &Calendar{name: name, spans: kept}, nil
}

// Union returns the calendar that is open while one of cs is. One alone is
// itself; a nil Calendar is always open, and so is a union with it or of none:
// nil.
func Union(cs ...*Calendar) *Calendar {
	var u Calendar
	var names []string
	for _, c := range cs {
		if c == nil {
			return nil
		}
		names = append(names, c.name)
		u.spans = append(u.spans, c.spans...)
	}
	switch len(cs) {
	case 0:
		return nil
	case 1:
		return cs[0]
	}
	u.name = strings.Join(names, ", ")
	return &u
}

// Name returns the name; of a union, the names with commas between them.
func (c *Calendar) Name() string { return c.name }

// Open says whether the calendar is open at t.
func (c *Calendar) Open(t time.Time) bool {
	return slices.ContainsFunc(c.spans, func(s Span) bool { return s.open(t) })
}

// Next returns t where the calendar is open at t, else the first instant at
// which it opens; the zero Time where that is not within the next five years.
func (c *Calendar) Next(t time.Time) time.Time {
	if c.Open(t) {
		return t
	}
	var next time.Time
	for _, s := range c.spans {
		if at := s.next(t); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		return next
	}
	return next.In(t.Location())
}

// Close returns when the opening that t lies in ends, and t where the calendar
// is not open; the zero Time where it stays open for the next five years.
func (c *Calendar) Close(t time.Time) time.Time {
	limit := t.AddDate(0, 0, outlook)
	for at := t; at.Before(limit); {
		end := at
		for _, s := range c.spans {
			if e := s.until(at); e.After(end) {
				end = e
			}
		}
		if end.Equal(at) {
			return end.In(t.Location())
		}
		at = end
	}
	return time.Time{}
}

// LongestGap returns the longest time that the calendar is closed for within the
// five years after t, to be compared with how long events live; false where it
// does not open again after some gap, so that the longest has no end.
func (c *Calendar) LongestGap(t time.Time) (time.Duration, bool) {
	var gap time.Duration
	limit := t.AddDate(0, 0, outlook)
	for at := t; at.Before(limit); {
		closes := c.Close(at)
		if closes.IsZero() {
			break
		}
		opens := c.Next(closes)
		if opens.IsZero() {
			return 0, false
		}
		gap = max(gap, opens.Sub(closes))
		at = opens
	}
	return gap, true
}
