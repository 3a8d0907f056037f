package limiter

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pushbridge/internal/audience"
)

// packings are instances of one message to many audiences: each draws the nth.
var packings = []struct {
	name string
	make func(r *rand.Rand) func() audience.Audience
}{
	{"uniform", func(r *rand.Rand) func() audience.Audience {
		return func() audience.Audience { return anyOf(r, 1+r.IntN(6), 1000) }
	}},
	{"zipf", func(r *rand.Rand) func() audience.Audience {
		popular := rand.NewZipf(r, 1.2, 2, 999)
		return func() audience.Audience {
			return anyOfDrawn(1+r.IntN(6), func() uint64 { return popular.Uint64() })
		}
	}},
	// Tags come in clusters of 5 to 15, as the cities of a region do.
	{"clusters", func(r *rand.Rand) func() audience.Audience {
		var clusters [][2]int // first tag, tags
		for first := 0; first < 1000; {
			size := 5 + r.IntN(11)
			clusters, first = append(clusters, [2]int{first, size}), first+size
		}
		return func() audience.Audience {
			c := clusters[r.IntN(len(clusters))]
			return anyOfDrawn(1+r.IntN(4), func() uint64 { return uint64(c[0] + r.IntN(c[1])) })
		}
	}},
	{"attributes", func(r *rand.Rand) func() audience.Audience {
		return func() audience.Audience { return must(audience.OfAnyAttr(drawnPairs(r, 1+r.IntN(3), 10, 20))) }
	}},
	// Of all kinds, so that some contain others.
	{"mixture", func(r *rand.Rand) func() audience.Audience {
		return func() audience.Audience {
			switch n := r.IntN(10); {
			case n < 4:
				return anyOf(r, 1+r.IntN(3), 200)
			case n < 6:
				return must(audience.OfAllTags(anyOf(r, 2+r.IntN(2), 1000).Tags()...))
			case n < 8:
				return must(audience.OfAnyAttr(drawnPairs(r, 1, 4, 10)))
			}
			return must(audience.OfAllAttrs(drawnPairs(r, 2, 4, 20)))
		}
	}},
}

func anyOfDrawn(n int, tag func() uint64) audience.Audience {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprint("tag-", tag())
	}
	return must(audience.OfAnyTag(tags...))
}

func drawnPairs(r *rand.Rand, n, names, values int) map[string]string {
	pairs := make(map[string]string, n)
	for len(pairs) < n {
		pairs[fmt.Sprint("name-", r.IntN(names))] = fmt.Sprint(r.IntN(values))
	}
	return pairs
}

// BenchmarkPacking unites the audiences of one message and reports the calls it
// makes of them, over what no scheduler could do with less, and the share of the
// tags that are in several calls: who has one sees the message twice.
func BenchmarkPacking(b *testing.B) {
	for _, packing := range packings {
		for _, n := range []int{1e3, 1e4, 1e5} {
			b.Run(fmt.Sprintf("%s/%d", packing.name, n), func(b *testing.B) {
				hello := message(b, "hello")
				var made, least int
				var repeated float64
				for b.Loop() {
					r := rand.New(rand.NewPCG(1, 2))
					draw := packing.make(r)
					s := newScheduler()
					asked := make(map[audience.Audience]bool)
					for i := range n {
						a := draw()
						asked[a] = true
						s.Add(start, newIntent(b, i, a, hello))
					}
					calls := callsOf(s)
					made, least, repeated = len(calls), fewest(asked), repeats(calls)
				}
				b.ReportMetric(float64(made), "calls")
				b.ReportMetric(float64(least), "bound")
				b.ReportMetric(float64(made)/float64(least), "calls/bound")
				b.ReportMetric(repeated, "tags-repeated")
			})
		}
	}
}

func callsOf(s *Scheduler) []audience.Audience {
	var calls []audience.Audience
	for _, e := range s.doors.entries {
		door := e.ref
		if door == nil {
			continue
		}
		if g := door.group(); g != nil {
			for u := range g.all() {
				calls = append(calls, u.audience)
			}
		} else {
			calls = append(calls, door.audience)
		}
	}
	return calls
}

// fewest is a number of calls that no exact scheduler can go below. A user who has
// but one tag or pair that is asked for is reached by no condition but an any kind
// that names it: ten tags a call, one value of an attribute. A user who has just what
// an all kind names, where nobody asks for less of it, is reached by that alone.
func fewest(asked map[audience.Audience]bool) int {
	tags, all := make(map[string]bool), make(map[audience.Audience]bool)
	pairs := make(map[string]map[string]bool)
	for a := range asked {
		switch a.Kind() {
		case audience.Everyone:
			return 1
		case audience.AnyTag:
			for tag := range a.Atoms() {
				tags[tag] = true
			}
		case audience.AnyAttr:
			for name, value := range a.Atoms() {
				if pairs[name] == nil {
					pairs[name] = make(map[string]bool)
				}
				pairs[name][value] = true
			}
		case audience.AllTags, audience.AllAttrs:
			all[a] = true
		}
	}
	values := 0
	for _, of := range pairs {
		values = max(values, len(of))
	}
	calls := (len(tags)+audience.MaxTags-1)/audience.MaxTags + values
	for a := range all {
		if !wider(a, tags, pairs, all) {
			calls++
		}
	}
	return calls
}

// wider says whether someone asks for more users than those of an all kind.
func wider(a audience.Audience, tags map[string]bool, pairs map[string]map[string]bool, all map[audience.Audience]bool) bool {
	for name, value := range a.Atoms() {
		if value == "" && tags[name] || pairs[name][value] {
			return true
		}
	}
	if a.Len() <= 2 {
		return false // one of one is of an any kind
	}
	names := a.Tags()
	for n := range names { // three tags at most, in these instances
		two := append(append([]string(nil), names[:n]...), names[n+1:]...)
		if all[must(audience.OfAllTags(two...))] {
			return true
		}
	}
	return false
}

// repeats is the share of the tags that are in several calls of an any kind.
func repeats(calls []audience.Audience) float64 {
	in := make(map[string]int)
	for _, a := range calls {
		if a.Kind() == audience.AnyTag {
			for tag := range a.Atoms() {
				in[tag]++
			}
		}
	}
	several := 0
	for _, n := range in {
		if n > 1 {
			several++
		}
	}
	return float64(several) / float64(max(1, len(in)))
}
