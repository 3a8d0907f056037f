package limiter

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/intent"
)

func drawTerms(t *rapid.T) intent.Terms {
	terms := intent.Terms{Calls: rapid.IntRange(2, 12).Draw(t, "quota"), Interval: 2}
	terms.Reserve = rapid.IntRange(0, terms.Calls/2).Draw(t, "reserve")
	left := terms.Calls - terms.Reserve
	for _, name := range []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(t, "pools")] {
		p := intent.Pool{Name: name, AtLeast: rapid.IntRange(0, left).Draw(t, "at least")}
		left -= p.AtLeast
		if rapid.Bool().Draw(t, "capped") {
			p.AtMost = rapid.IntRange(max(1, p.AtLeast), terms.Calls).Draw(t, "at most")
			p.Borrow = rapid.Bool().Draw(t, "borrows")
		}
		terms.Pools = append(terms.Pools, p)
	}
	return terms
}

// Teams take what they are given, as fast as they may. Whatever the order, a team
// gets its floor in every window, does not pass its ceiling, and leaves the
// reserve alone.
func TestPoolsKeepTheirShares(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := drawTerms(t)
		b := NewBudgetOf(terms)
		b.window.length = 100
		w := &twin{terms: terms, length: 100}
		emergencies := false
		now := start
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "idle")))
			d := draw{
				Pool: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "pool"), Critical: rapid.IntRange(0, 9).Draw(t, "critical") == 0,
				Reserve: terms.Reserve, Plenty: rapid.Bool().Draw(t, "plenty"),
			}
			at := b.nextFor(now, d)
			for instant := now; instant.Before(now.Add(200)) && (at.IsZero() || instant.Before(at)); instant = instant.Add(1) {
				if w.legal(instant) && w.freeFor(instant, d) > 0 {
					t.Fatalf("%+v at %v: next is %v, but %v is free", d, now.Sub(start), at.Sub(start), instant.Sub(start))
				}
			}
			if at.IsZero() {
				continue
			}
			if !w.legal(at) || w.freeFor(at, d) < 1 || b.freeFor(at, d) != w.freeFor(at, d) {
				t.Fatalf("%+v: %d free at %v, want %d", d, b.freeFor(at, d), at.Sub(start), w.freeFor(at, d))
			}
			now = at
			emergencies = emergencies || d.Critical
			b.SpendFrom(d.Pool, now)
			w.counted, w.all, w.pools = append(w.counted, now), append(w.all, now), append(w.pools, d.Pool)

			if !emergencies && b.free(now) < terms.Reserve {
				t.Fatalf("%d calls are left, the reserve is %d", b.free(now), terms.Reserve)
			}
			for _, u := range b.PoolUses(now) {
				if u.Used != w.used(now, u.Name) {
					t.Fatalf("pool %s used %d, want %d", u.Name, u.Used, w.used(now, u.Name))
				}
				own := draw{Pool: u.Name, Reserve: terms.Reserve}
				if got := b.freeFor(now, own); !emergencies && got < u.AtLeast-u.Used {
					t.Fatalf("pool %+v has used %d and only %d are left for it", u.Pool, u.Used, got)
				}
				if u.Name == d.Pool && !d.Critical && u.AtMost > 0 && u.Used > u.AtMost && !(u.Borrow && d.Plenty) {
					t.Fatalf("pool %+v has used %d", u.Pool, u.Used)
				}
			}
		}
	})
}

// freeFor is what a draw says, written down once more.
func (w *twin) freeFor(now time.Time, d draw) int {
	free := w.terms.Calls - w.used(now, "")
	if d.Critical {
		return max(0, free)
	}
	free -= d.Reserve
	for _, p := range w.terms.Pools {
		if used := w.used(now, p.Name); p.Name != d.Pool && used < p.AtLeast {
			free -= p.AtLeast - used
		}
	}
	for _, p := range w.terms.Pools {
		if p.Name == d.Pool && p.AtMost != 0 && (!p.Borrow || !d.Plenty) {
			free = min(free, p.AtMost-w.used(now, p.Name))
		}
	}
	return max(0, free)
}

func TestFreeFor(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	marketing := intent.Pool{Name: "marketing", AtMost: 60}
	safety := intent.Pool{Name: "safety", AtLeast: 30}
	lender := intent.Pool{Name: "marketing", AtMost: 60, Borrow: true}
	for name, tt := range map[string]struct {
		pools []intent.Pool
		spent map[string]int
		draw  draw
		want  int
		next  time.Duration // after the last call; -1: never
	}{
		"nothing spent":            {nil, nil, draw{}, 100, 0},
		"the reserve":              {nil, map[string]int{"": 85}, draw{Reserve: 20}, 0, 24*time.Hour - 79*time.Second},
		"critical has it":          {nil, map[string]int{"": 85}, draw{Reserve: 20, Critical: true}, 15, time.Second},
		"another's floor":          {[]intent.Pool{marketing, safety}, map[string]int{"": 75}, draw{}, 0, 24*time.Hour - 69*time.Second},
		"another's floor, used up": {[]intent.Pool{marketing, safety}, map[string]int{"safety": 30, "": 45}, draw{}, 25, time.Second},
		"one's own floor":          {[]intent.Pool{marketing, safety}, map[string]int{"": 75}, draw{Pool: "safety"}, 25, time.Second},
		"critical needs no floor":  {[]intent.Pool{marketing, safety}, map[string]int{"": 75}, draw{Critical: true}, 25, time.Second},
		"the ceiling":              {[]intent.Pool{marketing, safety}, map[string]int{"marketing": 60}, draw{Pool: "marketing"}, 0, 24*time.Hour - 59*time.Second},
		"critical passes it":       {[]intent.Pool{marketing}, map[string]int{"marketing": 60}, draw{Pool: "marketing", Critical: true}, 40, time.Second},
		"borrows":                  {[]intent.Pool{lender, safety}, map[string]int{"marketing": 60}, draw{Pool: "marketing", Plenty: true}, 10, time.Second},
		"borrows only of plenty":   {[]intent.Pool{lender, safety}, map[string]int{"marketing": 60}, draw{Pool: "marketing"}, 0, 24*time.Hour - 59*time.Second},
		"no pool of the terms":     {[]intent.Pool{marketing, safety}, map[string]int{"old": 65}, draw{Pool: "old"}, 5, time.Second},
		"never":                    {[]intent.Pool{{Name: "safety", AtLeast: 80}}, map[string]int{"safety": 1}, draw{Reserve: 20}, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := NewBudgetOf(intent.Terms{Calls: 100, Interval: time.Second - 1, Pools: tt.pools})
			last := start
			for pool, n := range tt.spent {
				for range n {
					last = b.Next(last)
					b.SpendFrom(pool, last)
				}
			}
			if got := b.freeFor(last, tt.draw); got != tt.want {
				t.Errorf("%d free, want %d", got, tt.want)
			}
			got := b.nextFor(last, tt.draw)
			if tt.next < 0 != got.IsZero() || tt.next >= 0 && got.Sub(last).Round(time.Second) != tt.next {
				t.Errorf("next after %v, want %v", got.Sub(last), tt.next)
			}
		})
	}
}
