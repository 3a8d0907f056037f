package main

import (
	"fmt"
	"time"

	"pushbridge/internal/intent"
)

// judge reads a push log against its trace, line by line. It trusts the mapper
// for what an event asks for, and nothing of what made the log.
type judge struct {
	start  time.Time
	quota  int
	asks   map[string]*ask
	fates  map[*ask]*fate
	ends   []time.Duration // responses of the calls that count
	faults []error
	sent   []time.Duration // starts of the calls that count
	prior  time.Duration   // the last response
	any    bool            // there was one
}

// fate is what became of an ask.
type fate struct {
	reached  reach // by the parts so far
	whole    bool
	ended    string // its disposition, where it ended without a call
	by       *ask   // what superseded it
	at       time.Duration
	outlived int // its ends beyond the first
}

// maxFaults bounds what is told of one log.
const maxFaults = 20

// check judges the log. It returns the fates, and all that is wrong, joined by
// the caller.
func check(t *trace, log pushLog, quota int) *judge {
	j := &judge{start: t.start, quota: quota, asks: map[string]*ask{}, fates: map[*ask]*fate{}}
	for _, a := range t.asks {
		j.asks[a.name] = a
		j.fates[a] = &fate{}
	}
	for i := range log {
		l := &log[i]
		switch l.Kind {
		case kindPush:
			j.push(l)
		case kindDisposition:
			j.disposition(l)
		default:
			j.fault("line %d: kind %q is unknown", i+1, l.Kind)
		}
	}
	for _, a := range t.asks {
		f := j.fates[a]
		switch {
		case !f.whole && f.ended == "":
			j.fault("event %s: has no end", a.name)
		case f.outlived > 0:
			j.fault("event %s: ended %d times", a.name, 1+f.outlived)
		}
	}
	return j
}

func (j *judge) fault(format string, args ...any) {
	if len(j.faults) < maxFaults {
		j.faults = append(j.faults, fmt.Errorf(format, args...))
	}
}

// push judges one call.
func (j *judge) push(l *line) {
	at, end := l.SentAt.Sub(j.start), l.ResponseAt.Sub(j.start)
	if end < at {
		j.fault("call at %v: answered before it was sent", at)
	}
	if l.Outcome == "unsent" {
		return
	}
	if j.any && at <= j.prior+interval {
		j.fault("call at %v: not more than %v after the response at %v", at, interval, j.prior)
	}
	j.prior, j.any = end, true
	if n := len(j.ends); n >= j.quota && at <= j.ends[n-j.quota]+window {
		j.fault("call at %v: the %d before it are within 24 hours", at, j.quota)
	}
	j.ends, j.sent = append(j.ends, end), append(j.sent, at)

	covered := j.covered(l, at)
	j.content(l, at, covered)
	switch l.Outcome {
	case "ok", "doubt":
		for _, c := range covered {
			j.carried(c, at)
		}
	case "failed":
	default:
		j.fault("call at %v: outcome %q is unknown", at, l.Outcome)
	}
}

// carriedAsk is an ask with the users that a call covers of it.
type carriedAsk struct {
	ask  *ask
	part reach
}

// covered looks up the covers, each of which must be alive.
func (j *judge) covered(l *line, at time.Duration) []carriedAsk {
	var all []carriedAsk
	for _, c := range l.Covers {
		a := j.asks[c.Event]
		if a == nil {
			j.fault("call at %v: covers %s, which is no event", at, c.Event)
			continue
		}
		if at < a.arrived || at > a.dies {
			j.fault("call at %v: covers %s, which lives from %v to %v", at, a.name, a.arrived, a.dies)
		}
		whole := reachAll(a.in.Audiences)
		part := whole
		if c.Part != nil {
			var err error
			if part, err = condition(c.Part); err != nil {
				j.fault("call at %v: part of %s: %w", at, a.name, err)
				continue
			}
			if !whole.covers(part) {
				j.fault("call at %v: part of %s reaches users that it did not ask for", at, a.name)
			}
		}
		all = append(all, carriedAsk{a, part})
	}
	return all
}

// content judges that each message goes to exactly those who are due it.
func (j *judge) content(l *line, at time.Duration, covered []carriedAsk) {
	if len(covered) == 0 {
		j.fault("call at %v: covers nothing", at)
		return
	}
	to, err := condition(l.Condition)
	if err != nil {
		j.fault("call at %v: %w", at, err)
		return
	}
	due := map[intent.Message]reach{}
	for _, c := range covered {
		due[c.ask.in.Message] = append(due[c.ask.in.Message], c.part...)
	}
	for message, users := range due {
		if !users.covers(to) {
			j.fault("call at %v: %q reaches users who were not to be reached", at, message.Text())
		}
		if !to.covers(users) {
			j.fault("call at %v: %q does not reach all who were to be reached", at, message.Text())
		}
	}
	if err := sameBody(l.MsgBody, due); err != nil {
		j.fault("call at %v: %w", at, err)
	}
	bytes := len(l.Condition)
	for _, e := range l.MsgBody {
		bytes += len(e)
	}
	if bytes > maxRequest {
		j.fault("call at %v: more than %d bytes", at, maxRequest)
	}
	key := covered[0].ask.in.Policy.Key
	for _, c := range covered {
		p := c.ask.in.Policy
		if p.Mode == intent.Alone && len(covered) > 1 {
			j.fault("call at %v: %s is to go alone", at, c.ask.name)
		}
		if len(due) > 1 && (p.Mode != intent.Digest || p.MaxMessages < len(due) || p.Key != key) {
			j.fault("call at %v: %s is not to be among these %d messages", at, c.ask.name, len(due))
		}
	}
}

// carried notes that the ask, or a part of it, was pushed.
func (j *judge) carried(c carriedAsk, at time.Duration) {
	f := j.fates[c.ask]
	if f.whole || f.ended != "" {
		f.outlived++
		return
	}
	for _, term := range c.part {
		if f.reached.has(term) {
			j.fault("call at %v: part of %s was pushed before", at, c.ask.name)
		}
	}
	f.reached = append(f.reached, c.part...)
	f.whole, f.at = f.reached.covers(reachAll(c.ask.in.Audiences)), at
}

// disposition judges an end without a call.
func (j *judge) disposition(l *line) {
	a := j.asks[l.Event]
	if l.Disposition == "duplicate" || l.Disposition == "unmatched" {
		return
	}
	if a == nil {
		j.fault("disposition: %s is no event", l.Event)
		return
	}
	f, at := j.fates[a], l.At.Sub(j.start)
	if f.whole || f.ended != "" {
		f.outlived++
		return
	}
	f.ended, f.at = l.Disposition, at
	switch l.Disposition {
	case "expired":
		if at < a.dies {
			j.fault("event %s: expired at %v, before %v", a.name, at, a.dies)
		}
	case "superseded":
		f.by = j.asks[l.By]
		switch {
		case f.by == nil:
			j.fault("event %s: superseded by %q, which is no event", a.name, l.By)
		case !sameRevision(a, f.by):
			j.fault("event %s: superseded by %s, which is no revision of it", a.name, f.by.name)
		case f.by == a || f.by.happened.Before(a.happened) || f.by.arrived > at:
			j.fault("event %s: superseded by %s, which is not newer", a.name, f.by.name)
		}
	default:
		j.fault("event %s: disposition %q is unknown", a.name, l.Disposition)
	}
}

func sameRevision(a, b *ask) bool {
	mine, ok := a.revises()
	other, too := b.revises()
	return ok && too && mine == other
}
