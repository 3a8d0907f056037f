package main

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"pushbridge/internal/mapper"
)

func TestSameSeedSameBytes(t *testing.T) {
	t.Attr("guards", "what the benchmark is measured on")
	t.Parallel()
	for _, regime := range regimeNames() {
		first := generated(t, regime, 7, 0.2)
		if !bytes.Equal(first, generated(t, regime, 7, 0.2)) {
			t.Errorf("%s: two traces of one seed differ", regime)
		}
		if bytes.Equal(first, generated(t, regime, 8, 0.2)) {
			t.Errorf("%s: seeds 7 and 8 give the same trace", regime)
		}
	}
}

func TestUnknownRegimeAndScaleAreRefused(t *testing.T) {
	t.Attr("guards", "what the benchmark is measured on")
	t.Parallel()
	if err := generate(new(bytes.Buffer), "monsoon", 1, 1); err == nil {
		t.Error("generate took a regime that does not exist")
	}
	if err := generate(new(bytes.Buffer), "calm", 1, 0); err == nil {
		t.Error("generate took a scale of 0")
	}
}

// The rules must take every event, or a renamed field would make a day easier.
func TestTracesMeetTheRules(t *testing.T) {
	t.Attr("guards", "what the benchmark is measured on")
	t.Parallel()
	for name, want := range map[string]struct {
		least, most int
		rules       []string // all that the regime must ask of
	}{
		"calm":        {90, 150, []string{"alert", "notice", "order-delay", "price", "stock"}},
		"promo-burst": {9700, 10100, []string{"alert-red", "alert-orange"}},
		"alert-storm": {600, 1200, []string{"alert-red", "alert-orange", "alert"}},
		"mixed":       {2000, 3500, []string{"alert-red", "alert-orange", "alert", "promo", "price", "stock", "order-delay", "notice"}},
		"anti-window": {200, 400, []string{"alert-red", "alert-orange", "alert", "promo", "stock", "order-delay"}},
		"starved":     {1000, 3000, []string{"alert-red", "promo", "price", "stock", "order-delay", "notice"}},
		"week":        {9000, 15000, []string{"alert-red", "alert-orange", "alert", "promo", "price", "stock", "order-delay", "notice"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := generated(t, name, 5, 1)
			got, err := load(raw, rules(t))
			if err != nil {
				t.Fatal(err)
			}
			by := map[string]int{}
			for _, a := range got.asks {
				by[a.in.Rule]++
			}
			for _, rule := range want.rules {
				if by[rule] == 0 {
					t.Errorf("nothing for rule %s: %v", rule, by)
				}
			}
			if n := len(got.asks); n < want.least || n > want.most {
				t.Errorf("%d events, want %d to %d", n, want.least, want.most)
			}
			lines := bytes.Count(raw, []byte("\n"))
			if again := lines - len(got.asks); again < lines/100 || again > lines/25 {
				t.Errorf("%d of %d events are repeats, want about one in %d", again, lines, repeated)
			}
		})
	}
}

// Merged without regard to time, a starved day still needs five times the quota.
func TestStarvedCannotBeMerged(t *testing.T) {
	t.Attr("guards", "what the benchmark is measured on")
	t.Parallel()
	p := newPool(false)
	for _, a := range loaded(t, "starved", 5, 1).asks {
		p.add(a)
	}
	if n := len(p.batches); n < 480 || n > 560 {
		t.Errorf("%d calls for the starved day, want about 520", n)
	}
}

func generated(t *testing.T, regime string, seed uint64, scale float64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := generate(&out, regime, seed, scale); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func loaded(t *testing.T, regime string, seed uint64, scale float64) *trace {
	t.Helper()
	got, err := load(generated(t, regime, seed, scale), rules(t))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(got.asks, func(a, b *ask) int { return int(a.arrived - b.arrived) }) {
		t.Fatalf("%s: events are not in the order of their arrival", regime)
	}
	return got
}

// compiled is the benchmark's rules, which take a while.
var compiled = sync.OnceValues(options{}.load)

func rules(t *testing.T) *mapper.Rules {
	t.Helper()
	r, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
