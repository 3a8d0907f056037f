package simulate

import (
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// While too much waits the bridge reads nothing and its schedulers hurry, so that
// patient events do not keep urgent ones behind them unread. The simulation does so
// too: without the bound the notes wait for an hour, with it they go at once.
func TestSchedulersHurryWhileTooMuchWaits(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	for name, tt := range map[string]struct {
		bound    int
		hurry    bool // calls are made because memory is full
		readLate bool // and what comes meanwhile is read only then
	}{"bound": {8, true, true}, "larger bound": {100, false, false}, "no bound": {0, false, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testConfig(t)
			c.Lanes = oneLane(intent.Terms{Calls: 1000, Interval: time.Second})
			c.MaxPending = tt.bound
			var calls []Call
			c.Watch.Call = func(call Call) { calls = append(calls, call) }
			var unmatched []time.Time
			c.Watch.End = func(e End) {
				if e.Disposition == "unmatched" {
					unmatched = append(unmatched, e.At)
				}
			}
			var events []Arrival
			for i := range 8 {
				events = append(events, at(t, 0, "note", fmt.Sprint("n", i), map[string]any{"text": fmt.Sprint("note ", i)}))
			}
			events = append(events, at(t, 100*time.Millisecond, "other", "o", nil))
			for i := range 4 {
				events = append(events, at(t, time.Minute, "alert", fmt.Sprint("a", i), map[string]any{"region": fmt.Sprint(i), "text": fmt.Sprint("alert ", i)}))
			}
			r, err := Run(c, stream(events))
			if err != nil {
				t.Fatal(err)
			}
			if r.Ends.Pushed != len(events)-1 || r.CriticalMissed() > 0 {
				t.Errorf("%d of %d events were pushed, %d critical ones not in time", r.Ends.Pushed, len(events)-1, r.CriticalMissed())
			}
			if hurried := r.Why["memory full"] > 0; hurried != tt.hurry || calls[0].Sent.Before(nine.Add(30*time.Minute)) != tt.hurry && calls[0].Batch.Covers[0].Intent.Rule == "note" {
				t.Errorf("calls by why %v, the first at %v: want hurry %v", r.Why, calls[0].Sent, tt.hurry)
			}
			if late := unmatched[0].After(nine.Add(100 * time.Millisecond)); late != tt.readLate {
				t.Errorf("what came while all waited was read at %v: want late %v", unmatched[0], tt.readLate)
			}
		})
	}
}
