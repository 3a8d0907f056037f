package mapper

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/intent"
)

// intervals are the file's `time_intervals`, in Alertmanager's shape and with
// its meaning, so that its documentation holds here.
type intervals struct {
	names     []string // also of those that are wrong, so that rules are not blamed
	calendars map[string]*intent.Calendar
	dated     map[string]bool // those that say years, and so close for good
	unions    map[string]union
	used      map[string]bool // by some rule, or by defaults
	gates     *gates
}

// union is what a rule's `active` comes to. Equal lists are one pointer.
type union struct {
	calendar *intent.Calendar
	gap      time.Duration // the longest that it is closed for; 0 where it has years
}

// aYear is where gaps are looked for. Times without years recur, so any years
// tell; asking a clock would make a file good today and bad tomorrow.
var aYear = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

var (
	namedIntervalKeys = keys{known: []string{"name", "time_intervals"}}
	intervalKeys      = keys{known: []string{"times", "weekdays", "days_of_month", "months", "years", "location"}}
	timesKeys         = keys{known: []string{"start_time", "end_time"}}
)

// union returns what is open when any of the names is; its calendar is nil
// where one of them could not be read.
func (x *intervals) union(names []string) union {
	names = slices.Sorted(slices.Values(names))
	key := strings.Join(names, " ")
	if u, ok := x.unions[key]; ok {
		return u
	}
	var all []*intent.Calendar
	dated := false
	for _, name := range names {
		c := x.calendars[name]
		if c == nil {
			return union{}
		}
		all, dated = append(all, c), dated || x.dated[name]
	}
	u := union{calendar: intent.Union(all...)}
	if len(all) > 1 {
		var of strings.Builder // they are one pointer each, and stay
		for _, c := range all {
			fmt.Fprintf(&of, "%p ", c)
		}
		u.calendar = x.gates.calendar(of.String(), u.calendar)
	}
	if !dated {
		u.gap, _ = u.calendar.LongestGap(aYear)
	}
	x.unions[key] = u
	return u
}

// timeIntervals compiles the top-level list.
func (l *loader) timeIntervals(n *node) {
	const field = "time_intervals"
	if n.kind != listNode || len(n.items) == 0 {
		l.refuse(n, field, fmt.Sprintf("want a list with at least one interval, got %s", n), "write - name: …, or take the key out")
		return
	}
	for i, item := range n.items {
		at := index(field, i)
		if l.fields(item, at, namedIntervalKeys) == nil {
			continue
		}
		name, ok := l.named(item, at)
		if ok && slices.Contains(l.intervals.names, name) {
			l.refuse(item.get("name"), join(at, "name"), fmt.Sprintf("there is a time interval %q already", name), "choose another")
		} else if ok {
			l.intervals.names = append(l.intervals.names, name)
		}
		list := item.get("time_intervals")
		if list == nil || list.kind != listNode || len(list.items) == 0 {
			place := list
			if place == nil {
				place = item
			}
			l.refuse(place, join(at, "time_intervals"), "want a list with at least one interval", `write - times: [{start_time: "08:00", end_time: "22:00"}]`)
			continue
		}
		l.calendar(list, join(at, "time_intervals"), name)
	}
}

func (l *loader) calendar(n *node, field, name string) {
	before := l.refused
	var spans []intent.Span
	dated := false
	for i, v := range n.items {
		s := l.span(v, index(field, i))
		spans, dated = append(spans, s), dated || len(s.Years) > 0
	}
	if l.refused > before || name == "" {
		return
	}
	c, err := intent.NewCalendar(name, spans...)
	if err != nil {
		l.refuse(n, field, err.Error(), "correct the interval")
		return
	}
	if c.Next(aYear).IsZero() && !dated {
		l.refuse(n, field, "it never opens", "no month has such a day")
	}
	c = l.gates.calendar(fmt.Sprintf("%s %+v", name, spans), c)
	l.intervals.calendars[name], l.intervals.dated[name] = c, dated
}

// span compiles one interval. What it does not say matches everything.
func (l *loader) span(n *node, field string) intent.Span {
	var s intent.Span
	if l.fields(n, field, intervalKeys) == nil {
		return s
	}
	said := false
	for _, part := range []struct {
		key  string
		read func(*node, string)
	}{
		{"times", func(v *node, at string) { s.Times = append(s.Times, l.dayTime(v, at)) }},
		{"weekdays", func(v *node, at string) { s.Weekdays = append(s.Weekdays, spread(l.weekdays(v, at))...) }},
		{"days_of_month", func(v *node, at string) { s.DaysOfMonth = append(s.DaysOfMonth, l.daysOfMonth(v, at)) }},
		{"months", func(v *node, at string) { s.Months = append(s.Months, spread(l.months(v, at))...) }},
		{"years", func(v *node, at string) { s.Years = append(s.Years, spread(l.years(v, at))...) }},
	} {
		v := n.get(part.key)
		if v == nil {
			continue
		}
		said = true
		at := join(field, part.key)
		if v.kind != listNode || len(v.items) == 0 {
			l.refuse(v, at, fmt.Sprintf("want a list, got %s", v), "take it out for all of them")
			continue
		}
		for i, item := range v.items {
			part.read(item, index(at, i))
		}
	}
	if !said {
		l.refuse(n, field, "it is always: nothing would ever be held", "say times, weekdays, days_of_month, months or years")
	}
	if v := n.get("location"); v != nil {
		s.Location = l.zone(v, join(field, "location"))
	}
	return s
}

func (l *loader) dayTime(n *node, field string) intent.DayTime {
	if l.fields(n, field, timesKeys) == nil {
		return intent.DayTime{}
	}
	var t intent.DayTime
	read := func(key string, into *int) bool {
		v := n.get(key)
		if v == nil {
			l.refuse(n, join(field, key), "it is missing", `write {start_time: "08:00", end_time: "22:00"}`)
			return false
		}
		var ok bool
		*into, ok = l.minutes(v, join(field, key), key == "end_time")
		return ok
	}
	start := read("start_time", &t.Start)
	if end := read("end_time", &t.End); start && end && t.End <= t.Start {
		l.refuse(n, field, "it ends before it starts", `over midnight write two: one to "24:00", one from "00:00"`)
	}
	return t
}

// minutes reads a time of day like 08:00, where a day may end at 24:00.
func (l *loader) minutes(n *node, field string, end bool) (int, bool) {
	s, ok := l.text(n, field)
	if !ok {
		return 0, false
	}
	if s == "24:00" && end {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		l.refuse(n, field, fmt.Sprintf("%q is no time of day", s), `write it like "08:00"`)
		return 0, false
	}
	return t.Hour()*60 + t.Minute(), true
}

// weekdays reads a weekday or a range of them.
func (l *loader) weekdays(n *node, field string) (first, last time.Weekday, ok bool) {
	return bounds(l, n, field, scale[time.Weekday]{"weekday", `write it like monday or "monday:friday"`, pointNames(time.Sunday, time.Saturday), func(word string) (time.Weekday, bool) {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if strings.ToLower(d.String()) == word {
				return d, true
			}
		}
		return 0, false
	}})
}

// months reads a month or a range of them, by name or number.
func (l *loader) months(n *node, field string) (first, last time.Month, ok bool) {
	return bounds(l, n, field, scale[time.Month]{"month", `write it like may, "5" or "may:august"`, pointNames(time.January, time.December), func(word string) (time.Month, bool) {
		for m := time.January; m <= time.December; m++ {
			if strings.ToLower(m.String()) == word || strconv.Itoa(int(m)) == word {
				return m, true
			}
		}
		return 0, false
	}})
}

func (l *loader) daysOfMonth(n *node, field string) intent.DayRange {
	const do = `write it like "1:5", or "-3:-1" for the month's last three`
	first, last, ok := bounds(l, n, field, scale[int]{"day of the month", do, nil, func(word string) (int, bool) {
		d, err := strconv.Atoi(word)
		return d, err == nil && d != 0 && -31 <= d && d <= 31 && word == strconv.Itoa(d)
	}})
	// In the longest month, from whichever end the days are counted.
	if in31 := func(d int) int { return (d + 32) % 32 }; ok && (in31(last) < in31(first) || first < 0 && last > 0) {
		l.refuse(n, field, fmt.Sprintf("%q ends before it starts", n.text), do)
	}
	return intent.DayRange{First: first, Last: last}
}

func (l *loader) years(n *node, field string) (first, last int, ok bool) {
	return bounds(l, n, field, scale[int]{"year", `write it like "2026" or "2026:2028"`, nil, func(word string) (int, bool) {
		y, err := strconv.Atoi(word)
		return y, err == nil && 1970 <= y && y <= 9999 && word == strconv.Itoa(y)
	}})
}

// scale is what the ends of a range are points of.
type scale[T ~int] struct {
	what, do string   // for messages
	names    []string // of the points, where they have any
	parse    func(string) (T, bool)
}

// pointNames returns the words of rule files from the first to the last.
func pointNames[T interface {
	~int
	fmt.Stringer
}](first, last T) []string {
	var names []string
	for v := first; v <= last; v++ {
		names = append(names, strings.ToLower(v.String()))
	}
	return names
}

// meant asks whether the range was meant that has a known name for each end.
func (of *scale[T]) meant(from, to string, isRange bool) string {
	ends := []string{from, to}
	for i, word := range ends {
		if _, ok := of.parse(word); ok {
			continue
		}
		if ends[i] = nearest(word, of.names); ends[i] == "" {
			return of.do
		}
	}
	if isRange {
		return fmt.Sprintf("did you mean %q?", ends[0]+":"+ends[1])
	}
	return fmt.Sprintf("did you mean %s?", ends[0])
}

// bounds reads "a" or "a:b". Of an end that counts from behind it says nothing.
func bounds[T ~int](l *loader, n *node, field string, of scale[T]) (first, last T, ok bool) {
	s, ok := l.text(n, field)
	if !ok {
		return 0, 0, false
	}
	from, to, isRange := strings.Cut(s, ":")
	if !isRange {
		to = from
	}
	first, good := of.parse(from)
	last, goodToo := of.parse(to)
	switch {
	case !good || !goodToo:
		l.refuse(n, field, fmt.Sprintf("%q is no %s", s, of.what), of.meant(from, to, isRange))
	case last < first && last >= 0:
		l.refuse(n, field, fmt.Sprintf("%q ends before it starts", s), "write two")
	default:
		return first, last, true
	}
	return 0, 0, false
}

// spread returns all of a range.
func spread[T ~int](first, last T, ok bool) []T {
	if !ok {
		return nil
	}
	var all []T
	for v := first; v <= last; v++ {
		all = append(all, v)
	}
	return all
}
