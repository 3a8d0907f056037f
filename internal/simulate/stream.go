package simulate

import "time"

// Stream is a run whose events are not known beforehand: they are given to it one by
// one, and it is told how late it is. It keeps nothing of what has ended, so it may
// go on for ever. It has one owner.
type Stream struct{ run *run }

// NewStream returns a Stream that nothing has reached. It ignores what only a Report
// or a bound of what waits needs.
func NewStream(c Config) (*Stream, error) {
	c.MaxPending = 0 // to wait until less does would be to run ahead of the time
	r, err := newRun(c)
	if err != nil {
		return nil, err
	}
	r.tally.endless = true
	return &Stream{run: r}, nil
}

// Arrive takes an event in, and returns how many ends Watch is told of it, now or
// later. Its instant is not before any that the Stream was told.
func (s *Stream) Arrive(a Arrival) (ends int, err error) {
	err = s.run.arrive(&a)
	return s.run.asked, err
}

// Pass lets time go on.
func (s *Stream) Pass(now time.Time) error {
	if s.run.start.IsZero() {
		return nil // nothing has arrived, so nothing can happen
	}
	if now.After(s.run.latest) {
		s.run.latest = now
	}
	return s.run.playUntil(whole(now, s.run.grain))
}

// Waiting is how many intents have not ended.
func (s *Stream) Waiting() int { return s.run.waiting() }
