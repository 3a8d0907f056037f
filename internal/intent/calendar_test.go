package intent

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func newCalendar(t *testing.T, spans ...Span) *Calendar {
	t.Helper()
	c, err := NewCalendar("c", spans...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clockChanges are weeks in which clocks are set, each in another way: by an
// hour, by half of one, across midnight, to midnight, by a whole day.
var clockChanges = map[string]time.Time{
	"Europe/Berlin":       time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC),
	"America/New_York":    time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC),
	"Australia/Lord_Howe": time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC),
	"America/Sao_Paulo":   time.Date(2018, 11, 2, 0, 0, 0, 0, time.UTC),
	"America/Santiago":    time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC),
	"America/St_Johns":    time.Date(2010, 11, 5, 0, 0, 0, 0, time.UTC),
	"Africa/Cairo":        time.Date(2026, 4, 22, 0, 0, 0, 0, time.UTC),
	"Pacific/Apia":        time.Date(2011, 12, 28, 0, 0, 0, 0, time.UTC),
	"Asia/Shanghai":       time.Date(2026, 2, 26, 0, 0, 0, 0, time.UTC),
}

func drawZone(t *rapid.T) (*time.Location, time.Time) {
	name := rapid.SampledFrom(sortedKeys(clockChanges)).Draw(t, "zone")
	return zone(t, name), clockChanges[name]
}

func drawSpan(t *rapid.T, loc *time.Location) Span {
	s := Span{Location: loc}
	for range rapid.IntRange(0, 2).Draw(t, "times") {
		start := rapid.IntRange(0, 95).Draw(t, "start")
		end := rapid.IntRange(start+1, 96).Draw(t, "end")
		s.Times = append(s.Times, DayTime{Start: 15 * start, End: 15 * end})
	}
	s.Weekdays = rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 6), func(n int) time.Weekday { return time.Weekday(n) }), 0, 4).Draw(t, "weekdays")
	if rapid.IntRange(0, 3).Draw(t, "by date") == 0 {
		first := rapid.IntRange(1, 31).Draw(t, "first")
		s.DaysOfMonth = []DayRange{{First: first, Last: rapid.IntRange(first, 31).Draw(t, "last")}, {First: -2, Last: -1}}
	}
	return s
}

// The twin looks at every minute. It judges a minute by what the clock shows,
// with no idea of when clocks are set.
func TestCalendarAgreesWithEveryMinute(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc, week := drawZone(t)
		spans := []Span{drawSpan(t, loc)}
		if rapid.Bool().Draw(t, "another") {
			other, _ := drawZone(t)
			spans = append(spans, drawSpan(t, other))
		}
		c, err := NewCalendar("c", spans...)
		if err != nil {
			t.Fatal(err)
		}
		const minutes = 6 * 24 * 60
		var open [minutes]bool
		for m := range open {
			open[m] = naiveOpen(spans, week.Add(time.Duration(m)*time.Minute))
		}
		change := func(from int) time.Time { // when a minute differs from this one; zero: it is not in sight
			for m := from; m < minutes; m++ {
				if open[m] != open[from] {
					return week.Add(time.Duration(m) * time.Minute)
				}
			}
			return time.Time{}
		}
		for range 20 {
			m := rapid.IntRange(0, minutes-1).Draw(t, "minute")
			at := week.Add(time.Duration(m)*time.Minute + time.Duration(rapid.IntRange(0, 59).Draw(t, "second"))*time.Second)
			if c.Open(at) != open[m] {
				t.Fatalf("%v: open is %v", at.In(loc), !open[m])
			}
			got, want := c.Next(at), at
			if !open[m] {
				want = change(m)
			}
			if !want.IsZero() && !got.Equal(want) || want.IsZero() && !got.IsZero() && got.Before(week.Add(minutes*time.Minute)) {
				t.Fatalf("%v: opens at %v, want %v", at.In(loc), got.In(loc), want.In(loc))
			}
			got, want = c.Close(at), at
			if open[m] {
				want = change(m)
			}
			if !want.IsZero() && !got.Equal(want) || want.IsZero() && !got.IsZero() && got.Before(week.Add(minutes*time.Minute)) {
				t.Fatalf("%v: closes at %v, want %v", at.In(loc), got.In(loc), want.In(loc))
			}
		}
	})
}

func naiveOpen(spans []Span, t time.Time) bool {
	for _, s := range spans {
		local := t.In(s.Location)
		inDay := len(s.Times) == 0
		for _, p := range s.Times {
			m := local.Hour()*60 + local.Minute()
			inDay = inDay || p.Start <= m && m < p.End
		}
		inWeek := len(s.Weekdays) == 0
		for _, d := range s.Weekdays {
			inWeek = inWeek || d == local.Weekday()
		}
		fromEnd := 0 // -1 on the last day of the month
		for d := local; len(s.DaysOfMonth) > 0 && d.Month() == local.Month(); d = time.Date(d.Year(), d.Month(), d.Day()+1, 12, 0, 0, 0, time.UTC) {
			fromEnd--
		}
		inMonth := len(s.DaysOfMonth) == 0
		for _, r := range s.DaysOfMonth {
			if r.First > 0 {
				inMonth = inMonth || r.First <= local.Day() && local.Day() <= r.Last
			} else {
				inMonth = inMonth || r.First <= fromEnd && fromEnd <= r.Last
			}
		}
		if inDay && inWeek && inMonth {
			return true
		}
	}
	return false
}

func TestCalendarChanges(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	daytime := Span{Location: berlin, Times: []DayTime{{Start: 8 * 60, End: 22 * 60}}}
	weekend := Span{Location: berlin, Weekdays: []time.Weekday{time.Saturday, time.Sunday}}
	night := []DayTime{{Start: 22 * 60, End: 1440}, {Start: 0, End: 6 * 60}}

	for name, tt := range map[string]struct {
		spans              []Span
		at                 string
		opens, closes, gap string // empty: never
	}{
		"the night before clocks go forward":   {[]Span{daytime}, "2026-03-28T23:00:00+01:00", "2026-03-29T08:00:00+02:00", "2026-03-28T23:00:00+01:00", "11h0m0s"},
		"the day on which clocks go back":      {[]Span{daytime}, "2026-10-25T08:00:00+01:00", "2026-10-25T08:00:00+01:00", "2026-10-25T22:00:00+01:00", "11h0m0s"},
		"just closed":                          {[]Span{daytime}, "2026-06-01T22:00:00+02:00", "2026-06-02T08:00:00+02:00", "2026-06-01T22:00:00+02:00", "11h0m0s"},
		"a time that is skipped":               {[]Span{{Location: berlin, Times: []DayTime{{Start: 130, End: 170}}}}, "2026-03-28T12:00:00+01:00", "2026-03-30T02:10:00+02:00", "2026-03-28T12:00:00+01:00", "46h20m0s"},
		"a time that comes twice":              {[]Span{{Location: berlin, Times: []DayTime{{Start: 130, End: 170}}}}, "2026-10-25T02:55:00+02:00", "2026-10-25T02:10:00+01:00", "2026-10-25T02:55:00+02:00", "46h20m0s"},
		"a span in the skipped hour's sides":   {[]Span{{Location: berlin, Times: []DayTime{{Start: 90, End: 210}}}}, "2026-03-29T01:30:00+01:00", "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "22h0m0s"},
		"across midnight":                      {[]Span{{Location: berlin, Times: night}}, "2026-06-01T23:00:00+02:00", "2026-06-01T23:00:00+02:00", "2026-06-02T06:00:00+02:00", "16h0m0s"},
		"the weekend's end is the union's":     {[]Span{daytime, weekend}, "2026-06-05T21:00:00+02:00", "2026-06-05T21:00:00+02:00", "2026-06-05T22:00:00+02:00", "10h0m0s"},
		"no opening between day and weekend":   {[]Span{daytime, weekend}, "2026-06-07T21:00:00+02:00", "2026-06-07T21:00:00+02:00", "2026-06-08T00:00:00+02:00", "10h0m0s"},
		"the month's last day, in February":    {[]Span{{DaysOfMonth: []DayRange{{-1, -1}}}}, "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "720h0m0s"},
		"the 31st, where there is one":         {[]Span{{DaysOfMonth: []DayRange{{31, 31}}}}, "2026-04-02T00:00:00Z", "2026-05-31T00:00:00Z", "2026-04-02T00:00:00Z", "1440h0m0s"},
		"from the 30th on, in February none":   {[]Span{{DaysOfMonth: []DayRange{{30, -1}}}}, "2026-02-01T00:00:00Z", "2026-03-30T00:00:00Z", "2026-02-01T00:00:00Z", "1392h0m0s"},
		"a leap day":                           {[]Span{{DaysOfMonth: []DayRange{{29, 29}}, Months: []time.Month{time.February}}}, "2028-03-01T00:00:00Z", "2032-02-29T00:00:00Z", "2028-03-01T00:00:00Z", "35040h0m0s"},
		"a year that is over":                  {[]Span{{Years: []int{2025}}}, "2026-01-01T00:00:00Z", "", "2026-01-01T00:00:00Z", ""},
		"a year, then no more":                 {[]Span{{Years: []int{2026}}}, "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z", ""},
		"a date that comes back":               {[]Span{{Location: zone(t, "America/St_Johns"), Times: []DayTime{{23*60 + 30, 1440}}}}, "2010-11-07T00:00:30-02:30", "2010-11-06T23:30:00-03:30", "2010-11-07T00:00:30-02:30", "24h30m0s"},
		"always":                               {[]Span{{}}, "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", "", "0s"},
		"a date that a zone skipped is passed": {[]Span{{Location: zone(t, "Pacific/Apia"), DaysOfMonth: []DayRange{{30, 30}}, Months: []time.Month{time.December}}}, "2011-12-29T10:00:00-10:00", "2012-12-30T00:00:00+14:00", "2011-12-29T10:00:00-10:00", "8774h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCalendar(t, tt.spans...)
			at := instant(t, tt.at)
			if got := c.Next(at); !got.Equal(instant(t, tt.opens)) {
				t.Errorf("opens at %v, want %s", got, tt.opens)
			}
			if got := c.Close(at); !got.Equal(instant(t, tt.closes)) {
				t.Errorf("closes at %v, want %s", got, tt.closes)
			}
			gap, ends := c.LongestGap(at)
			if ends != (tt.gap != "") || ends && gap.String() != tt.gap {
				t.Errorf("the longest gap is %v, %v, want %q", gap, ends, tt.gap)
			}
		})
	}
}

// instant reads RFC 3339; empty is the zero Time.
func instant(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestCalendarRefusals(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct {
		name    string
		spans   []Span
		wantErr []string // parts of the message; empty: no error
	}{
		"no name":            {"", []Span{{}}, []string{`time interval "": it has no name`}},
		"no span":            {"c", nil, []string{`time interval "c": it has no interval`}},
		"backwards":          {"c", []Span{{}, {Times: []DayTime{{1320, 360}}}}, []string{`"c": interval 2: times from 22:00 to 06:00`, "across midnight write two"}},
		"empty":              {"c", []Span{{Times: []DayTime{{60, 60}}}}, []string{"from 01:00 to 01:00"}},
		"past the day":       {"c", []Span{{Times: []DayTime{{60, 1441}}}}, []string{"to 24:01"}},
		"whole day":          {"c", []Span{{Times: []DayTime{{0, 1440}}}}, nil},
		"all that is wrong":  {"c", []Span{{Weekdays: []time.Weekday{7}, Months: []time.Month{0, 13}, Years: []int{26}}}, []string{"weekday 7", "month 0", "month 13", "year 26"}},
		"day 0":              {"c", []Span{{DaysOfMonth: []DayRange{{0, 3}}}}, []string{"days_of_month 0 to 3"}},
		"day 32":             {"c", []Span{{DaysOfMonth: []DayRange{{1, 32}}}}, []string{"days_of_month 1 to 32"}},
		"days backwards":     {"c", []Span{{DaysOfMonth: []DayRange{{5, 3}}}}, []string{"days_of_month 5 to 3"}},
		"end backwards":      {"c", []Span{{DaysOfMonth: []DayRange{{-1, -3}}}}, []string{"days_of_month -1 to -3"}},
		"end to start":       {"c", []Span{{DaysOfMonth: []DayRange{{-3, 3}}}}, []string{"days_of_month -3 to 3"}},
		"start to end":       {"c", []Span{{DaysOfMonth: []DayRange{{15, -1}}}}, nil},
		"never in any month": {"c", []Span{{DaysOfMonth: []DayRange{{31, -31}}}}, []string{"days_of_month 31 to -31"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := NewCalendar(tt.name, tt.spans...)
			if (err != nil) != (len(tt.wantErr) > 0) || (c == nil) != (err != nil) {
				t.Fatalf("%v, %v, want an error with %q", c, err, tt.wantErr)
			}
			for _, part := range tt.wantErr {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestUnionOfCalendars(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	times := []DayTime{{Start: 60, End: 120}}
	a, err := NewCalendar("a", Span{Times: times})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewCalendar("b", Span{Times: []DayTime{{Start: 120, End: 180}}})
	if err != nil {
		t.Fatal(err)
	}
	times[0].Start = 0 // a calendar does not change with what it was made of

	midnight := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	u := Union(a, b)
	if u.Name() != "a, b" || !u.Next(midnight).Equal(midnight.Add(time.Hour)) || !u.Close(midnight.Add(time.Hour)).Equal(midnight.Add(3*time.Hour)) {
		t.Errorf("%s opens at %v and closes at %v", u.Name(), u.Next(midnight), u.Close(midnight.Add(time.Hour)))
	}
	if Union(a) != a || Union() != nil || Union(a, nil, b) != nil {
		t.Error("the union of one is not itself, or that with what is always open is not that")
	}
}

func BenchmarkCalendar(b *testing.B) {
	c, err := NewCalendar("c", Span{Location: zone(b, "Europe/Berlin"), Times: []DayTime{{480, 1320}}})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 6, 1, 1, 0, 0, 0, time.UTC)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			c.Open(at)
		}
	})
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			c.Next(at)
		}
	})
	b.Run("gap", func(b *testing.B) {
		for b.Loop() {
			c.LongestGap(at)
		}
	})
}
