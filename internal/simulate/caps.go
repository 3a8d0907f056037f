package simulate

import "time"

// Cap is what a quota would come to.
type Cap struct {
	Calls  int // in a window
	Report Report
	// More is what one call a day more would bring, by the next larger cap.
	More Gain
}

// Gain is what calls bring, on each day.
type Gain struct {
	Expired  float64       // fewer events expire
	Missed   float64       // fewer are pushed late or never
	Critical float64       // of them critical
	Delay    time.Duration // by so much the mean delay of what is pushed grows: more is pushed
}

// Advise turns the reports of rising caps into advice; the last is there only to
// compare the one before it with.
func Advise(caps []int, reports []Report) []Cap {
	all := make([]Cap, len(caps)-1)
	for i := range all {
		a, b := &reports[i], &reports[i+1]
		more := float64(caps[i+1] - caps[i])
		aDay := func(before, after int) float64 { return float64(before-after) / more / a.Days() }
		all[i] = Cap{Calls: caps[i], Report: *a, More: Gain{
			Expired: aDay(a.Ends.Expired, b.Ends.Expired), Missed: aDay(a.Missed(), b.Missed()), Critical: aDay(a.CriticalMissed(), b.CriticalMissed()),
			Delay: time.Duration(float64(b.MeanDelay()-a.MeanDelay()) / more),
		}}
	}
	return all
}

// Missed is how many intents were pushed late or never.
func (r *Report) Missed() int {
	n := 0
	for i := range r.Priorities {
		n += r.Priorities[i].Missed()
	}
	return n
}

// MeanDelay is that of all that was pushed.
func (r *Report) MeanDelay() time.Duration {
	var sum float64
	n := 0
	for i := range r.Priorities {
		p := &r.Priorities[i]
		sum += float64(p.Delay.Mean) * float64(p.Intents-p.Never)
		n += p.Intents - p.Never
	}
	return time.Duration(sum / float64(max(1, n)))
}
