package intent

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func TestNextAt(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct {
		zone         string
		after        string
		hour, minute int
		want         string
	}{
		"today":                     {"Asia/Shanghai", "2026-06-01T17:59:59+08:00", 18, 0, "2026-06-01T18:00:00+08:00"},
		"tomorrow, if it is now":    {"Asia/Shanghai", "2026-06-01T18:00:00+08:00", 18, 0, "2026-06-02T18:00:00+08:00"},
		"another date there":        {"Asia/Shanghai", "2026-06-01T23:00:00Z", 18, 0, "2026-06-02T10:00:00Z"},
		"skipped":                   {"Europe/Berlin", "2026-03-29T00:00:00+01:00", 2, 30, "2026-03-29T03:00:00+02:00"},
		"skipped, once":             {"Europe/Berlin", "2026-03-29T03:00:00+02:00", 2, 30, "2026-03-30T02:30:00+02:00"},
		"twice, the first":          {"Europe/Berlin", "2026-10-25T00:00:00+02:00", 2, 30, "2026-10-25T02:30:00+02:00"},
		"twice, not again":          {"Europe/Berlin", "2026-10-25T02:30:00+02:00", 2, 30, "2026-10-26T02:30:00+01:00"},
		"midnight that is skipped":  {"Africa/Cairo", "2026-04-23T12:00:00+02:00", 0, 0, "2026-04-24T01:00:00+03:00"},
		"before the next of a date": {"Pacific/Apia", "2011-12-29T20:00:00-10:00", 18, 0, "2011-12-31T00:00:00+14:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := instant(t, tt.after)
			if got := NextAt(after, tt.hour, tt.minute, zone(t, tt.zone)); !got.Equal(instant(t, tt.want)) {
				t.Errorf("%v, want %s", got, tt.want)
			}
		})
	}
}

func TestStartOfDay(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct{ zone, at, want string }{
		"noon":                          {"Europe/Berlin", "2026-06-01T12:00:00+02:00", "2026-06-01T00:00:00+02:00"},
		"midnight":                      {"Europe/Berlin", "2026-06-01T00:00:00+02:00", "2026-06-01T00:00:00+02:00"},
		"a day of 23 hours":             {"Europe/Berlin", "2026-03-29T23:59:59+02:00", "2026-03-29T00:00:00+01:00"},
		"a day of 25 hours":             {"Europe/Berlin", "2026-10-25T23:59:59+01:00", "2026-10-25T00:00:00+02:00"},
		"midnight is skipped":           {"Africa/Cairo", "2026-04-24T01:00:00+03:00", "2026-04-24T01:00:00+03:00"},
		"before it is skipped":          {"Africa/Cairo", "2026-04-23T23:59:59+02:00", "2026-04-23T00:00:00+02:00"},
		"the hour before comes twice":   {"America/Sao_Paulo", "2018-02-17T23:30:00-03:00", "2018-02-17T00:00:00-02:00"},
		"midnight came, then went back": {"America/St_Johns", "2010-11-06T23:30:00-03:30", "2010-11-07T00:00:00-02:30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := StartOfDay(instant(t, tt.at), zone(t, tt.zone)); !got.Equal(instant(t, tt.want)) {
				t.Errorf("%v, want %s", got, tt.want)
			}
		})
	}
}

// Days follow each other without a gap, whatever is done to the clocks.
func TestDaysAreInOrder(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		loc, week := drawZone(t)
		at := week.Add(time.Duration(rapid.IntRange(0, 5*24*60*60).Draw(t, "second")) * time.Second)
		start, end := StartOfDay(at, loc), NextAt(at, 0, 0, loc)
		if start.After(at) || !end.After(at) || !StartOfDay(end, loc).Equal(end) ||
			!StartOfDay(end.Add(-1), loc).Equal(start) || !NextAt(start, 0, 0, loc).Equal(end) {
			t.Fatalf("%v lies in the day from %v to %v", at.In(loc), start.In(loc), end.In(loc))
		}
		if got := end.In(loc); got.Add(-1).Day() == got.Day() {
			t.Fatalf("the day ends at %v", got)
		}
	})
}
