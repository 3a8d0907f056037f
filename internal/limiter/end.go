package limiter

import (
	"slices"
	"time"

	"pushbridge/internal/intent"
)

// expire ends what may not be pushed any more, and notes what is late from now on.
func (s *Scheduler) expire(now time.Time) {
	at := s.instant(now)
	for {
		i, ok := s.changing.top()
		switch {
		case !ok || i.changes() > at:
			s.gather()
			return
		case i.expires > at:
			s.turnLate(i)
			continue
		}
		frozen := i.unit.batch.frozen()
		if frozen == nil {
			s.missed(i)
		}
		s.takeOut(i)
		if frozen != nil {
			// It may have been pushed, and was counted so.
			s.endPart(i, EndPushed, frozen, true)
		} else {
			s.endPart(i, EndExpired, nil, false)
		}
	}
}

// turnLate lets i lose what it loses from its due on.
func (s *Scheduler) turnLate(i *item) {
	p := i.unit.batch
	before := i.loss()
	i.late = true
	if t := p.tally; t != nil {
		t.line = t.minus(before).plus(i.loss())
	}
	s.changing.fix(i)
	s.regrade(p)
}

// missed notes what of a batch is lost with i, which expires.
func (s *Scheduler) missed(i *item) {
	p := i.unit.batch
	w := i.loss().weight
	if t := p.tally; t != nil {
		t.lost += float32(w)
		w = float64(t.lost)
	}
	if p.items() == 1 && !p.replayed() {
		s.demand.saved(s.at, w)
	}
}

// revise makes an arrival of mode Latest the newest of its key, and ends what it
// is a revision of; or it returns the origin of what is newer.
func (s *Scheduler) revise(i *item) (by *intent.Origin) {
	key := keyOf(i)
	old := s.newest[key]
	if len(old) > 0 && old[0].position() != i.position() {
		if old[0].time > i.time {
			o := s.origin(old[0])
			return &o
		}
		s.supersede(old, i)
		old = nil
	}
	// Two rules that one record matched do not revise each other.
	s.newest[key] = append(old, i)
	return nil
}

// supersede ends what of the old is still pending; what of it is in flight ends
// with its call, what is in doubt is sent again as it was. Its age rides on.
func (s *Scheduler) supersede(old []*item, by *item) {
	origin := s.origin(by)
	for _, o := range slices.Clone(old) {
		s.inherit(by, o)
		o.fated().by = &origin
		o.parts(func(i *item) {
			if i.slot != away && i.unit.batch.frozen() == nil {
				s.takeOut(i)
				s.endPart(i, EndSuperseded, nil, false)
			}
		})
	}
}

// inherit lets the age of old, and its loss, ride on with by.
func (s *Scheduler) inherit(by, old *item) {
	since, due := old.oldest(), old.due()
	f := by.fated()
	s.changeAll(by, func() {
		if !f.inherits {
			f.inherits, f.since, f.due = true, since, due
		}
		f.since, f.due = min(f.since, since), min(f.due, due)
		by.haunt(old)
	})
}

// comeBack makes an item pending again after a call that was certainly not done,
// unless a newer revision is pending.
func (s *Scheduler) comeBack(i *item, b *Batch) {
	if i.profile.policy.Mode == intent.Latest && s.outrun(i) {
		s.endPart(i, EndSuperseded, b, false)
		return
	}
	i.fated().batch = b
	i.late = false // until it is found to be
	a := i.audience()
	s.changing.add(i)
	s.place(i, i.unit.message, a)
}

// outrun makes i, which comes back, the newest of its key again, or says that one
// came meanwhile that is newer.
func (s *Scheduler) outrun(i *item) bool {
	if i.fate != nil && i.fate.by != nil { // another part of it met the newer one before
		return true
	}
	first := i
	if i.fate != nil && len(i.fate.parts) > 0 {
		first = &i.fate.parts[0]
	}
	key := keyOf(i)
	others := s.newest[key]
	switch {
	case slices.Contains(others, first):
		return false
	case len(others) == 0 || others[0].position() == i.position():
	case others[0].time < i.time:
		// An older revision arrived late, while this one was in flight.
		s.supersede(others, first)
		others = nil
	default:
		o := s.origin(others[0])
		i.fated().by = &o
		s.inherit(others[0], i)
		return true
	}
	s.newest[key] = append(others, first)
	return false
}

// keepFrozen keeps a batch in doubt as it was, to be sent again with the same
// request.
func (s *Scheduler) keepFrozen(f *flight) {
	b := *f.batch
	b.Resend = true
	b.Why = WhyResend
	p := f.from
	p.total(s)
	p.tally.frozen = &b
	p.each(func(i *item) {
		i.late = false // until it is found to be
		s.changing.add(i)
	})
	p.recount() // hours may have turned meanwhile
	s.enqueue(p)
}

// endAll ends every part that a call carried.
func (s *Scheduler) endAll(f *flight, kind EndKind, doubt bool) {
	for _, i := range f.from.all() {
		s.endPart(i, kind, f.batch, doubt)
	}
}

// endPart ends one part of an intent, which the batch carried if there is one;
// with the last part the intent ends, as the worst that happened to any of them.
func (s *Scheduler) endPart(i *item, kind EndKind, b *Batch, doubt bool) {
	e := Ended{Kind: kind, Batch: b, Doubt: doubt}
	if f := i.fate; f != nil {
		f.open--
		f.doubt = f.doubt || doubt
		if severity(kind) > severity(f.kind) {
			f.kind = kind
		}
		if b != nil {
			f.batch = b
		}
		e = Ended{Kind: f.kind, Batch: f.batch, By: f.by, Doubt: f.doubt}
	}
	s.unlist(i)
	if i.fate == nil || i.fate.open == 0 {
		s.intents[i.priority()]--
		e.Intent = s.unpack(i)
		s.unsuppress(e.Intent, e.Kind)
		s.ended = append(s.ended, e)
	}
	s.release(i.profile)
}

// unlist forgets an intent as the newest of its key once no newer one could still
// take its place: none of it is pending, or only to be sent again.
func (s *Scheduler) unlist(i *item) {
	if i.profile.policy.Mode != intent.Latest {
		return
	}
	key := keyOf(i)
	listed := s.newest[key]
	at := slices.IndexFunc(listed, func(o *item) bool { return o == i || (o.fate != nil && o.fate == i.fate) })
	if at < 0 {
		return
	}
	waits := false
	i.parts(func(part *item) {
		waits = waits || (part.slot != away && part.unit.batch.frozen() == nil)
	})
	if waits {
		return
	}
	if len(listed) == 1 {
		delete(s.newest, key)
		return
	}
	s.newest[key] = slices.Delete(listed, at, at+1)
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
