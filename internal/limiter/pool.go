package limiter

import (
	"slices"
	"sort"
	"time"

	"pushbridge/internal/intent"
)

// draw is what a call would draw on the budget.
type draw struct {
	Pool string // whose share; empty, or none of the terms': what is common
	// Critical calls see all that is free: the reserve is theirs, and floors and
	// ceilings share calls between teams' wishes, not between them and
	// emergencies. They count in their pool all the same.
	Critical bool
	Reserve  int  // calls that only critical may use
	Plenty   bool // calls suffice for all, so a pool that borrows may pass its ceiling
}

// PoolUse is what a pool has of the calls that count.
type PoolUse struct {
	intent.Pool
	Used int
}

// PoolUses returns the use of the terms' pools at now, in their order, and that of
// the replays once they have used a call. A call that was remembered without its
// pool is in none.
func (b *Budget) PoolUses(now time.Time) []PoolUse {
	uses := make([]PoolUse, 0, len(b.pools))
	for i, p := range b.pools {
		use := PoolUse{Pool: p, Used: b.byPool[p.Name].used(b.window, now)}
		if i < b.written || use.Used > 0 {
			uses = append(uses, use)
		}
	}
	return uses
}

// hasPool says whether the terms have the pool.
func (b *Budget) hasPool(name string) bool {
	return slices.ContainsFunc(b.pools, func(p intent.Pool) bool { return p.Name == name })
}

// freeFor returns how many calls the budget leaves for d at now: less than free
// by the reserve, by what other pools have not used of their floors, and not
// beyond the ceiling of d's own pool.
func (b *Budget) freeFor(now time.Time, d draw) int {
	if d.Critical {
		return b.free(now)
	}
	left := b.besideFloors(now, d.Pool) - max(0, d.Reserve)
	for _, p := range b.pools {
		if p.Name == d.Pool && p.AtMost > 0 && !(p.Borrow && d.Plenty) {
			left = min(left, p.AtMost-b.byPool[p.Name].used(b.window, now))
		}
	}
	return max(0, left)
}

// besideFloors returns how many calls the quota leaves a pool beside what the others
// have not used of their floors. Where more calls count than the quota has, this is
// below 0, and floors that come back do not make it rise.
func (b *Budget) besideFloors(now time.Time, pool string) int {
	left := b.quota - b.Used(now)
	for _, p := range b.pools {
		if p.Name != pool {
			left -= max(0, p.AtLeast-b.byPool[p.Name].used(b.window, now))
		}
	}
	return left
}

// nextFor returns the first instant from now on at which a call may start for d,
// if no other is made until then; the zero Time: never, the reserve and the
// other pools' floors leave none.
func (b *Budget) nextFor(now time.Time, d draw) time.Time {
	at := b.Next(now)
	if b.freeFor(at, d) > 0 {
		return at
	}
	// Calls that come back never leave less for d: each adds one, and at most one
	// to what another pool has not used of its floor.
	ends := b.calls.in(b.window)
	ends = ends[endedBefore(ends, b.window.opened(at)):]
	n := sort.Search(len(ends), func(i int) bool { return b.freeFor(b.window.gone(ends[i]), d) > 0 })
	if n == len(ends) {
		return time.Time{}
	}
	return latest(at, b.window.gone(ends[n]))
}
