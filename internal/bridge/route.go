package bridge

import (
	"time"

	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/offset"
	"pushbridge/internal/pushapi"
)

// quotaProbe is how long no call is made after the API said that the quota is
// spent although we count calls left: another sender uses it, or its day is not
// our window. Then one call probes.
const quotaProbe = time.Hour

// originOf says where a record came from. The record's timestamp is the
// producer's and may be ahead of our clock; an arrival is never after now.
func originOf(r *consume.Record, now time.Time) intent.Origin {
	o := intent.Origin{Position: r.Position, Key: r.Key, Received: r.Time}
	if r.Time.IsZero() || r.Time.After(now) {
		o.Received = now
	}
	o.Time = o.Received
	if e := r.Event; e != nil {
		o.Source, o.ID, o.Type = e.Source(), e.ID(), e.Type()
		if t := e.Time(); !t.IsZero() {
			o.Time = t
		}
		if ext := e.Extensions(); ext != nil {
			o.CorrelationID, _ = ext["correlationid"].(string)
			o.Traceparent, _ = ext["traceparent"].(string)
		}
	}
	return o
}

// attemptOf is what the journal is told before the call: deadline is when the
// call will be over at the latest, whatever becomes of it.
func attemptOf(p *push, rulesVersion string, now, deadline time.Time) journal.Attempt {
	b := p.batch
	a := journal.Attempt{
		ID: p.id, Number: p.attempts, Lane: p.lane.Name, App: p.lane.App, Pool: poolOf(b), At: now, Deadline: deadline, UnderWay: p.lane.afterFence(),
		Random: p.random, Condition: b.Audience, Messages: b.Messages,
		RulesVersion: rulesVersion, OnDoubt: b.OnDoubt, Why: b.Why.String(),
	}
	type place struct {
		rule      string
		partition offset.Partition
		part      bool
	}
	at := make(map[place]int)
	for _, c := range b.Covers {
		key := place{c.Intent.Rule, c.Intent.Origin.Position.Partition, len(c.Intent.Audiences) > 1}
		i, ok := at[key]
		if !ok {
			i = len(a.Covers)
			at[key] = i
			a.Covers = append(a.Covers, journal.Cover{Rule: key.rule, Partition: key.partition, Offsets: &offset.Set{}, Part: key.part})
		}
		a.Covers[i].Offsets.Add(c.Intent.Origin.Position.Offset)
	}
	return a
}

// versionOf is the version of the rules that a batch was made by: the present one,
// where one of its events was mapped under that, otherwise that of one of them.
func versionOf(b *limiter.Batch, present string) string {
	version := present
	for _, c := range b.Covers {
		if version = c.Intent.Version; version == present {
			break
		}
	}
	return version
}

// poolOf is whose share of the lane's calls a batch draws on. Intents share a call
// only if they share the gate, which names it.
func poolOf(b *limiter.Batch) string {
	if len(b.Covers) == 0 || b.Covers[0].Intent.Policy.Gate == nil {
		return ""
	}
	return b.Covers[0].Intent.Policy.Gate.Pool
}

// requestOf is the call that an attempt promised.
func requestOf(a journal.Attempt) pushapi.Request {
	return pushapi.Request{Random: a.Random, Audience: a.Condition, Messages: a.Messages}
}

// verdictOf is what the scheduler must know of an outcome. No call starts while
// the breaker is open.
func verdictOf(o pushapi.Outcome, breakerUntil time.Time) limiter.Verdict {
	v := limiter.Verdict{End: o.SafeAfter, Counted: o.Counted, Reached: o.Sent, NotBefore: breakerUntil}
	if o.RetryAfter > 0 {
		v.NotBefore = later(v.NotBefore, o.Ended.Add(o.RetryAfter))
	}
	switch o.Class {
	case pushapi.ClassOK:
		v.Result = limiter.Pushed
	case pushapi.ClassReject:
		v.Result = limiter.Rejected
	case pushapi.ClassDoubt:
		v.Result = limiter.Doubt
	case pushapi.ClassQuota:
		v.Result = limiter.Again
		v.NotBefore = later(v.NotBefore, o.Ended.Add(quotaProbe))
	case pushapi.ClassRetry, pushapi.ClassWait, pushapi.ClassResign, pushapi.ClassConfig:
		v.Result = limiter.Again
	}
	return v
}

// outcomeOf is what the journal is told after the call.
func outcomeOf(a *journal.Attempt, o pushapi.Outcome) journal.Outcome {
	return journal.Outcome{
		ID: a.ID, Number: a.Number, Lane: a.Lane, App: a.App, Class: o.Class.String(), Code: o.Code, Info: o.Info, TaskID: o.TaskID,
		Started: o.Started, Ended: o.SafeAfter, Counted: o.Counted,
	}
}

// voidOf is what the journal is told of an attempt whose call was not made.
func voidOf(a *journal.Attempt) journal.Outcome {
	return journal.Outcome{ID: a.ID, Number: a.Number, Lane: a.Lane, App: a.App, Class: journal.ClassVoid}
}

// dispositionOf says how an intent ended that the scheduler gave back. push and
// o are of the call that carried its last part, or of the one of its parts that was
// refused; zero where there was none.
func dispositionOf(e limiter.Ended, push identity, o pushapi.Outcome, now time.Time) journal.Disposition {
	d := journal.Disposition{
		Origin: e.Intent.Origin, Rule: e.Intent.Rule, RulesVersion: e.Intent.Version, Lane: e.Intent.Policy.Lane, Priority: e.Intent.Policy.Priority, At: now, Doubt: e.Doubt,
	}
	carried := e.Kind == limiter.EndPushed || e.Kind == limiter.EndRejected
	if carried && push.id != "" {
		d.PushID, d.Code, d.Info, d.Why = push.id, o.Code, o.Info, e.Batch.Why.String()
		d.PushedAt, d.Parts = o.Started, len(e.Intent.Audiences)
	}
	switch e.Kind {
	case limiter.EndPushed:
		d.Kind, d.TaskID = journal.Pushed, o.TaskID
	case limiter.EndRejected:
		d.Kind = journal.Rejected
	case limiter.EndExpired:
		d.Kind = journal.Expired
	case limiter.EndSuperseded:
		d.Kind = journal.Superseded
	case limiter.EndDuplicate:
		d.Kind = journal.Duplicate
	}
	if e.By != nil {
		d.By = e.By.Source + "#" + e.By.ID
	}
	return d
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
