package limiter

import (
	"iter"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/intent"
)

func place(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// Weeks with a day of 23 hours, of 25, one that begins at 01:00, and none of these.
var dayWeeks = map[string]time.Time{
	"Europe/Berlin":    time.Date(2026, 3, 27, 20, 0, 0, 0, time.UTC),
	"America/New_York": time.Date(2026, 10, 31, 1, 0, 0, 0, time.UTC),
	"Africa/Cairo":     time.Date(2026, 4, 22, 20, 0, 0, 0, time.UTC),
	"Asia/Shanghai":    time.Date(2026, 2, 27, 12, 0, 0, 0, time.UTC),
}

// Calls are made as they come, as early as the budget allows, under terms that
// change between windows, quotas and zones. Whatever the API's clock and network
// do within what the design allows, it never counts more in a window than the
// largest quota that was in force in it.
func TestNoWindowHoldsMoreThanItsQuota(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"", "Africa/Cairo", "America/New_York", "Asia/Shanghai", "Europe/Berlin"}).Draw(t, "zone")
		terms := intent.Terms{Calls: rapid.IntRange(1, 6).Draw(t, "quota"), Interval: time.Second}
		now := dayWeeks["Asia/Shanghai"]
		if name != "" {
			terms.Day, now = place(t, name), dayWeeks[name]
		}
		b := NewBudgetOf(terms)
		w := &twin{terms: terms, length: 24 * time.Hour}
		skew := time.Duration(rapid.IntRange(-int(clockError), int(clockError)).Draw(t, "the API's clock")) // within what is allowed for
		type counted struct {
			at    time.Time
			quota int
		}
		var server []counted
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			if rapid.IntRange(0, 9).Draw(t, "change") == 0 {
				w.terms.Calls = rapid.IntRange(1, 6).Draw(t, "other quota")
				b.SetTerms(w.terms)
			}
			idle := rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 9 * time.Hour}).Draw(t, "idle")
			now = now.Add(idle)
			// Questions about the future change nothing.
			future := now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "hours ahead")) * time.Hour)
			free := b.free(now)
			next := b.Next(now)
			if got := b.free(future); got != max(0, w.terms.Calls-w.used(future, "")) {
				t.Fatalf("%d free at %v", got, future)
			}
			b.Next(future)
			for range b.returns(now, future) {
			}
			if b.free(now) != free || !b.Next(now).Equal(next) {
				t.Fatal("a question about the future changed the present")
			}

			if next.Before(now) || !w.legal(next) {
				t.Fatalf("at %v: next is %v, which is not legal", now, next)
			}
			if next.After(now) && w.legal(next.Add(-1)) {
				t.Fatalf("at %v: next is %v, but a nanosecond before is legal", now, next)
			}
			now = next
			took := time.Duration(rapid.IntRange(1, 20_000).Draw(t, "took ms")) * time.Millisecond
			seen := now.Add(time.Duration(rapid.Int64Range(0, int64(took)).Draw(t, "counted after"))).Add(skew)
			server = append(server, counted{at: seen, quota: w.terms.Calls})
			now = now.Add(took)
			b.SpendFrom("", now)
			w.counted, w.all, w.pools = append(w.counted, now), append(w.all, now), append(w.pools, "")
		}
		for i, c := range server {
			n, most := 0, 0
			for _, d := range server[:i+1] {
				together := c.at.Sub(d.at) <= 24*time.Hour
				if w.terms.Day != nil {
					together = c.at.In(w.terms.Day).Format(time.DateOnly) == d.at.In(w.terms.Day).Format(time.DateOnly)
				}
				if together {
					n, most = n+1, max(most, d.quota)
				}
			}
			// The quota at a call bounds what the window holds with it; a larger one
			// may have let more in before.
			if n > most {
				t.Fatalf("call %d at %v is the %dth of its window, quota %d", i, c.at, n, most)
			}
		}
	})
}

// The history of a fault: 102 calls fitted into 24 hours, because a question
// about a later instant forgot those that would be gone by then.
func TestTheFutureForgetsNothing(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	b := NewBudgetOf(intent.Terms{Calls: 100, Interval: time.Second})
	now := start
	for range 100 {
		now = b.Next(now)
		b.SpendFrom("", now)
	}
	tomorrow := now.Add(25 * time.Hour)
	if b.free(tomorrow) != 100 || b.Used(tomorrow) != 0 || !b.Next(tomorrow).Equal(tomorrow) {
		t.Fatalf("tomorrow %d calls are free", b.free(tomorrow))
	}
	n := 0
	for at, free := range b.returns(now, tomorrow) {
		if n++; free != n || !at.Equal(start.Add(24*time.Hour+1+time.Duration(n-1)*(time.Second+1))) {
			t.Fatalf("return %d at %v leaves %d free", n, at, free)
		}
	}
	if at := b.Next(now); n != 100 || b.free(now) != 0 || at.Before(start.Add(24*time.Hour)) {
		t.Fatalf("after %d returns and questions about tomorrow the 101st call may start at %v", n, at)
	}
}

// After a day of silence calls go out one an interval.
func TestNoBurstAfterIdleTime(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	b := NewBudgetOf(intent.Terms{Calls: 100, Interval: time.Second})
	b.SpendFrom("", start)
	now := start.Add(23 * time.Hour)
	for n := range 10 {
		at := b.Next(now)
		if n > 0 && at.Sub(now) <= time.Second {
			t.Fatalf("call %d starts %v after the one before", n, at.Sub(now))
		}
		b.SpendFrom("", at)
		now = at
	}
}

func TestDayWindow(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct {
		zone string
		ends []string
		now  string
		used int
		next string // with a quota of 2
	}{
		"midnight gives all back": {"Asia/Shanghai", []string{"2026-06-01T08:00:00+08:00", "2026-06-01T09:00:00+08:00"},
			"2026-06-01T12:00:00+08:00", 2, "2026-06-02T00:00:10+08:00"},
		"just before midnight counts in both": {"Asia/Shanghai", []string{"2026-06-01T23:59:45+08:00", "2026-06-01T23:59:50+08:00"},
			"2026-06-02T00:00:10+08:00", 1, "2026-06-02T00:00:10+08:00"},
		"both just before midnight": {"Asia/Shanghai", []string{"2026-06-01T23:59:52+08:00", "2026-06-01T23:59:55+08:00"},
			"2026-06-02T00:00:10+08:00", 2, "2026-06-03T00:00:10+08:00"},
		"around midnight both days bind": {"Asia/Shanghai", []string{"2026-06-01T08:00:00+08:00", "2026-06-02T00:00:01+08:00"},
			"2026-06-02T00:00:03+08:00", 2, "2026-06-02T00:00:10+08:00"},
		"23 hours": {"Europe/Berlin", []string{"2026-03-29T00:00:11+01:00", "2026-03-29T00:00:13+01:00"},
			"2026-03-29T12:00:00+02:00", 2, "2026-03-30T00:00:10+02:00"},
		"25 hours": {"Europe/Berlin", []string{"2026-10-25T00:00:11+02:00", "2026-10-25T00:00:13+02:00"},
			"2026-10-25T23:59:00+01:00", 2, "2026-10-26T00:00:10+01:00"},
		"no midnight": {"Africa/Cairo", []string{"2026-04-23T00:00:11+02:00", "2026-04-23T00:00:13+02:00"},
			"2026-04-23T12:00:00+02:00", 2, "2026-04-24T01:00:10+03:00"},
		"a clock that went back": {"Asia/Shanghai", []string{"2026-06-02T00:05:00+08:00", "2026-06-01T08:00:00+08:00"},
			"2026-06-01T23:50:00+08:00", 2, "2026-06-02T00:05:01.000000001+08:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := func(s string) time.Time { return must(time.Parse(time.RFC3339, s)) }
			b := NewBudgetOf(intent.Terms{Calls: 2, Interval: time.Second, Day: place(t, tt.zone)})
			for _, end := range tt.ends {
				b.SpendFrom("", at(end))
			}
			if got := b.Used(at(tt.now)); got != tt.used {
				t.Errorf("%d used, want %d", got, tt.used)
			}
			if got := b.Next(at(tt.now)); !got.Equal(at(tt.next)) {
				t.Errorf("next is %v, want %s", got, tt.next)
			}
		})
	}
}

// A clock that runs ahead past midnight and is set back: the first call's date is
// the later one.
func TestDaysGoByTheClockOnTheWall(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	var r record
	midnight := start.Add(15 * time.Hour)
	r.add(start, midnight.Add(5*time.Minute))
	r.add(start.Add(time.Minute), midnight.Add(-5*time.Minute))
	r.add(start.Add(2*time.Minute), midnight.Add(-4*time.Minute))
	day, length := window{day: time.UTC}, window{length: 90 * time.Second}
	if used := r.used(day, midnight.Add(-time.Minute)); used != 3 {
		t.Errorf("%d calls count before midnight, want all", used)
	}
	if used := r.used(day, midnight.Add(time.Minute)); used != 1 {
		t.Errorf("%d calls count after midnight, want the one whose date it is", used)
	}
	if used := r.used(length, start.Add(2*time.Minute)); used != 2 {
		t.Errorf("%d calls count by what has passed, want the last two", used)
	}
}

// The same calls, counted by the day, by 24 hours, and by more of them.
func TestSetTerms(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	terms := intent.Terms{Calls: 3, Interval: time.Second}
	b := NewBudgetOf(terms)
	for h := range 3 { // 09:00, 10:00, 11:00 UTC
		b.SpendFrom("", start.Add(time.Duration(h)*time.Hour))
	}
	noon := start.Add(3 * time.Hour)
	for _, step := range []struct {
		calls      int
		day        *time.Location
		used, free int
		next       time.Duration // after noon
	}{
		{3, nil, 3, 0, 21*time.Hour + 1},
		{5, nil, 3, 2, 0},
		{1, nil, 3, 0, 23*time.Hour + 1},                     // all three must be gone
		{1, time.UTC, 3, 0, 12*time.Hour + clockError},       // 00:00
		{1, place(t, "Pacific/Auckland"), 1, 0, 23 * 3600e9}, // 11:00 UTC is its midnight
		{2, place(t, "Pacific/Auckland"), 1, 1, 0},
		{3, nil, 3, 0, 21*time.Hour + 1},
	} {
		terms.Calls, terms.Day = step.calls, step.day
		b.SetTerms(terms)
		if step.day != nil && step.day != time.UTC && step.calls == 1 {
			step.next += clockError
		}
		if b.Used(noon) != step.used || b.free(noon) != step.free || !b.Next(noon).Equal(noon.Add(step.next)) {
			t.Errorf("quota %d by day in %v: %d used, %d free, next in %v; want %+v", step.calls, step.day, b.Used(noon), b.free(noon), b.Next(noon).Sub(noon), step)
		}
	}
}

func BenchmarkBudget(b *testing.B) {
	for name, day := range map[string]*time.Location{"length": nil, "day": time.FixedZone("", 8*3600)} {
		budget := NewBudgetOf(intent.Terms{Calls: 1000, Interval: time.Second, Day: day})
		now := start
		for range 1000 {
			now = now.Add(time.Minute)
			budget.SpendFrom("", now)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				budget.free(now)
			}
		})
	}
}

// returns yields the instants after now and not after until at which calls leave
// the window, in order, each with what is free from then on. A call costs
// O(log quota).
func (b *Budget) returns(now, until time.Time) iter.Seq2[time.Time, int] {
	return func(yield func(time.Time, int) bool) {
		for at := b.nextReturn(now); !at.IsZero() && !at.After(until); at = b.nextReturn(at) {
			if !yield(at, b.free(at)) {
				return
			}
		}
	}
}
