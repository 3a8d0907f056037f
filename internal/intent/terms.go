package intent

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Terms are what one lane's calls are bound to: the API's limits for the app,
// and how its owner wants the calls shared.
type Terms struct {
	Calls    int           // the quota: calls in every window
	Interval time.Duration // a call starts more than this after the response to the one before it
	// Day is the zone whose calendar day is the window; nil: every 24 hours, which
	// no boundary of the API's can break.
	Day *time.Location
	// Reserve is how many calls of a window only critical may use; AutoReserve: the
	// scheduler's own share of the quota.
	Reserve int
	Pools   []Pool
}

// maxPools bounds the shares that are kept apart: each has queues of its own.
const maxPools = 100

// AutoReserve leaves the size of the reserve to the scheduler.
const AutoReserve = -1

// ReplayPool is the pool that all replays draw on. Every budget has it, so that no
// replay can take the calls of what happens now.
const ReplayPool = "replay"

// replayShare is the part of the quota that replays may use where nobody says more.
const replayShare = 10

// AllPools returns the pools with that of the replays: as it is written, but never
// without a ceiling.
func (t Terms) AllPools() []Pool {
	pools := slices.Clone(t.Pools)
	most := max(1, t.Calls/replayShare)
	for i := range pools {
		if p := &pools[i]; p.Name == ReplayPool {
			if p.AtMost == 0 {
				p.AtMost = max(most, p.AtLeast)
			}
			return pools
		}
	}
	return append(pools, Pool{Name: ReplayPool, AtMost: most})
}

// Pool is a team's share of the calls of a window.
type Pool struct {
	Name    string
	AtLeast int  // floor: calls that no other pool may use; 0: none
	AtMost  int  // ceiling; 0: none
	Borrow  bool // beyond the ceiling it may go on while calls are plenty for all
}

// Check returns all that is wrong with the terms, in the words of a rule file's
// budget.
func (t Terms) Check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("budget: "+format, args...)) }
	if t.Calls < 1 {
		fault("quota %d: want at least 1 call", t.Calls)
	}
	if t.Interval <= 0 {
		fault("interval %v: want more than 0", t.Interval)
	}
	switch {
	case t.Reserve < 0 && t.Reserve != AutoReserve:
		fault("reserve %d: want 0 or more", t.Reserve)
	case t.Reserve > 0 && t.Reserve >= t.Calls:
		fault("reserve %d of a quota of %d: nothing but critical would ever be pushed", t.Reserve, t.Calls)
	}
	if len(t.Pools) > maxPools {
		fault("%d pools: want at most %d", len(t.Pools), maxPools)
	}
	floors := 0
	names := make(map[string]bool, len(t.Pools))
	for _, p := range t.Pools {
		switch {
		case p.Name == "":
			fault("a pool has no name")
		case names[p.Name]:
			fault("pool %q is there twice", p.Name)
		}
		names[p.Name] = true
		switch {
		case p.AtLeast < 0 || p.AtMost < 0:
			fault("pool %q: at_least %d, at_most %d: want 0 or more", p.Name, p.AtLeast, p.AtMost)
		case p.AtMost > t.Calls || p.AtLeast > t.Calls:
			fault("pool %q: at_least %d, at_most %d: the quota is only %d", p.Name, p.AtLeast, p.AtMost, t.Calls)
		case p.AtMost > 0 && p.AtMost < p.AtLeast:
			fault("pool %q: at_most %d is less than at_least %d", p.Name, p.AtMost, p.AtLeast)
		case p.Borrow && p.AtMost == 0:
			fault("pool %q: borrow without at_most: there is nothing to go beyond", p.Name)
		}
		floors += max(0, p.AtLeast)
	}
	if left := t.Calls - max(0, t.Reserve); floors > max(0, left) {
		fault("at_least of all pools is %d, the quota leaves %d beside the reserve", floors, left)
	}
	return errors.Join(faults...)
}
