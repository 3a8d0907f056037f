package bridge

import (
	"fmt"
	"time"

	"pushbridge/internal/journal"
)

// randomLife is how long a MsgRandom is not given to another push: the older of
// the API's two promises. It holds within a process; of earlier ones the calls of the
// last day are known, which is what the journal restores.
const randomLife = 7 * 24 * time.Hour

// randoms gives out numbers for pushes. It has one owner, the loop.
type randoms struct {
	draw  func() uint32
	used  map[uint32]bool
	given []given // oldest first, but for those that recall adds: they live a little longer
}

// given is a number that a push has.
type given struct {
	random uint32
	at     time.Time
}

func newRandoms(draw func() uint32) *randoms {
	return &randoms{draw: draw, used: make(map[uint32]bool)}
}

// identity is what a push keeps through all its attempts.
type identity struct {
	id       string
	random   uint32
	attempts int
}

// next returns the identity of a new push.
func (r *randoms) next(now time.Time) identity {
	for len(r.given) > 0 && now.Sub(r.given[0].at) > randomLife {
		delete(r.used, r.given[0].random)
		r.given = r.given[1:]
	}
	n := r.draw()
	for r.used[n] {
		n = r.draw()
	}
	r.give(n, now)
	return identity{id: fmt.Sprintf("%08x%08x", r.draw(), n), random: n, attempts: 1}
}

// recall takes in the numbers that others gave out, or this process in an earlier
// session.
func (r *randoms) recall(calls []journal.Call) {
	for i := range calls {
		if c := &calls[i]; c.Random != 0 && !r.used[c.Random] {
			r.give(c.Random, c.End)
		}
	}
}

func (r *randoms) give(n uint32, at time.Time) {
	r.used[n] = true
	r.given = append(r.given, given{n, at})
}
