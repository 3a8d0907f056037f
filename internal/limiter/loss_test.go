package limiter

import (
	"math"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// lost is the loss that coalescing.md gives for an event of weight w, d seconds
// after its arrival.
func lost(w, d, delay, expiry float64) float64 {
	switch {
	case d < delay:
		return 0.1 * w * d / delay
	case d >= expiry:
		return w
	}
	return 0.3*w + 0.7*w*(d-delay)/(expiry-delay)
}

// only returns the one batch that is pending.
func only(s *Scheduler) (one *pending) {
	s.everyBatch(func(p *pending) { one = p })
	return one
}

func TestLossByWaiting(t *testing.T) {
	t.Attr("guards", "the price")
	t.Parallel()
	s := newScheduler()
	add := func(n int, at time.Duration, tag string, p intent.Priority, key string) {
		in := newIntent(t, n, must(audience.OfAnyTag(tag)), message(t, "hello"))
		in.Origin.Position.Offset = int64(n)
		in.Origin.Received, in.Origin.Time, in.Policy.Priority = start.Add(at), start.Add(at), p
		in.Policy.Expires = start.Add(at + time.Hour)
		if key != "" {
			in.Policy.Mode, in.Policy.Key = intent.Latest, key
		}
		s.Add(start.Add(at), in)
	}
	look := func(at time.Duration, wantWeight, want float64) {
		t.Helper()
		s.Idle(start.Add(at))
		p := only(s)
		sec := at.Seconds()
		if got := p.accrued(sec); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v lost %v, want %v", at, got, want)
		}
		if got := p.value(sec); math.Abs(got-(wantWeight-want)) > 1e-9 {
			t.Errorf("at %v worth %v, want %v", at, got, wantWeight-want)
		}
		if got, want := p.slope(), p.accrued(sec+1)-p.accrued(sec); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v loses %v a second, want %v", at, got, want)
		}
	}
	add(1, 0, "a", intent.Normal, "")
	look(30*time.Second, 1, lost(1, 30, 60, 3600))
	look(61*time.Second, 1, lost(1, 61, 60, 3600))
	add(2, 100*time.Second, "b", intent.High, "")
	look(110*time.Second, 11, lost(1, 110, 60, 3600)+lost(10, 10, 60, 3600))
	look(1000*time.Second, 11, lost(1, 1000, 60, 3600)+lost(10, 900, 60, 3600))
	look(3650*time.Second, 10, lost(10, 3550, 60, 3600))
	look(3700*time.Second-1, 10, lost(10, 3600-1e-9, 60, 3600))
	if at := start.Add(3700 * time.Second); len(s.Idle(at).Ended) != 1 || s.Total() != 0 {
		t.Errorf("%d are left", s.Total())
	}

	// Revisions: what each has lost rides on, and the weight, which is late with the newest.
	const born = 4000
	add(3, born*time.Second, "a", intent.Normal, "k")
	add(4, (born+20)*time.Second, "a", intent.Normal, "k")
	look((born+30)*time.Second, 2, lost(1, 30, 60, 3600)+lost(1, 10, 60, 3600))
	add(5, (born+40)*time.Second, "a", intent.Normal, "k")
	look((born+50)*time.Second, 3, lost(1, 50, 60, 3600)+lost(1, 30, 60, 3600)+lost(1, 10, 60, 3600))
	look((born+100)*time.Second, 3, 3*lost(1, 60, 60, 3600))
	for n := range 30 {
		add(10+n, (born+200)*time.Second, "a", intent.Normal, "k")
	}
	s.Idle(start.Add((born + 200) * time.Second))
	p := only(s)
	if p.loss().weight != 1+ghostsMost || s.batches() != 1 || s.Total() != 1 {
		t.Errorf("33 revisions weigh %v, want %v", p.loss().weight, 1+ghostsMost)
	}
	// What they weighed is gone with the one they rode on.
	add(50, (born+210)*time.Second, "b", intent.Normal, "")
	s.takeOut(s.newest[latestKey{"r", "k"}][0])
	if got := p.loss(); got != p.solo().loss() || got.weight != 1 {
		t.Errorf("what is left weighs %+v", got)
	}
}
