package bridge

import (
	"context"
	"errors"
	"maps"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
)

// commitDone is the answer to a commit.
type commitDone struct {
	offsets map[offset.Partition]int64
	err     error
}

// commit starts a commit of what is done, at most one a commitEvery and none
// while a call is under way: the call's fence commits too, and of two commits at
// once the older could arrive last. It returns when to look again.
func (l *loop) commit(ctx context.Context, now time.Time) time.Time {
	progress := l.progress()
	later := now.Add(time.Minute)
	switch {
	case l.committing || l.calling != nil || len(progress) == 0:
		return later
	case now.Before(l.commitRetry):
		return l.commitRetry
	case now.Before(l.commitAt) && !l.draining:
		return l.commitAt
	}
	l.committing = true
	l.commitAt = now.Add(commitEvery)
	all, fenced := l.offsets(), l.fenced // taken here: the helper has no part in the loop's state
	l.helpers.Go(func() { l.commitDone <- commitDone{offsets: all, err: l.session.Commit(ctx, all, fenced)} })
	return later
}

// stored takes in the answer to a commit.
func (l *loop) stored(done commitDone, now time.Time) {
	l.committing = false
	if err := done.err; err != nil {
		l.b.cfg.Logger.Warn("commit offsets", "error", err)
		l.commitRetry = now.Add(commitEvery)
		if errors.Is(err, consume.ErrNotOwner) {
			l.draining, l.notOwner = true, true
		} else {
			l.unanswered = true
		}
		return
	}
	maps.Copy(l.committed, done.offsets)
}

// progress is what could be committed and is not.
func (l *loop) progress() map[offset.Partition]int64 {
	progress := make(map[offset.Partition]int64)
	for p, mark := range l.marks {
		if at := mark.Commit(); at != l.committed[p] && !l.notOwner {
			progress[p] = at
		}
	}
	return progress
}

// offsets is what to commit for every partition.
func (l *loop) offsets() map[offset.Partition]int64 {
	offsets := maps.Clone(l.committed)
	for p, mark := range l.marks {
		offsets[p] = mark.Commit()
	}
	return offsets
}
