package intent

import "time"

// Calendar is the recurring times of a rule's "active". It is immutable.
type Calendar struct {
	name  string
	spans []Span
}

// Span is one recurring interval of a Calendar. Empty lists match everything.
type Span struct {
	Location    *time.Location
	Times       []DayTime      // of the day
	Weekdays    []time.Weekday // days of the week
	DaysOfMonth []DayRange     // 1 to 31, or from the month's end: -1 is the last day
	Months      []time.Month
}

// DayTime is a part of a day, in minutes since midnight: start inclusive, end
// exclusive, 0 ≤ Start < End ≤ 1440.
type DayTime struct{ Start, End int }

// DayRange is days of the month, both inclusive.
type DayRange struct{ First, Last int }
