package simulate

import (
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// While too much waits the bridge reads nothing, so what arrives then is seen late:
// here too late for its own delay, and a repeat of it only once it is read.
func TestNothingIsReadWhileTooMuchWaits(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	for name, tt := range map[string]struct {
		bound int
		late  int // calls that carry what was read late
	}{"bound": {8, 4}, "no bound": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testConfig(t)
			c.Lanes = oneLane(intent.Terms{Calls: 1000, Interval: time.Second})
			c.MaxPending = tt.bound
			var calls []Call
			c.Watch.Call = func(call Call) { calls = append(calls, call) }
			var events []Arrival
			for i := range 8 { // which wait for an hour
				events = append(events, at(t, 0, "note", fmt.Sprint("n", i), map[string]any{"text": fmt.Sprint("note ", i)}))
			}
			for i := range 4 {
				events = append(events, at(t, time.Minute, "alert", fmt.Sprint("a", i), map[string]any{"region": fmt.Sprint(i), "text": fmt.Sprint("alert ", i)}))
			}
			r, err := Run(c, stream(events))
			if err != nil {
				t.Fatal(err)
			}
			if r.Ends.Pushed != len(events) {
				t.Errorf("%d of %d events were pushed", r.Ends.Pushed, len(events))
			}
			late := 0
			for _, call := range calls {
				if in := call.Batch.Covers[0].Intent; in.Rule == "alert" && call.Sent.Sub(in.Origin.Received) > time.Minute {
					late++
				}
			}
			if late != tt.late {
				t.Errorf("%d alerts were pushed after their delay, want %d", late, tt.late)
			}
		})
	}
}
