package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
)

// The figures against those that a reader of the log comes to.
func TestReportAgreesWithLog(t *testing.T) {
	t.Attr("guards", "the summary's delays, percentiles and misses are those of the log")
	t.Parallel()

	kinds := map[string]struct {
		priority intent.Priority
		maxDelay time.Duration
	}{
		"alert": {intent.Critical, time.Minute}, "promo": {intent.Normal, 30 * time.Minute}, "note": {intent.Low, time.Hour},
	}
	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: 400, Interval: time.Second})
	events := days(t, 2000, 5)
	r, log := play(t, c, events)

	sent, heir, judged := make(map[string]time.Time), make(map[string]string), make(map[string]bool)
	hours, why := make(map[time.Time]int), make(map[string]int)
	var covered, widest, superseded, overlaps int
	for _, l := range readLog(t, log) {
		parts := false
		for _, cover := range l.Covers {
			sent[cover.Event] = l.SentAt // the last part's is the event's
			parts = parts || cover.Part != nil
		}
		if parts {
			overlaps++
		}
		switch {
		case l.Kind == "push":
			covered += len(l.Covers)
			widest = max(widest, len(l.Covers))
			hours[l.SentAt.Truncate(time.Hour)]++
			why[l.Why]++
		case l.Disposition == "superseded":
			heir[l.Event] = l.By
			superseded++
		case l.Disposition == "expired":
			delete(sent, l.Event) // not all of it was pushed
			heir[l.Event] = ""
		case l.Disposition == "unmatched" || l.Disposition == "dead-lettered":
			judged[l.Event] = true
		}
	}
	delays := make(map[intent.Priority][]time.Duration)
	var want []Priority
	for _, p := range intent.Priorities {
		w := Priority{Priority: p}
		for _, a := range events {
			name := "/test#" + a.Event.ID()
			if kinds[a.Event.Type()].priority != p || judged[name] {
				continue
			}
			judged[name] = true // the next of the name is a duplicate
			w.Intents++
			carrier := name
			for heir[carrier] != "" {
				carrier = heir[carrier]
			}
			end, ok := sent[carrier]
			if !ok {
				w.Never++
				continue
			}
			delay := end.Sub(a.At.UTC())
			delays[p] = append(delays[p], delay)
			if delay > kinds[a.Event.Type()].maxDelay {
				w.Late++
			}
		}
		if w.Intents == 0 {
			continue
		}
		if d := delays[p]; len(d) > 0 {
			slices.Sort(d)
			sum := 0.0
			for _, x := range d {
				sum += x.Seconds()
			}
			w.Delay = Delay{
				Mean: time.Duration(sum / float64(len(d)) * 1e9), P50: d[(len(d)-1)/2], P99: d[(99*len(d)+99)/100-1], Max: d[len(d)-1],
			}
		}
		want = append(want, w)
	}
	missed := 0
	for _, w := range want {
		missed += w.Late + w.Never
	}
	if superseded == 0 || missed == 0 || len(delays[intent.Critical]) == 0 {
		t.Fatalf("the stream has no revisions, no misses or no hits: it judges too little: %+v", want)
	}
	roughly := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() < 2*time.Microsecond }) // sums of floats
	if diff := cmp.Diff(want, r.Priorities, roughly); diff != "" {
		t.Errorf("priorities (-log +report):\n%s", diff)
	}
	reported := make(map[time.Time]int)
	for _, h := range r.Hours {
		reported[h.Start] = h.Calls
	}
	if diff := cmp.Diff(hours, reported); diff != "" {
		t.Errorf("calls by hour (-log +report):\n%s", diff)
	}
	if diff := cmp.Diff(why, r.Why); diff != "" {
		t.Errorf("calls by why (-log +report):\n%s", diff)
	}
	if r.Covered != covered || r.MaxCovered != widest || r.Ends.Superseded != superseded {
		t.Errorf("report: %d covered, at most %d, %d superseded; log: %d, %d, %d", r.Covered, r.MaxCovered, r.Ends.Superseded, covered, widest, superseded)
	}
	if r.Overlaps < overlaps || overlaps == 0 || r.Overlaps == r.Calls { // others than those of parts may overlap
		t.Errorf("report: %d of %d calls may overlap; log: %d carry a part, and want some", r.Overlaps, r.Calls, overlaps)
	}
	if got := r.CriticalMissed(); got != want[0].Late+want[0].Never {
		t.Errorf("CriticalMissed() = %d, want %d", got, want[0].Late+want[0].Never)
	}
}

func TestDelayOf(t *testing.T) {
	t.Attr("guards", "percentiles are delays that occurred")
	t.Parallel()

	seconds := func(n int) []time.Duration {
		d := make([]time.Duration, n)
		for i := range d {
			d[i] = time.Duration(n-i) * time.Second // not in order
		}
		return d
	}
	for name, tt := range map[string]struct {
		in   []time.Duration
		want Delay
	}{
		"none":    {nil, Delay{}},
		"one":     {seconds(1), Delay{time.Second, time.Second, time.Second, time.Second}},
		"two":     {seconds(2), Delay{1500 * time.Millisecond, time.Second, 2 * time.Second, 2 * time.Second}},
		"hundred": {seconds(100), Delay{50500 * time.Millisecond, 50 * time.Second, 99 * time.Second, 100 * time.Second}},
		"101":     {seconds(101), Delay{51 * time.Second, 51 * time.Second, 100 * time.Second, 101 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, delayOf(tt.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
