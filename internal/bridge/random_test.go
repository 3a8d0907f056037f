package bridge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRandomsAreNotGivenTwiceInAWeek(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	drawn := []uint32{1, 100, 1, 2, 101, 1, 102}
	n := 0
	r := newRandoms(func() uint32 { n++; return drawn[n-1] })
	var got []uint32
	for _, when := range []time.Duration{0, 6 * 24 * time.Hour, 8 * 24 * time.Hour} {
		got = append(got, r.next(noon.Add(when)).random)
	}
	if diff := cmp.Diff([]uint32{1, 2, 1}, got); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	if len(r.given) != 2 || len(r.used) != 2 {
		t.Errorf("%d and %d numbers are kept, want those of a week: 2", len(r.given), len(r.used))
	}
}

// A number that an earlier life gave to a push is not given to another, though it is
// drawn again: the API might take the second for a repeat of the first.
func TestNumbersOfAnEarlierLifeAreNotGivenAgain(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: plainRules, users: people}, func(t *testing.T, w *world) {
		before := w.seed
		for _, text := range []string{"sale", "cars"} {
			w.seed = before // the same numbers are drawn
			i := w.start()
			sleep(5 * time.Second)
			w.emit(promo(text, "gold"))
			sleep(time.Minute)
			i.leave()
		}
		if reuses := w.sim.Reuses(); len(reuses) > 0 {
			t.Errorf("numbers reused for other content: %+v", reuses)
		}
		w.wantReceived(map[string]int{"ann": 2})
		w.wantClasses("ok", "ok")
	})
}
