package limiter

import (
	"slices"
	"sort"
	"time"

	"pushbridge/internal/audience"
)

// forever is later than every instant that is compared with it.
var forever = time.Unix(1<<40, 0)

// inhibitions remembers which pools are held back for whom. A storm of repeats
// is one suppression, however often it is told.
type inhibitions struct {
	all   map[inhibitKey]*suppression
	pools map[string]*inhibitedPool
}

type inhibitKey struct {
	pool     string
	audience audience.Audience
}

type suppression struct {
	audience audience.Audience
	until    time.Time
	pending  int // suppressing intents that are not pushed yet
}

// inhibitedPool is a pool's suppressions and, for each audience asked about, the
// one of them that holds it longest, kept true to the list: an answer depends on
// what was told, never on what was asked.
type inhibitedPool struct {
	list  []*suppression // the longest first, of equals the older
	views map[audience.Audience]*suppression
}

func newInhibitions() *inhibitions {
	return &inhibitions{all: map[inhibitKey]*suppression{}, pools: map[string]*inhibitedPool{}}
}

// pend holds back the intents of a pool whose audience overlaps a, until release is
// called as often.
func (h *inhibitions) pend(now time.Time, pool string, a audience.Audience) {
	h.change(now, inhibitKey{pool, a}, 1, time.Time{})
}

// release says that an intent that was told by pend ended: pushed, and holds
// until the instant; or otherwise, with the zero Time.
func (h *inhibitions) release(now time.Time, pool string, a audience.Audience, until time.Time) {
	h.change(now, inhibitKey{pool, a}, -1, until)
}

func (h *inhibitions) change(now time.Time, k inhibitKey, pending int, until time.Time) {
	s, p := h.all[k], h.pools[k.pool]
	if p == nil {
		p = &inhibitedPool{views: map[audience.Audience]*suppression{}}
		h.pools[k.pool] = p
	}
	if s == nil {
		s = &suppression{audience: k.audience}
		h.all[k] = s
	}
	before := s.end()
	s.pending += pending
	if s.pending < 0 {
		panic("limiter: a suppression is released more often than it was told")
	}
	s.until = latest(s.until, until)
	if s.end().Equal(before) && !before.IsZero() {
		return // a repeat: no answer changes
	}
	p.moved(s, before)
	for n := len(p.list); n > 0 && !p.list[n-1].end().After(now); n-- {
		delete(h.all, inhibitKey{k.pool, p.list[n-1].audience})
		p.list = slices.Delete(p.list, n-1, n)
	}
	if len(p.list) == 0 {
		delete(h.pools, k.pool)
	}
}

// moved puts s, whose end was another before, into its place.
func (p *inhibitedPool) moved(s *suppression, before time.Time) {
	if i := slices.Index(p.list, s); i >= 0 {
		p.list = slices.Delete(p.list, i, i+1)
	}
	end := s.end()
	p.list = slices.Insert(p.list, sort.Search(len(p.list), func(i int) bool { return p.list[i].end().Before(end) }), s)
	for a, longest := range p.views {
		switch {
		case longest == s && end.Before(before):
			delete(p.views, a)
		case longest != s && (longest == nil || end.After(longest.end())) && s.audience.Overlaps(a):
			p.views[a] = s
		}
	}
}

// end is from when on the suppression does not hold.
func (s *suppression) end() time.Time {
	if s.pending > 0 {
		return forever
	}
	return s.until
}

// suppressed says whether the intents of a pool to a are held back, by the
// audience of which suppression, and until when: the zero Time where that
// depends on an intent that is not pushed yet. They are held at the instants
// before until.
func (h *inhibitions) suppressed(now time.Time, pool string, a audience.Audience) (until time.Time, by audience.Audience, held bool) {
	p := h.pools[pool]
	if p == nil {
		return time.Time{}, audience.Audience{}, false
	}
	s, known := p.views[a]
	if !known {
		if i := slices.IndexFunc(p.list, func(s *suppression) bool { return s.audience.Overlaps(a) }); i >= 0 {
			s = p.list[i]
		}
		if len(p.views) >= maxViews {
			clear(p.views)
		}
		p.views[a] = s
	}
	switch {
	case s == nil || !s.end().After(now):
		return time.Time{}, audience.Audience{}, false
	case s.pending > 0:
		return time.Time{}, s.audience, true
	}
	return s.until, s.audience, true
}
