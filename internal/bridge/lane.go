package bridge

import (
	"errors"
	"fmt"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/pushapi"
)

// Lane is one app of the push API: a budget, a breaker and trouble of its own.
// The rules choose the lane; see docs/decisions/005-lanes.md.
type Lane struct {
	Name        string // as the rules write it; empty: the default lane, which there always is
	App         uint32 // sdkappid, whose budget it is; no two lanes have one app
	Pusher      Pusher
	Terms       intent.Terms  // until Reload gives others
	CallTimeout time.Duration // deadline of one call
}

// Label names the lane in metrics and to people.
func (l *Lane) Label() string {
	if l.Name == "" {
		return "default"
	}
	return l.Name
}

// underWay is how long a call can be under way from its start: its own deadline,
// and as long again for a request that was given up but may still be travelling.
func (l *Lane) underWay() time.Duration { return 2 * l.CallTimeout }

// afterFence is how long after its fence began a call can be under way.
func (l *Lane) afterFence() time.Duration { return fenceFresh + l.underWay() }

// checkLanes finds what is wrong with the lanes.
func checkLanes(lanes []Lane) []error {
	var errs []error
	names, apps := map[string]bool{}, map[uint32]bool{}
	for i := range lanes {
		l := &lanes[i]
		refuse := func(bad bool, format string, args ...any) {
			if bad {
				errs = append(errs, fmt.Errorf("bridge config: lane %s: %s", l.Label(), fmt.Sprintf(format, args...)))
			}
		}
		refuse(names[l.Name], "it is there twice")
		refuse(l.App == 0 || apps[l.App], "app %d: want an app of its own", l.App)
		refuse(l.Pusher == nil, "Pusher is missing")
		refuse(l.CallTimeout <= 0, "a timeout of calls of %v: want more than 0", l.CallTimeout)
		names[l.Name], apps[l.App] = true, true
	}
	if !names[""] {
		errs = append(errs, errors.New("bridge config: the default lane is missing"))
	}
	return errs
}

// kept is what of a lane outlives a session; the loop of the present one owns it.
type kept struct {
	notBefore    time.Time // no call before this instant: the last answer said so
	blocked      string    // why it makes no call, for people; empty: nothing is wrong
	blockedUntil time.Time // zero: until a call says otherwise
	boundary     boundary
}

// lane is a Lane in a session. The loop owns it.
type lane struct {
	*Lane
	*kept
	terms   intent.Terms    // of the rules in use
	budget  *limiter.Budget // the scheduler's; only asked
	sched   *limiter.Scheduler
	frozen  []*frozen   // in doubt since an earlier life: its next calls
	push    *push       // the scheduler's latest; a resend goes on with it, and is always the scheduler's next
	turn    uint64      // when it called last, among all lanes
	counted []time.Time // ends of the calls that count, those of the hour before the last one
}

// restored is what a session knows from before.
type restored struct {
	memory *limiter.Memory
	state  *journal.State
}

// newLane restores the budget of the nth lane from what the journal says of its app.
func newLane(b *Bridge, n int, terms intent.Terms, restored restored) *lane {
	cfg, k, state := &b.cfg.Lanes[n], b.kept[n], restored.state
	ln := &lane{Lane: cfg, kept: k, terms: terms, budget: limiter.NewBudgetOf(terms)}
	for c := range state.CallsOf(cfg.Name, cfg.App) {
		k.boundary.recall(c)
		if !c.Counted {
			ln.budget.Touch(c.End)
			continue
		}
		ln.budget.SpendFrom(c.Pool, c.End)
		ln.count(c.End)
	}
	ln.sched = limiter.New(limiter.Config{
		Budget: ln.budget, Settle: b.cfg.Limits.Settle, Memory: restored.memory, NotBefore: k.notBefore, MaxBytes: b.cfg.Limits.MaxRequestBytes,
	})
	for c := range state.CallsOf(cfg.Name, cfg.App) {
		if c.Counted && c.Condition != (audience.Audience{}) {
			ln.sched.Reached(c.Condition, c.End)
		}
	}
	return ln
}

// count notes a call that counts, and forgets those that no hour holds any more.
func (ln *lane) count(end time.Time) {
	for len(ln.counted) > 0 && end.Sub(ln.counted[0]) > time.Hour {
		ln.counted = ln.counted[1:]
	}
	ln.counted = append(ln.counted, end)
}

// lastHour returns how many of the lane's calls that count ended within an hour.
func (ln *lane) lastHour(now time.Time) int {
	n := 0
	for _, end := range ln.counted {
		if now.Sub(end) <= time.Hour {
			n++
		}
	}
	return n
}

// chosen is a call that a lane would make; without a batch: none would.
type chosen struct {
	lane   *lane
	batch  *limiter.Batch
	frozen *frozen // nil: the scheduler's
}

// next lets time go on in every lane and returns the call to make now, if any
// lane has one: a critical one before others, then that of the lane whose turn
// lies furthest back. A lane that waits is not asked for more than when to ask
// again, so it keeps no other from calling.
func (l *loop) next(now time.Time) (chosen, time.Time) {
	var first chosen
	var wake time.Time
	may := l.mayCall()
	for _, ln := range l.lanes {
		c, at := l.nextOf(ln, may, now)
		if !at.IsZero() {
			wake = sooner(wake, at)
		}
		switch {
		case c.batch == nil:
		case first.batch == nil:
			first = c
		case goesBefore(c, first):
			l.putBack(first, now)
			first = c
		default:
			l.putBack(c, now)
		}
	}
	return first, wake
}

// nextOf lets time go on in one lane. What is frozen goes before what the scheduler
// has: it may be half done.
func (l *loop) nextOf(ln *lane, may bool, now time.Time) (chosen, time.Time) {
	l.expireFrozen(ln, now)
	f, at := ln.resend(now)
	var d limiter.Decision
	if may && f == nil && !now.Before(ln.notBefore) {
		d = ln.sched.Next(now)
	} else {
		d = ln.sched.Idle(now)
	}
	l.end(ln, d.Ended, now)
	wake := d.WakeAt
	if ln.notBefore.After(now) {
		wake = sooner(wake, ln.notBefore)
	}
	if f == nil {
		return chosen{lane: ln, batch: d.Batch}, wake
	}
	wake = sooner(wake, f.expires)
	if may && !at.After(now) {
		return chosen{lane: ln, batch: f.batch(), frozen: f}, wake
	}
	if at.After(now) {
		wake = sooner(wake, at)
	}
	return chosen{}, wake
}

// goesBefore says whether one lane's call goes before another's: what may be half
// done, then what is critical, then by turns.
func goesBefore(a, b chosen) bool {
	if x, y := a.frozen != nil, b.frozen != nil; x != y {
		return x
	}
	if x, y := a.batch.Priority == intent.Critical, b.batch.Priority == intent.Critical; x != y {
		return x
	}
	return a.lane.turn < b.lane.turn
}

// putBack gives a call back that another lane's goes before: it goes on merging,
// and is asked for again when that one has ended.
func (l *loop) putBack(c chosen, now time.Time) {
	if c.frozen == nil {
		l.end(c.lane, c.lane.sched.Done(now, c.batch, limiter.Verdict{Result: limiter.Again}), now)
	}
}

// total is how many intents wait in all lanes.
func (l *loop) total() int {
	n := l.unread.intents
	for _, ln := range l.lanes {
		n += ln.sched.Total()
		for _, f := range ln.frozen {
			n += len(f.held)
		}
	}
	return n
}

// laneStatus is one lane for people and metrics.
func (ln *lane) status(now time.Time) LaneStatus {
	s := LaneStatus{
		Name: ln.Name, App: ln.App, Calls: ln.terms.Calls, Known: true, Pending: ln.sched.Snapshot(now, waitingShown), Pools: ln.budget.PoolUses(now),
		LastHour: ln.lastHour(now), Blocked: ln.blocked, Freed: ln.boundary.freed,
	}
	for p, n := range ln.holding() {
		s.Pending.Pending[p] += n
	}
	if !ln.blockedUntil.IsZero() && now.After(ln.blockedUntil) {
		s.Blocked = ""
	}
	return s
}

// told notes what the answer to a call means for the lane from now on.
func (ln *lane) told(o pushapi.Outcome, v limiter.Verdict) {
	ln.notBefore = v.NotBefore
	if o.Counted {
		ln.count(o.Ended)
	}
	ln.blocked, ln.blockedUntil = "", time.Time{}
	switch o.Class {
	case pushapi.ClassOK, pushapi.ClassReject:
	case pushapi.ClassConfig, pushapi.ClassQuota:
		ln.blocked = o.Err.Error()
	case pushapi.ClassRetry, pushapi.ClassWait, pushapi.ClassResign, pushapi.ClassDoubt:
		// It heals by itself; where no call follows, nothing would say that it has.
		ln.blocked, ln.blockedUntil = o.Err.Error(), later(v.NotBefore, v.End.Add(ln.terms.Interval))
	}
}

func labelOf(name string) string { return (&Lane{Name: name}).Label() }
