package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi"
)

// fenceFresh is how old the fence may be when the call starts; an older one says
// too little about who owns the partitions now.
const fenceFresh = time.Second

// promiseWithin is how long promising and fencing a call may take in all. The
// journal says of a call in doubt when it was over at the latest, so a call that
// would start later is not made.
const promiseWithin = 10 * time.Second

// retryBegin is how long no call is tried after the journal or the fence
// refused one.
const retryBegin = time.Second

// callDone is how the call goroutine ended: with an outcome, or with the error
// that kept it from calling.
type callDone struct {
	push         *push
	outcome      pushapi.Outcome
	breaker      pushapi.BreakerState
	breakerUntil time.Time
	void         error
	unanswered   bool   // the fence may be committed later
	fencedAs     string // what the commit said that was taken; empty: none was
}

// call starts the one call: promise it, see that we still own the partitions,
// make it.
func (l *loop) call(session, work context.Context, c chosen, now time.Time) {
	ln := c.lane
	deadline := now.Add(promiseWithin + ln.underWay())
	var p *push
	if f := c.frozen; f != nil {
		a := f.again(ln, now, deadline)
		p = &push{identity: identity{id: a.ID, random: a.Random, attempts: a.Number}, lane: ln, batch: c.batch, frozen: f, attempt: a}
	} else {
		if p = ln.push; c.batch.Resend && p != nil && p.batch.ID == c.batch.ID {
			p.attempts++
		} else {
			p = &push{identity: l.b.randoms.next(now), lane: ln}
			ln.push = p
		}
		p.batch = c.batch
		p.attempt = attemptOf(p, versionOf(c.batch, l.rules.version()), now, deadline)
		p.attempt.Approvals = l.unread.behind(c.batch)
	}
	l.turns++
	ln.turn = l.turns
	l.calling = p
	p.notes = l.unnoted()
	offsets := l.offsets()
	l.fenced = p.attempt.Name()
	overtaken := l.unanswered
	l.helpers.Go(func() { l.called <- l.perform(session, work, p, fence{offsets, overtaken}) })
}

// fence is what makes a call the owner's.
type fence struct {
	offsets map[offset.Partition]int64
	// overtaken says that an earlier commit may arrive after this one, and put an
	// older name beside the offsets: then the journal is told the name too.
	overtaken bool
}

func (l *loop) perform(session, work context.Context, p *push, f fence) callDone {
	done := callDone{push: p}
	if done.void = l.b.cfg.Journal.Note(work, p.notes); done.void != nil {
		return done
	}
	if done.void = l.b.cfg.Journal.Begin(work, p.attempt); done.void != nil {
		return done
	}
	renewed, fencedAs, err := l.fence(session, work, f, &p.attempt)
	done.fencedAs = fencedAs
	if done.void = err; err != nil {
		done.unanswered = !errors.Is(done.void, consume.ErrNotOwner)
		return done
	}
	if time.Until(p.attempt.Deadline) < p.lane.underWay() {
		done.void = fmt.Errorf("attempt %s: promise and fence took more than %v", p.attempt.Name(), promiseWithin)
		return done
	}
	if l.session.Lapsed() {
		done.void = fmt.Errorf("attempt %s: this process stood still: %w", p.attempt.Name(), consume.ErrNotOwner)
		return done
	}
	// The lease runs from the start of the fence, whatever held this process up
	// since: the timing rule has room for one fenceFresh beside the call.
	lease, cancel := context.WithDeadline(work, renewed.Add(fenceFresh+p.lane.CallTimeout))
	defer cancel()
	done.outcome = p.lane.Pusher.Push(lease, requestOf(p.attempt))
	done.breaker, done.breakerUntil = p.lane.Pusher.Breaker()
	return done
}

// fence commits what is done, which the broker takes only from the owner, with
// the attempt's name beside it: what is promised and not named there was never
// called. A fence that took long is not trusted: another may own by now. It
// returns when it began, from which the lease that it renewed counts, and what the
// last commit said that was taken.
func (l *loop) fence(session, work context.Context, f fence, a *journal.Attempt) (start time.Time, fencedAs string, err error) {
	for range 3 {
		start = time.Now()
		as := a.FencedAs(start.Sub(a.At))
		if err := l.session.Commit(session, f.offsets, as); err != nil {
			return start, fencedAs, fmt.Errorf("fence attempt %s: %w", a.Name(), err)
		}
		fencedAs = as
		if f.overtaken {
			if err := l.b.cfg.Journal.Note(work, journal.Notes{Fenced: a.Name()}); err != nil {
				return start, fencedAs, fmt.Errorf("fence attempt %s: %w", a.Name(), err)
			}
		}
		if err := context.Cause(session); err != nil {
			return start, fencedAs, fmt.Errorf("fence attempt %s: %w", a.Name(), err)
		}
		if time.Since(start) <= fenceFresh {
			return start, fencedAs, nil
		}
	}
	return start, fencedAs, fmt.Errorf("fence attempt %s: Kafka took more than %v to commit, three times", a.Name(), fenceFresh)
}

// learn gives the outcome to the scheduler and puts the end of the call on its
// way to the journal.
func (l *loop) learn(done callDone, now time.Time) {
	p := done.push
	l.calling = nil
	if done.fencedAs != "" {
		l.fenced = done.fencedAs
	}
	l.ending = true
	l.unanswered = l.unanswered || done.unanswered
	end := &pushEnd{attempt: p.attempt}
	if done.void != nil {
		l.outbox.notes.putBack(p.notes)
		l.b.cfg.Logger.Warn("call not made", "lane", p.lane.Label(), "push_id", p.id, "error", done.void)
		end.outcome = voidOf(&p.attempt)
		l.conclude(end, p, limiter.Verdict{Result: limiter.Again, NotBefore: now.Add(retryBegin)}, now)
		return
	}
	l.outbox.notes.acknowledged(p.notes)
	p.outcome = done.outcome
	end.outcome = outcomeOf(&p.attempt, done.outcome)
	verdict := verdictOf(done.outcome, done.breakerUntil)
	p.lane.told(done.outcome, verdict)
	l.tellOutcome(p, verdict, done)
	l.conclude(end, p, verdict, now)
}

// conclude ends a call for the scheduler; the dispositions that follow go with
// the call's outcome.
func (l *loop) conclude(end *pushEnd, p *push, v limiter.Verdict, now time.Time) {
	if p.frozen != nil {
		l.learnFrozen(end, p, v, now)
		return
	}
	before := l.outbox.dispositions.len()
	if v.Result == limiter.Rejected {
		l.noteRefused(p)
	}
	if l.decides() || v.Result != limiter.Again { // what a call has decided is so, whoever owns
		l.end(p.lane, p.lane.sched.Done(now, p.batch, v), now)
	}
	if v.Result == limiter.Again && len(l.replays.cancelled) > 0 {
		l.withdraw(now) // what was in flight waits again
	}
	end.dispositions = l.outbox.dispositions.takeFrom(before)
	end.after = l.outbox.dispositions.seal()
	l.outbox.ended = end
}

// noteRefused remembers by which call the events end that are in several, one of
// them refused.
func (l *loop) noteRefused(p *push) {
	for i := range p.batch.Covers {
		in := p.batch.Covers[i].Intent
		key := partly{in.Origin.Position, in.Rule}
		if l.refused[key] == nil && len(in.Audiences) > 1 {
			l.refused[key] = p
		}
	}
}

// tellOutcome logs the call, and remembers what people may want to see.
func (l *loop) tellOutcome(p *push, v limiter.Verdict, done callDone) {
	o := done.outcome
	attrs := []any{
		"lane", p.lane.Label(), "push_id", p.id, "attempt", p.attempts, "rules", p.attempt.Rules(), "events", len(p.batch.Covers), "messages", len(p.batch.Messages), "audience", p.batch.Audience.String(),
		"priority", p.batch.Priority.String(), "why", p.batch.Why.String(), "class", o.Class.String(), "duration", o.Ended.Sub(o.Started).String(),
	}
	log := l.b.cfg.Logger
	switch o.Class {
	case pushapi.ClassOK:
		log.Info("pushed", append(attrs, "task_id", o.TaskID)...)
	case pushapi.ClassConfig:
		log.Error("push refused: the lane makes no call until a person acts", append(attrs, "error", o.Err, "do", o.Err.Do, "next_try", v.NotBefore)...)
	case pushapi.ClassReject:
		log.Error("push refused for good", append(attrs, "error", o.Err, "do", "mend the rule; the request is on the dead-letter topic")...)
	case pushapi.ClassQuota:
		log.Warn("quota spent, by the API's count", append(attrs, "error", o.Err, "next_try", v.NotBefore)...)
	case pushapi.ClassRetry, pushapi.ClassWait, pushapi.ClassResign, pushapi.ClassDoubt:
		log.Warn("push not confirmed", append(attrs, "error", o.Err, "next_try", v.NotBefore, "breaker", done.breaker.String())...)
	}
	if b := &p.lane.boundary; b.judge(o) {
		log.Info("the API gives calls of the quota again", "lane", p.lane.Label(), "refused_until", b.freed.After.UTC(), "pushed_at", b.freed.By.UTC(),
			"hour_utc", b.freed.hours())
	}
	l.b.metrics.pushed(p, o)
	l.lastPush = append(l.lastPush, summaryOf(p, o))
	if len(l.lastPush) > lastPushes {
		l.lastPush = l.lastPush[1:]
	}
}
