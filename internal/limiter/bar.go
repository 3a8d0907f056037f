package limiter

import (
	"math"
	"slices"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// bar is what keeps a batch that could go from going: its users were reached too
// often, or an alert to some of them holds its pool back.
type bar struct {
	until elapsed           // endless: until an intent ends that is pending
	by    audience.Audience // of the alert; the zero one: it is the frequency
}

// endless is later than every reading of a clock.
const endless elapsed = math.MaxInt64

// barUntil is when a bar is looked at again: at its end, and a little later where the
// clocks disagree about that.
func (s *Scheduler) barUntil(t time.Time) elapsed {
	if end := s.elapsed(t); end > s.clock {
		return end
	}
	return s.clock + elapsed(time.Second)
}

// barred says what keeps p from going now, if anything does.
func (s *Scheduler) barred(p *pending) (bar, bool) {
	g := p.units.class().terms.gate
	if g == nil {
		return bar{}, false
	}
	b, is := bar{}, false
	if until, held := s.pushes.heldBy(s.now, p.audience(), g.Frequency); held {
		b, is = bar{until: s.barUntil(until)}, true
	}
	if g.Pool == "" || p.priority() == intent.Critical {
		return b, is
	}
	until, by, held := s.inhibitions.suppressed(s.now, g.Pool, p.audience())
	switch {
	case !held:
		return b, is
	case until.IsZero():
		return bar{until: endless, by: by}, true
	}
	if at := s.barUntil(until); at > b.until {
		b = bar{until: at, by: by}
	}
	return b, true
}

// putBehind takes p out of the way until its bar is lifted.
func (s *Scheduler) putBehind(b bar, p *pending) {
	s.lift(p)
	p.state = behind
	s.bars[p] = b
	s.behind.add(p)
}

// unbar lets those go on whose bar has ended.
func (s *Scheduler) unbar() {
	for {
		p, ok := s.behind.top()
		if !ok || s.bars[p].until > s.clock {
			return
		}
		s.refile(p)
	}
}

// suppress holds back whom an arriving intent suppresses, until it has ended.
func (s *Scheduler) suppress(in *intent.Intent) {
	if by := in.Policy.Suppresses; by != nil {
		for _, a := range in.Audiences {
			s.inhibitions.pend(s.now, by.Pool, a)
		}
	}
}

// unsuppress lets those go on, once it was pushed after the time that it says.
func (s *Scheduler) unsuppress(in *intent.Intent, kind EndKind) {
	by := in.Policy.Suppresses
	if by == nil {
		return
	}
	var until time.Time
	if kind == EndPushed {
		until = s.now.Add(by.For)
	}
	for _, a := range in.Audiences {
		s.inhibitions.release(s.now, by.Pool, a, until)
	}
	var waits []*pending
	for p, b := range s.bars {
		if b.until == endless && p.units.class().terms.gate.Pool == by.Pool {
			waits = append(waits, p)
		}
	}
	slices.SortFunc(waits, byID)
	for _, p := range waits {
		s.refile(p)
	}
}

// Reached tells of a push before this Scheduler's time: it may have reached a, and
// ended then. Frequencies count it.
func (s *Scheduler) Reached(a audience.Audience, end time.Time) { s.pushes.add(a, end) }
