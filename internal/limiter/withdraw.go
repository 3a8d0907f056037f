package limiter

import (
	"cmp"
	"slices"
	"time"

	"pushbridge/internal/intent"
)

// Withdraw ends the pending intents of a pool whose origin the function knows, as
// expired. What is in flight ends with its call, and what is in doubt is sent again
// as it was.
func (s *Scheduler) Withdraw(now time.Time, pool string, is func(*intent.Origin) bool) []Ended {
	s.begin(now)
	s.turn()
	var gone []*item
	s.everyBatch(func(p *pending) {
		if p.frozen() != nil || p.pool() != pool {
			return
		}
		p.each(func(i *item) {
			if o := s.origin(i); is(&o) {
				gone = append(gone, i)
			}
		})
	})
	slices.SortFunc(gone, func(a, b *item) int {
		return cmp.Or(a.position().Compare(b.position()), cmp.Compare(a.profile.rule, b.profile.rule))
	})
	for _, i := range gone {
		s.takeOut(i)
		s.endPart(i, EndExpired, nil, false)
	}
	s.gather()
	return s.takeEnded()
}
