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
		s.takeOut(i)
		if frozen {
			// It may have been pushed, and was counted so.
			s.endPart(i, EndPushed, true)
		} else {
			s.endPart(i, EndExpired, false)
		}
	}
}

// supersede ends what of old is still pending; what of it is in flight ends with
// its call, what is in doubt is sent again as it was.
func (s *Scheduler) supersede(old, by *ask) {
	old.by = &by.intent.Origin
	for n := range old.parts {
		if i := &old.parts[n]; i.pending != nil && i.pending.frozen == nil {
			s.takeOut(i)
			s.endPart(i, EndSuperseded, false)
		}
	}
}

// comeBack makes an item pending again after a call that was certainly not done,
// unless a newer revision is pending.
func (s *Scheduler) comeBack(i *item) {
	a := i.ask
	if a.intent.Policy.Mode == intent.Latest {
		if a.by != nil { // another part of it met the newer one before
			s.endPart(i, EndSuperseded, false)
			return
		}
		other, ok := s.newest[keyOf(a)]
		switch {
		case !ok || other == a:
		case other.intent.Origin.Time.Before(a.intent.Origin.Time):
			// An older revision arrived late, while this one was in flight.
			a.inherit(other)
			s.supersede(other, a)
		default:
			a.by = &other.intent.Origin
			s.endPart(i, EndSuperseded, false)
			other.inherit(a)
			s.hurry(other)
			return
		}
		s.newest[keyOf(a)] = a
	}
	s.place(i)
}

// hurry refiles the batches of an ask that has grown older.
func (s *Scheduler) hurry(a *ask) {
	for n := range a.parts {
		if p := a.parts[n].pending; p != nil && p.frozen == nil {
			p.hurry(a)
			s.queueOf(p.state).fix(p)
		}
	}
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
		p.attach(i)
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

// unlist forgets an ask as the newest of its key once no newer one could still
// take its place: none of it is pending, or only to be sent again.
func (s *Scheduler) unlist(a *ask) {
	if a.intent.Policy.Mode != intent.Latest {
		return
	}
	if s.newest[keyOf(a)] != a {
		return
	}
	for n := range a.parts {
		if p := a.parts[n].pending; p != nil && p.frozen == nil {
			return
		}
	}
	delete(s.newest, keyOf(a))
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
