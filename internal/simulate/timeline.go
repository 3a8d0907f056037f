package simulate

import "time"

// Moment is how a lane stood at the end of an hour.
type Moment struct {
	At      time.Time // in Config.Location
	Lane    string
	Calls   int // in the hour before
	Used    int // calls that count against the quota
	Quota   int
	Waiting int // intents that have not ended
}

// timeline looks at the lanes at the end of every hour in which something was to be
// seen.
type timeline struct {
	location *time.Location
	next     time.Time // zero: time has not begun
	calls    []int     // by lane, at the moment before
	moments  []Moment
}

// pass looks at all the hours that end before t, from now on.
func (l *timeline) pass(now, t time.Time, lanes []*lane) {
	if l.next.IsZero() {
		if now.IsZero() {
			return
		}
		l.next, l.calls = hourOf(now, l.location).Add(time.Hour), make([]int, len(lanes))
	}
	for l.next.Before(t) {
		seen := false
		for n, of := range lanes {
			m := Moment{
				At: l.next, Lane: of.name, Calls: of.calls - l.calls[n], Used: of.budget.Used(l.next), Quota: of.terms.Calls, Waiting: of.sched.Total(),
			}
			l.calls[n] = of.calls
			if m.Calls > 0 || m.Used > 0 || m.Waiting > 0 {
				l.moments, seen = append(l.moments, m), true
			}
		}
		l.next = l.next.Add(time.Hour)
		if !seen { // nothing is to be seen before something happens
			l.next = later(l.next, hourOf(t, l.location))
		}
	}
}

// hourOf is the beginning of the hour of the clock that t is in.
func hourOf(t time.Time, location *time.Location) time.Time {
	local := t.In(location)
	_, minute, second := local.Clock()
	return local.Add(-time.Duration(minute)*time.Minute - time.Duration(second)*time.Second - time.Duration(local.Nanosecond()))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
