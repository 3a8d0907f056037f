package bridge

import (
	"context"
	"sync"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi"
)

// commitEvery is how often progress is committed while nothing else is. A crash
// repeats what was read since, which the journal tells from what is new.
const commitEvery = time.Second

// loop is the state of one session and its one owner.
type loop struct {
	b        *Bridge
	session  *consume.Session
	rules    *ruleset
	lanes    []*lane
	laneOf   map[string]*lane // by name
	turns    uint64           // calls begun
	known    *known
	memory   *limiter.Memory // of what this session has seen
	replays  replays
	unread   unread
	marks    map[offset.Partition]*offset.Watermark
	assigned map[offset.Partition]consume.Assignment
	begun    map[offset.Partition]bool // a record of it was read

	// several counts the dispositions that an event with more than one still
	// needs; an event with one is not in it.
	several map[offset.Position]int
	// refused holds the calls that the API refused for good while other parts of what
	// they carried were open: it is by them that those events end.
	refused map[partly]*push
	// whole holds how many calls the events take of which an earlier life called for
	// some parts.
	whole map[partly]int

	outbox    outbox
	lastPush  []PushSummary
	bound     limiter.Bound // of what may wait; while it pauses nothing is fetched
	full      bool          // the schedulers hurry
	draining  bool
	again     bool // another session follows: all that has not ended is mapped anew
	committed map[offset.Partition]int64
	commitAt  time.Time

	commitRetry time.Time // after a commit that did not succeed, also while draining

	helpers    sync.WaitGroup  // call, record and commit
	called     chan callDone   // size 1: the one call of all lanes
	recorded   chan recordDone // size 1: the one write
	commitDone chan commitDone // size 1: the one commit
	calling    *push
	fenced     string     // what the last fence said; every commit carries it on
	ending     bool       // the outcome of the last call is not in the journal yet
	recording  *recordJob // being written; nil: none
	retryAt    time.Time  // when a write that did not succeed is tried again
	unwritable bool       // the last write did not succeed
	committing bool
	unanswered bool // a commit failed and may still arrive, after a later one
	notOwner   bool // a commit was refused: nothing more can be committed
}

// partly is an event under a rule by which it takes several calls.
type partly struct {
	at   offset.Position
	rule string
}

// push is one push through its attempts.
type push struct {
	identity
	lane    *lane
	batch   *limiter.Batch
	frozen  *frozen // nil: the scheduler's
	attempt journal.Attempt
	notes   journal.Notes // which the journal must have before the attempt
	outcome pushapi.Outcome
}

func newLoop(b *Bridge, s *consume.Session, state *journal.State, now time.Time) *loop {
	l := &loop{
		b: b, session: s, rules: b.current.Load(),
		laneOf: make(map[string]*lane),
		known:  newKnown(state),
		// One memory for all: an event whose rules are of two lanes is one record, and
		// so no repeat; one that comes twice is one whichever lane sees it.
		memory:     limiter.NewMemory(b.cfg.Limits.DedupWindow, b.cfg.Limits.DedupMax),
		bound:      limiter.NewBound(b.cfg.Limits.MaxPending),
		replays:    newReplays(b),
		unread:     newUnread(state),
		outbox:     outbox{dispositions: pile{max: recordMax}, notes: newNotes(), start: startJob(state), told: newTellMark(state, s.Partitions())},
		ending:     len(state.Unended) > 0,
		marks:      make(map[offset.Partition]*offset.Watermark),
		assigned:   make(map[offset.Partition]consume.Assignment),
		begun:      make(map[offset.Partition]bool),
		several:    make(map[offset.Position]int),
		refused:    make(map[partly]*push),
		whole:      make(map[partly]int),
		committed:  make(map[offset.Partition]int64),
		commitAt:   now.Add(commitEvery),
		called:     make(chan callDone, 1),
		recorded:   make(chan recordDone, 1),
		commitDone: make(chan commitDone, 1),
	}
	l.tellRules(now)
	for i := range b.cfg.Lanes {
		ln := newLane(b, i, l.rules.terms[i], restored{l.memory, state})
		l.lanes = append(l.lanes, ln)
		l.laneOf[ln.Name] = ln
	}
	l.known.adopt(l.lanes)
	b.randoms.recall(state.Calls)
	for _, a := range s.Partitions() {
		l.assigned[a.Partition] = a
		l.marks[a.Partition] = offset.NewWatermark(a.Start)
		l.committed[a.Partition] = a.Start
		if a.Metadata != "" {
			l.fenced = a.Metadata
		}
	}
	for _, a := range state.InDoubt {
		b.cfg.Logger.Warn("call in doubt found in the journal: it counts as made", "lane", labelOf(a.Lane), "push_id", a.ID, "events", a.Events(), "on_doubt", a.OnDoubt.String())
	}
	return l
}

// run moves events until ctx ends, then brings what is under way to its end.
func (l *loop) run(ctx context.Context) error {
	work, stop := l.workContext(ctx)
	// Whoever holds on past the deadline is told to end, and waited for: the next
	// owner may start when this returns.
	defer l.helpers.Wait()
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	ending := ctx.Done()
	for {
		now := time.Now()
		wake := l.step(ctx, work, now)
		if l.draining && l.idle() {
			return nil
		}
		if work.Err() != nil {
			l.b.cfg.Logger.Error("stopping took too long: what is not recorded is read again at the next start",
				"within", l.b.cfg.Limits.StopWithin, "unrecorded", l.unrecorded(), "calling", l.calling != nil)
			return nil
		}
		timer.Reset(max(0, time.Until(wake)))
		var records, aside <-chan consume.Batch
		if !l.bound.Paused() && !l.draining && l.unrecorded() < outboxMax && l.letterBytes() < lettersMax {
			records = l.session.Records()
			if l.admitsReplays() {
				aside = l.session.Aside()
			}
		}
		select {
		case batch := <-records:
			l.take(batch, time.Now())
		case batch := <-aside:
			l.take(batch, time.Now())
		case done := <-l.called:
			l.learn(done, time.Now())
		case done := <-l.recorded:
			l.forget(done)
		case done := <-l.commitDone:
			l.stored(done, time.Now())
		case ask := <-l.b.asks:
			ask <- l.status(time.Now())
		case r := <-l.b.reloads:
			l.adopt(r.set, time.Now())
			close(r.taken)
		case visit := <-l.b.visits:
			visit(l, time.Now())
		case <-ending:
			ending = nil
			l.draining = true
			l.b.cfg.Logger.Info("session ends: finishing what is under way", "cause", context.Cause(ctx), "pending", l.total())
		case <-timer.C:
		case <-work.Done():
		}
	}
}

// workContext outlives ctx by Limits.StopWithin: a call that was made must be
// recorded.
func (l *loop) workContext(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(l.b.cfg.Limits.StopWithin, cancel)
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() { stop(); cancel() }
}

// step starts all that may start now and returns when to look again.
func (l *loop) step(ctx, work context.Context, now time.Time) time.Time {
	wake := now.Add(time.Minute)
	if l.decides() {
		if at := l.expireUnread(now); !at.IsZero() && at.Before(wake) {
			wake = at
		}
		next, at := l.next(now)
		if next.batch != nil {
			l.call(ctx, work, next, now)
		}
		if !at.IsZero() && at.Before(wake) {
			wake = at
		}
	}
	if at := l.record(work, now); !at.IsZero() && at.Before(wake) {
		wake = at
	}
	if at := l.commit(work, now); at.Before(wake) {
		wake = at
	}
	if l.setPaused() {
		return now // the schedulers may have another answer
	}
	return wake
}

// decides says whether what becomes of events is still this session's to decide.
// Who was frozen past its session finds all its events expired, which its
// successor has pushed meanwhile; who ends leaves them to the next owner.
func (l *loop) decides() bool {
	if !l.notOwner && l.session.Lapsed() {
		l.draining, l.notOwner = true, true
		l.b.cfg.Logger.Warn("this process stood still: another instance may own the partitions, so nothing more is decided", "generation", l.session.Generation())
	}
	return !l.draining
}

// mayCall says whether nothing outside the schedulers stands against a call. The
// outcome of the last one must be in the journal, so that at most one call can
// ever be in doubt.
func (l *loop) mayCall() bool {
	return !l.draining && l.calling == nil && !l.ending && !l.unwritable && !l.committing && !l.outbox.rewinds(l.recording)
}

func (l *loop) idle() bool {
	return l.calling == nil && l.recording == nil && !l.committing && l.outbox.len() == 0 && len(l.progress()) == 0 && l.lastMark() == nil
}

// setPaused stops fetching while too much waits. Where that is the schedulers', they
// hurry until there is room, for behind what may wait stands what may not; it says
// whether that has changed.
func (l *loop) setPaused() bool {
	waiting := l.total() - l.replays.open + l.unrecorded()
	if l.bound.Set(waiting) {
		if l.bound.Paused() {
			l.b.cfg.Logger.Warn("fetching pauses: too many intents wait", "pending", waiting, "limit", l.bound.Most())
		} else {
			l.b.cfg.Logger.Info("fetching resumes", "pending", waiting)
		}
	}
	full := l.bound.Full(l.total())
	if full == l.full {
		return false
	}
	l.full = full
	for _, ln := range l.lanes {
		ln.sched.Hurry(full)
	}
	return true
}

// forget marks as done what is recorded for good.
func (l *loop) forget(done recordDone) {
	l.recording = nil
	if done.job.onlyMark {
		l.outbox.told.noted = l.outbox.told.below // or the next session tells again what it finds
		return
	}
	if l.unwritable != (done.err != nil) {
		l.unwritable = done.err != nil
		if l.unwritable {
			l.b.cfg.Logger.Error("dispositions cannot be recorded: no call is made until they can", "error", done.err,
				"do", "see that Kafka takes writes to the journal, results and dead-letter topics")
		} else {
			l.b.cfg.Logger.Info("dispositions are recorded again")
		}
	}
	if done.err != nil {
		l.outbox.failed = done.job
		l.retryAt = time.Now().Add(retryWrite)
		return
	}
	if done.job.push != nil || len(done.job.unended) > 0 {
		l.ending = false
	}
	for _, ds := range [][]journal.Disposition{done.job.called(), done.job.own()} {
		for i := range ds {
			if d := &ds[i]; !d.More {
				l.marks[d.Origin.Position.Partition].Done(d.Origin.Position.Offset)
			}
		}
	}
	for i := range done.job.again {
		if a := &done.job.again[i]; a.release {
			l.marks[a.Origin.Position.Partition].Done(a.Origin.Position.Offset)
		}
	}
	l.outbox.notes.acknowledged(done.job.notes)
	l.outbox.told.toldBy(done.job)
	l.outbox.dispositions.giveBack(done.job.early)
	l.approve(done.job.approved, time.Now())
}
