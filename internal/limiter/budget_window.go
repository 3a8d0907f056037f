package limiter

import (
	"slices"
	"time"

	"pushbridge/internal/intent"
)

// clockError is how far the API's clock may be from ours where days count: a
// call that close to midnight may be counted on either side of it. Hosts that
// keep time by NTP differ by far less.
const clockError = 10 * time.Second

// window says which calls count together.
//
// Of a length: a call counts until more than the length has passed since its
// end. No window of that length, wherever it begins, then holds more calls than
// the quota, which no boundary of the API's can break.
//
// Of days: a call counts in each day of the zone that the API may find its end
// in, and is bound by each day that it may find its start in: around midnight
// both. So it counts from its end until clockError after the day's end, and into
// the next day if it ended less than clockError before midnight or after it. Days
// have the 23 to 25 hours that the zone gives them. Since calls are made one at a
// time, a call that starts in one day and ends in the next counts in both.
type window struct {
	length time.Duration
	day    *time.Location // nil: the length counts
}

// opened is the earliest end that counts at now.
func (w window) opened(now time.Time) time.Time {
	if w.day == nil {
		return now.Add(-w.length)
	}
	return intent.StartOfDay(now.Add(-clockError), w.day).Add(-clockError)
}

// gone is the first instant at which a call that ended at end does not count.
func (w window) gone(end time.Time) time.Time {
	if w.day == nil {
		return end.Add(w.length + 1) // "more than": one nanosecond
	}
	return intent.NextAt(end.Add(clockError), 0, 0, w.day).Add(clockError)
}

// forget is the end of the latest calls that need not be remembered where the
// newest is given. It is two windows back, although one would do: terms may go
// from days to a length, and the clock that days go by may be set back.
func (w window) forget(newest time.Time) time.Time {
	length := w.length
	if w.day != nil {
		length = max(length, 25*time.Hour)
	}
	return newest.Add(-2 * length)
}

// record is when calls ended. Lengths are measured by the readings that only go
// forward, where instants have them, days by the clock on the wall, which may be
// set back; neither order is the other, so both are kept.
type record struct {
	ends  []time.Time // oldest first
	dates []time.Time // the same without monotonic readings, oldest first
}

// add takes the same instant with its monotonic reading and without.
func (r *record) add(end, date time.Time) {
	insert := func(list []time.Time, t time.Time) []time.Time {
		return slices.Insert(list, endedBefore(list, t), t)
	}
	r.ends, r.dates = insert(r.ends, end), insert(r.dates, date)
}

// forget drops the calls that ended before cut.
func (r *record) forget(cut time.Time) {
	r.ends = slices.Delete(r.ends, 0, endedBefore(r.ends, cut))
	r.dates = slices.Delete(r.dates, 0, endedBefore(r.dates, cut.Round(0)))
}

func (r *record) newest() time.Time { return r.ends[len(r.ends)-1] }

// in returns the ends as the window compares them.
func (r *record) in(w window) []time.Time {
	if w.day != nil {
		return r.dates
	}
	return r.ends
}

// used is how many of the calls count at now.
func (r *record) used(w window, now time.Time) int {
	if r == nil {
		return 0
	}
	ends := r.in(w)
	return len(ends) - endedBefore(ends, w.opened(now))
}

// nextReturn is when the next calls after now cease to count; zero: none counts.
func (r *record) nextReturn(w window, now time.Time) time.Time {
	ends := r.in(w)
	if n := endedBefore(ends, w.opened(now)); n < len(ends) {
		return w.gone(ends[n])
	}
	return time.Time{}
}

// lastReturn is when the last calls that do not count at now ceased to; zero: none
// is remembered.
func (r *record) lastReturn(w window, now time.Time) time.Time {
	ends := r.in(w)
	if n := endedBefore(ends, w.opened(now)); n > 0 {
		return w.gone(ends[n-1])
	}
	return time.Time{}
}

// endedBefore is how many of the sorted instants are before t.
func endedBefore(sorted []time.Time, t time.Time) int {
	n, _ := slices.BinarySearchFunc(sorted, t, time.Time.Compare)
	return n
}
