package simulate

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// Who watches a run and looks at it every minute gets the run that nobody
// watches, and is told of every call and of every end.
func TestWatchingChangesNothing(t *testing.T) {
	t.Attr("guards", "what a test of rules sees is what a simulation does")
	t.Parallel()

	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: 20, Interval: time.Second})
	events := days(t, 2000, 7)
	want, log := play(t, c, events)

	ends := map[string]int{}
	calls, covered, waiting := 0, 0, 0
	var before time.Time
	c.Watch = Watch{
		Call: func(call Call) {
			calls++
			covered += len(call.Batch.Covers)
		},
		End: func(e End) {
			ends[e.Disposition]++
			if e.Line < 1 || e.Line > int64(len(events)) || (e.Disposition == "pushed") == e.Sent.IsZero() || (e.Disposition == "superseded") == (e.By == 0) {
				t.Errorf("end in parts: %+v", e)
			}
		},
		Look: func(l Look) {
			if l.At.Before(before) {
				t.Errorf("looked at %v after %v", l.At, before)
			}
			before = l.At
			waiting += len(l.Waiting)
			for _, w := range l.Waiting {
				if w.For == "" {
					t.Errorf("at %v %s waits for nothing", l.At, w.Rule)
				}
			}
		},
	}
	for at := nine; at.Before(nine.Add(72 * time.Hour)); at = at.Add(time.Minute) {
		c.Watch.At = append(c.Watch.At, at)
	}
	got, watched := play(t, c, events)
	if !bytes.Equal(log, watched) || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("the run that was watched is another")
	}
	told := Ends{
		Pushed: ends["pushed"], Superseded: ends["superseded"], Expired: ends["expired"],
		Duplicate: ends["duplicate"], Unmatched: ends["unmatched"], DeadLettered: ends["dead-lettered"],
	}
	if told != want.Ends || calls != want.Calls || covered != want.Covered || waiting == 0 {
		t.Errorf("told of %+v, %d calls of %d, want %+v, %d of %d; %d waited", told, calls, covered, want.Ends, want.Calls, want.Covered, waiting)
	}
}
