package limiter

import (
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// expire ends what may not be pushed any more.
func (s *Scheduler) expire(now time.Time) {
	for {
		i, ok := s.expiries.top()
		if !ok || now.Before(i.ask.intent.Policy.Expires) {
			return
		}
		frozen := i.pending.frozen != nil
		s.takeOut(now, i)
		if frozen {
			// It may have been pushed, and was counted so.
			s.endPart(i, EndPushed, true)
		} else {
			s.endPart(i, EndExpired, false)
		}
	}
}

// supersede ends what of old is still pending; what of it is in flight ends with
// its call.
func (s *Scheduler) supersede(now time.Time, old, by *ask) {
	old.by = &by.intent.Origin
	for _, i := range old.parts {
		if i.pending != nil {
			s.takeOut(now, i)
			s.endPart(i, EndSuperseded, false)
		}
	}
}

// comeBack makes an item pending again after a call that was certainly not done,
// unless a newer revision arrived meanwhile.
func (s *Scheduler) comeBack(now time.Time, i *item) {
	a := i.ask
	if a.intent.Policy.Mode == intent.Latest {
		key := latestKey{a.intent.Rule, a.intent.Policy.Key}
		newer, ok := s.newest[key]
		if ok && newer != a {
			a.by = &newer.intent.Origin
			newer.since = earliest(newer.since, a.since)
			s.endPart(i, EndSuperseded, false)
			return
		}
		s.newest[key] = a
	}
	s.place(now, i)
}

// keepFrozen keeps a batch in doubt as it was, to be sent again with the same
// request.
func (s *Scheduler) keepFrozen(f *flight) {
	b := *f.batch
	b.Resend = true
	b.Why = WhyResend
	p := &pending{
		id: b.ID, group: f.group, audience: b.Audience, distinct: make(map[audience.Audience]int),
		frozen: &b, state: ready, due: b.Due,
	}
	for _, i := range f.items {
		p.attach(i, 0, b.Due)
		s.expiries.add(i)
	}
	s.ready.add(p)
}

// endAll ends every part that a call carried.
func (s *Scheduler) endAll(f *flight, kind EndKind, doubt bool) {
	for _, i := range f.items {
		s.endPart(i, kind, doubt)
	}
}

// endPart ends one part of an ask; with the last one the ask ends, as the worst
// that happened to any of them.
func (s *Scheduler) endPart(i *item, kind EndKind, doubt bool) {
	a := i.ask
	a.open--
	a.doubt = a.doubt || doubt
	if severity(kind) > severity(a.kind) {
		a.kind = kind
	}
	s.unlist(a)
	if a.open > 0 {
		return
	}
	s.asks[a.intent.Policy.Priority]--
	s.ended = append(s.ended, Ended{Intent: &a.intent, Kind: a.kind, Batch: a.batch, By: a.by, Doubt: a.doubt})
}

// unlist forgets an ask as the newest of its key once none of it is pending.
func (s *Scheduler) unlist(a *ask) {
	if a.intent.Policy.Mode != intent.Latest {
		return
	}
	key := latestKey{a.intent.Rule, a.intent.Policy.Key}
	if s.newest[key] != a {
		return
	}
	for _, i := range a.parts {
		if i.pending != nil {
			return
		}
	}
	delete(s.newest, key)
}

// severity orders ends: an event in two parts of which one was refused was not
// pushed.
func severity(k EndKind) int {
	switch k {
	case EndPushed:
		return 0
	case EndSuperseded:
		return 1
	case EndExpired:
		return 2
	case EndDuplicate:
		return 3
	case EndRejected:
		return 4
	}
	panic("limiter: unknown end")
}
