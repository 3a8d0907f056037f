package limiter

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

var gateAudiences = func() []audience.Audience {
	anyOf := func(pairs map[string]string) audience.Audience { return must(audience.OfAnyAttr(pairs)) }
	return []audience.Audience{
		audience.All(), must(audience.OfAnyTag("gold")), must(audience.OfAllTags("gold", "press")),
		anyOf(map[string]string{"city": "a"}), anyOf(map[string]string{"city": "b"}), anyOf(map[string]string{"city": "c", "level": "1"}),
		must(audience.OfAllAttrs(map[string]string{"city": "a", "level": "1"})), must(audience.OfAllAttrs(map[string]string{"city": "b", "level": "2"})),
	}
}()

// The twin keeps all pushes and looks at every one.
func TestFrequencyAgreesWithAllPushes(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	const keep = 50
	rapid.Check(t, func(t *rapid.T) {
		p, silent := newPushes(keep), newPushes(keep)
		var all []push
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "later")))
			a := rapid.SampledFrom(gateAudiences).Draw(t, "audience")
			if rapid.Bool().Draw(t, "push") {
				p.add(a, now)
				silent.add(a, now)
				all = append(all, push{a, now})
				continue
			}
			f := intent.Frequency{Calls: rapid.IntRange(0, 4).Draw(t, "calls"), Per: time.Duration(rapid.IntRange(1, keep).Draw(t, "per"))}
			may := func(at time.Time) bool {
				n := 0
				for _, one := range all {
					if at.Sub(one.end) <= f.Per && one.audience.Overlaps(a) {
						n++
					}
				}
				return f.Calls == 0 || n < f.Calls
			}
			until, held := p.heldBy(now, a, f)
			if held == may(now) {
				t.Fatalf("%v at %v under %+v: held is %v", a, now.Sub(start), f, held)
			}
			if held && (!may(until) || may(until.Add(-1))) {
				t.Fatalf("%v at %v under %+v: held until %v", a, now.Sub(start), f, until.Sub(start))
			}
		}
		// Whoever was asked nothing before answers the same.
		for _, a := range gateAudiences {
			f := intent.Frequency{Calls: 2, Per: keep}
			until, held := p.heldBy(now, a, f)
			if u, h := silent.heldBy(now, a, f); h != held || held && !u.Equal(until) {
				t.Fatalf("%v: held until %v, %v; who was not asked before says %v, %v", a, until, held, u, h)
			}
		}
	})
}

func TestFrequencyMemoryIsBounded(t *testing.T) {
	t.Attr("guards", "the frequency ledger keeps one period, not all time")
	t.Parallel()
	p := newPushes(time.Hour)
	now := start
	for n := range 5 * maxViews {
		now = now.Add(time.Minute)
		p.add(audience.All(), now)
		p.heldBy(now, must(audience.OfAnyTag(fmt.Sprint(n))), intent.Frequency{Calls: 3, Per: time.Hour})
		p.heldBy(now, audience.All(), intent.Frequency{Calls: 62, Per: time.Hour})
	}
	if len(p.log) != 61 || len(p.views) > maxViews {
		t.Errorf("%d pushes and %d views are kept", len(p.log), len(p.views))
	}
}

// The twin keeps all that it was told and looks at everything.
func TestInhibitionAgreesWithAllItWasTold(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	type told struct {
		pool string
		a    audience.Audience
	}
	rapid.Check(t, func(t *rapid.T) {
		h, silent := newInhibitions(), newInhibitions()
		untils, pending := map[told]time.Time{}, map[told]int{}
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "later")))
			k := told{rapid.SampledFrom([]string{"x", "y"}).Draw(t, "pool"), rapid.SampledFrom(gateAudiences).Draw(t, "audience")}
			until := now.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "for")))
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				h.change(now, inhibitKey{k.pool, k.a}, 0, until)
				silent.change(now, inhibitKey{k.pool, k.a}, 0, until)
				untils[k] = latest(untils[k], until)
			case 1:
				h.pend(now, k.pool, k.a)
				silent.pend(now, k.pool, k.a)
				pending[k]++
			case 2:
				if pending[k] == 0 {
					continue
				}
				if rapid.Bool().Draw(t, "not pushed") {
					until = time.Time{}
				}
				h.release(now, k.pool, k.a, until)
				silent.release(now, k.pool, k.a, until)
				pending[k]--
				untils[k] = latest(untils[k], until)
			default:
				var want time.Time
				open := false
				for _, a := range gateAudiences {
					if s := (told{k.pool, a}); a.Overlaps(k.a) {
						want, open = latest(want, untils[s]), open || pending[s] > 0
					}
				}
				held := open || want.After(now)
				if open || !held {
					want = time.Time{}
				}
				got, by, ok := h.suppressed(now, k.pool, k.a)
				if ok != held || !got.Equal(want) || ok && !by.Overlaps(k.a) || ok == by.IsZero() {
					t.Fatalf("%v: held until %v by %v, %v; want %v, %v", k, got, by, ok, want, held)
				}
			}
		}
		for _, a := range gateAudiences {
			until, by, held := h.suppressed(now, "x", a)
			if u, b, hd := silent.suppressed(now, "x", a); !u.Equal(until) || b != by || hd != held {
				t.Fatalf("%v: held until %v by %v, %v; who was not asked before says %v, %v, %v", a, until, by, held, u, b, hd)
			}
		}
	})
}

func TestInhibitionMemoryIsBounded(t *testing.T) {
	t.Attr("guards", "a storm of repeats does not grow the suppressions")
	t.Parallel()
	h := newInhibitions()
	now := start
	for range 1000 {
		now = now.Add(time.Second)
		h.pend(now, "marketing", audience.All())
		h.release(now, "marketing", audience.All(), now.Add(time.Minute))
		h.change(now, inhibitKey{"marketing", must(audience.OfAnyTag(now.String()))}, 0, now.Add(10*time.Second))
	}
	if n := len(h.pools["marketing"].list); n != 11 || len(h.all) != n {
		t.Errorf("%d suppressions are listed and %d known, want those of the last 10 s and everyone's", n, len(h.all))
	}
	h.change(now, inhibitKey{"marketing", must(audience.OfAnyTag("over"))}, 0, now)
	h.change(now, inhibitKey{"marketing", must(audience.OfAnyTag("never"))}, 0, time.Time{})
	h.pend(now, "marketing", audience.All())
	h.release(now.Add(time.Hour), "marketing", audience.All(), time.Time{})
	if len(h.all) != 0 || len(h.pools) != 0 {
		t.Errorf("%d suppressions and %d pools are left when all is over", len(h.all), len(h.pools))
	}
}

// One hundred candidates against a thousand pushes and as many suppressions,
// each of one city: known ones, and ones that were never asked about.
func BenchmarkGates(b *testing.B) {
	city := func(n int) audience.Audience {
		return must(audience.OfAnyAttr(map[string]string{"city": fmt.Sprint(n)}))
	}
	p, h := newPushes(24*time.Hour), newInhibitions()
	for n := range 1000 {
		now := start.Add(time.Duration(n) * time.Second)
		p.add(city(n), now)
		h.change(now, inhibitKey{"marketing", city(n)}, 0, now.Add(24*time.Hour))
	}
	now := start.Add(time.Hour)
	var candidates []audience.Audience
	for n := range 100 {
		candidates = append(candidates, city(950+n)) // half of them were reached
	}
	ask := func() {
		for _, a := range candidates {
			p.heldBy(now, a, intent.Frequency{Calls: 2, Per: 24 * time.Hour})
			h.suppressed(now, "marketing", a)
		}
	}
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			ask()
		}
	})
	b.Run("unknown", func(b *testing.B) {
		for b.Loop() {
			clear(p.views)
			clear(h.pools["marketing"].views)
			ask()
		}
	})
	b.Run("after a change", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			now = now.Add(2 * time.Second)
			p.add(city(n%2000), now)
			h.change(now, inhibitKey{"marketing", city(n % 2000)}, 0, now.Add(24*time.Hour))
			ask()
		}
	})
}
