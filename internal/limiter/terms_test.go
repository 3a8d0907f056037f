package limiter

import (
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// Rules that are edited all day rename their pools. What waits in a pool that is gone
// draws on what is common, and the purses of such pools are used again.
func TestTermsMayChangeForEver(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	s := New(Config{
		Budget: NewBudgetOf(intent.Terms{Calls: 2, Interval: time.Second}), Settle: time.Second, Memory: NewMemory(time.Hour, 10_000),
	})
	now := start
	const edits = 300
	for n := range edits {
		terms := intent.Terms{Calls: 2, Interval: time.Second}
		for k := range 2 {
			terms.Pools = append(terms.Pools, intent.Pool{Name: fmt.Sprintf("pool-%d-%d", n, k), AtMost: 1})
		}
		s.SetTerms(now, terms)
		for k, p := range terms.Pools {
			in := newIntent(t, 2*n+k, audience.All(), message(t, fmt.Sprint(n, k)))
			in.Policy.Gate = &intent.Gate{Pool: p.Name}
			in.Policy.Expires = now.Add(time.Hour)
			if ended := s.Add(now, in); len(ended) > 0 {
				t.Fatalf("intent %d of edit %d ended: %+v", k, n, ended)
			}
		}
		if err := s.check(newWorld(1)); err != nil {
			t.Fatalf("after edit %d: %v", n, err)
		}
		now = now.Add(time.Second)
	}
	if got := s.Total(); got != 2*edits {
		t.Errorf("%d intents wait, want %d", got, 2*edits)
	}
	// A purse for each pool of the terms, and one for what is common.
	if got := len(s.purses); got > 4 {
		t.Errorf("%d purses after %d edits", got, edits)
	}
	if got := len(s.Idle(now.Add(2 * time.Hour)).Ended); got != 2*edits {
		t.Errorf("%d intents ended, want %d", got, 2*edits)
	}
}
