package intent

import "time"

// Instants and what a wall clock shows map onto each other by the offsets of a
// zone, each valid for a period. A clock that goes forward skips readings, one
// that goes back shows some twice; no function of this package asks time.Date
// about them, which answers with either of two instants.

// wall is a wall clock's reading: the seconds that would have passed since 1970
// if the clock had always shown UTC.
type wall int64

const (
	minute = 60
	day    = 24 * 60 * minute
	// maxOffset is more than any zone was ever away from UTC.
	maxOffset = 16 * time.Hour
)

// midnight is the reading with which a day begins. Days and months beyond their
// ends count on into the next.
func midnight(year int, month time.Month, dayOfMonth int) wall {
	return wall(time.Date(year, month, dayOfMonth, 0, 0, 0, 0, time.UTC).Unix())
}

// midnightOf is the midnight of the date that t has in loc.
func midnightOf(t time.Time, loc *time.Location) wall { return midnight(t.In(loc).Date()) }

// utc is the reading as an instant of the zone that has no offset: its date and
// time of day are those of the reading.
func (w wall) utc() time.Time { return time.Unix(int64(w), 0).UTC() }

// stretch is the instants from start on and before end.
type stretch struct{ start, end time.Time }

// stretches returns when a clock in loc shows a reading from `from` on and before
// to, in order: one stretch, unless the clock is set in between.
func stretches(loc *time.Location, from, to wall) []stretch {
	var all []stretch
	last := to.utc().Add(maxOffset)
	for at := from.utc().Add(-maxOffset); at.Before(last); {
		starts, ends := at.In(loc).ZoneBounds()
		offset := offsetOf(at, loc)
		s := stretch{start: from.utc().Add(-offset), end: to.utc().Add(-offset)}
		if !starts.IsZero() && starts.After(s.start) {
			s.start = starts
		}
		if !ends.IsZero() && ends.Before(s.end) {
			s.end = ends
		}
		if s.start.Before(s.end) {
			all = append(all, s)
		}
		if ends.IsZero() {
			break
		}
		at = ends
	}
	return all
}

// first returns the first instant at which a clock in loc shows w or, if it
// skips w, a later reading.
func first(loc *time.Location, w wall) time.Time {
	for at := w.utc().Add(-maxOffset); ; {
		starts, ends := at.In(loc).ZoneBounds()
		x := w.utc().Add(-offsetOf(at, loc))
		if !starts.IsZero() && starts.After(x) {
			x = starts
		}
		if ends.IsZero() || x.Before(ends) {
			return x
		}
		at = ends
	}
}

func offsetOf(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}

// StartOfDay returns the first instant of the calendar day that t lies in, by
// the clocks of loc: midnight, or where they skip midnight the instant at which
// they do.
func StartOfDay(t time.Time, loc *time.Location) time.Time {
	today := midnightOf(t, loc)
	// Clocks that are set back across midnight show the old date again. The new
	// day has begun for all that, so that days stay in order.
	if tomorrow := first(loc, today+day); !tomorrow.After(t) {
		return tomorrow.In(t.Location())
	}
	return first(loc, today).In(t.Location())
}

// NextAt returns the first instant after t at which the clocks of loc show the
// hour and minute, once a day: the first time where they show it twice, the
// instant at which they skip it where they do not show it.
func NextAt(t time.Time, hour, minutes int, loc *time.Location) time.Time {
	w := midnightOf(t, loc) + wall((hour*60+minutes)*minute)
	// The date before the present one, because skipping puts an instant later.
	for w -= day; ; w += day {
		if x := first(loc, w); x.After(t) {
			return x.In(t.Location())
		}
	}
}
