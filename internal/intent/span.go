package intent

import (
	"fmt"
	"slices"
	"time"
)

var wholeDay = []DayTime{{Start: 0, End: 1440}}

func (s Span) location() *time.Location {
	if s.Location == nil {
		return time.UTC
	}
	return s.Location
}

func (s Span) times() []DayTime {
	if len(s.Times) == 0 {
		return wholeDay
	}
	return s.Times
}

// open says whether the span is open at t.
func (s Span) open(t time.Time) bool {
	t = t.In(s.location())
	if !s.matches(t) {
		return false
	}
	now := t.Hour()*60 + t.Minute()
	return slices.ContainsFunc(s.times(), func(p DayTime) bool { return p.Start <= now && now < p.End })
}

// matches judges the date that t shows, in t's own zone.
func (s Span) matches(t time.Time) bool {
	year, month, date := t.Date()
	return (len(s.Years) == 0 || slices.Contains(s.Years, year)) &&
		(len(s.Months) == 0 || slices.Contains(s.Months, month)) &&
		(len(s.Weekdays) == 0 || slices.Contains(s.Weekdays, t.Weekday())) &&
		(len(s.DaysOfMonth) == 0 || slices.ContainsFunc(s.DaysOfMonth, func(r DayRange) bool { return r.holds(date, daysIn(year, month)) }))
}

func (r DayRange) holds(date, days int) bool {
	first, last := r.First, r.Last
	if first < 0 {
		first += days + 1
	}
	if last < 0 {
		last += days + 1
	}
	return first <= date && date <= last
}

func daysIn(year int, month time.Month) int { return midnight(year, month+1, 0).utc().Day() }

// on returns when the span is open on the day that begins with the reading w.
func (s Span) on(w wall) []stretch {
	if !s.matches(w.utc()) {
		return nil
	}
	var all []stretch
	for _, p := range s.times() {
		all = append(all, stretches(s.location(), w+wall(p.Start*minute), w+wall(p.End*minute))...)
	}
	return all
}

// next returns the first instant after t at which the span, closed at t, opens;
// zero: not within the outlook.
func (s Span) next(t time.Time) time.Time {
	today := midnightOf(t, s.location())
	var next time.Time
	// One day earlier and one later than seems needed: where clocks go back across
	// midnight, a part of one day lies between parts of the next.
	for n := -1; n < outlook; n++ {
		found := !next.IsZero()
		for _, o := range s.on(today + wall(n*day)) {
			if o.end.After(t) && (next.IsZero() || o.start.Before(next)) {
				next = o.start
			}
		}
		if found {
			break
		}
	}
	return next
}

// until returns the end of the stretch that t lies in, the zero Time where it
// lies in none.
func (s Span) until(t time.Time) time.Time {
	var end time.Time
	for _, o := range s.on(midnightOf(t, s.location())) {
		if !o.start.After(t) && o.end.After(end) && o.end.After(t) {
			end = o.end
		}
	}
	return end
}

// clone keeps a Calendar from changing with the lists that it was made of.
func (s Span) clone() Span {
	s.Times = slices.Clone(s.Times)
	s.Weekdays = slices.Clone(s.Weekdays)
	s.DaysOfMonth = slices.Clone(s.DaysOfMonth)
	s.Months = slices.Clone(s.Months)
	s.Years = slices.Clone(s.Years)
	return s
}

func (s Span) check() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, p := range s.Times {
		if p.Start < 0 || p.End > 1440 || p.Start >= p.End {
			fault("times from %s to %s: a start from 00:00 on, before an end until 24:00; across midnight write two", hhmm(p.Start), hhmm(p.End))
		}
	}
	for _, d := range s.Weekdays {
		if d < time.Sunday || d > time.Saturday {
			fault("weekday %d: want 0 (sunday) to 6 (saturday)", d)
		}
	}
	for _, r := range s.DaysOfMonth {
		if !r.legal() {
			fault("days_of_month %d to %d: want 1 to 31, or -31 to -1 from the month's end, the first before the last in every month", r.First, r.Last)
		}
	}
	for _, m := range s.Months {
		if m < time.January || m > time.December {
			fault("month %d: want 1 to 12", m)
		}
	}
	for _, y := range s.Years {
		if y < 1970 || y > 9999 {
			fault("year %d: want 1970 to 9999", y)
		}
	}
	return faults
}

// legal refuses a range that begins at the month's end and ends at its start:
// which days it means depends on the month's length.
func (r DayRange) legal() bool {
	inMonth := func(n int) bool { return n != 0 && -31 <= n && n <= 31 }
	if !inMonth(r.First) || !inMonth(r.Last) || (r.First < 0 && r.Last > 0) {
		return false
	}
	// In the longest month there is a day that the range holds.
	return slices.ContainsFunc([]int{r.First, r.First + 32}, func(d int) bool { return r.holds(d, 31) })
}

func hhmm(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }
