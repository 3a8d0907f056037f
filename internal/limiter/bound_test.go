package limiter

import "testing"

func TestReadingPausesAtTheBoundAndResumesBelowIt(t *testing.T) {
	t.Attr("guards", "the memory that what waits may take")
	b := NewBound(8)
	for n, step := range []struct {
		waiting, pending      int
		changed, paused, full bool
	}{
		{7, 7, false, false, false},
		{8, 8, true, true, true},
		{9, 3, false, true, false}, // what waits is mostly to be written
		{7, 4, false, true, true},
		{6, 6, true, false, false},
		{7, 7, false, false, false},
		{20, 20, true, true, true},
	} {
		if changed := b.Set(step.waiting); changed != step.changed || b.Paused() != step.paused || b.Full(step.pending) != step.full {
			t.Errorf("step %d, %d wait: changed %v, paused %v, full %v; want %+v", n, step.waiting, changed, b.Paused(), b.Full(step.pending), step)
		}
	}
}
