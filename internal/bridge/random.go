package bridge

import (
	"fmt"
	"time"
)

// randomLife is how long a MsgRandom is not given to another push: the older of
// the API's two promises.
const randomLife = 7 * 24 * time.Hour

// randoms gives out numbers for pushes. It has one owner, the loop.
type randoms struct {
	draw func() uint32
	used map[uint32]time.Time
}

func newRandoms(draw func() uint32) *randoms {
	return &randoms{draw: draw, used: make(map[uint32]time.Time)}
}

// identity is what a push keeps through all its attempts.
type identity struct {
	id       string
	random   uint32
	attempts int
}

// next returns the identity of a new push.
func (r *randoms) next(now time.Time) identity {
	for n, at := range r.used {
		if now.Sub(at) > randomLife {
			delete(r.used, n)
		}
	}
	n := r.draw()
	for {
		if _, ok := r.used[n]; !ok {
			break
		}
		n = r.draw()
	}
	r.used[n] = now
	return identity{id: fmt.Sprintf("%08x%08x", r.draw(), n), random: n, attempts: 1}
}
