package limiter

import "math"

// Hurry says that memory is full, or that it is not any more. While it is, Next
// gives a batch at each instant at which a call may start, though none is due or
// worth what calls cost: what is behind the records that may wait is not read, and
// may be urgent. The reserve, the pools' shares, hours, frequencies and suppressions
// hold all the same.
func (s *Scheduler) Hurry(full bool) { s.full = full }

// relief is the batch whose call gives back most memory; nil: none may go.
func (s *Scheduler) relief() *pending {
	for {
		var most *pending
		for _, u := range s.purses {
			if math.IsInf(u.price.admit, 1) {
				continue
			}
			for _, q := range []*queue[*pending]{&u.due, &u.asleep} {
				for _, p := range q.items {
					if most == nil || s.relieves(p, most) {
						most = p
					}
				}
			}
		}
		if most == nil {
			return nil
		}
		b, ok := s.barred(most)
		if !ok {
			return most
		}
		s.putBehind(b, most)
	}
}

// relieves says whether p gives back more than q: the more intents, and of equals
// what is worth more.
func (s *Scheduler) relieves(p, q *pending) bool {
	if n, m := p.items(), q.items(); n != m {
		return n > m
	}
	at := s.at.seconds()
	return before(-p.value(at), -q.value(at), p.id, q.id)
}
