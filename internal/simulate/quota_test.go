package simulate

import (
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// callsOf are the calls of a log.
func callsOf(t *testing.T, log []byte) []logged {
	t.Helper()
	var calls []logged
	for _, l := range readLog(t, log) {
		if l.Kind == "push" {
			calls = append(calls, l)
		}
	}
	return calls
}

func TestQuotaChangesWhileRunning(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: 5, Interval: time.Second})
	c.Changes = []Change{{After: 12 * time.Hour, Calls: 12}, {After: 6 * time.Hour, Calls: 30}} // in any order
	inForce := func(at time.Time) int {
		switch after := at.Sub(nine); {
		case after < 6*time.Hour:
			return 5
		case after < 12*time.Hour:
			return 30
		}
		return 12
	}
	events := days(t, 1500, 17)
	c.Changes[0].After -= events[0].At.Sub(nine) // they count from the first arrival, inForce from nine
	c.Changes[1].After -= events[0].At.Sub(nine)
	_, log := play(t, c, events)

	calls := callsOf(t, log)
	reached := make(map[int]int) // most calls held, by the quota in force
	for i, call := range calls {
		held := 0
		for _, before := range calls[:i+1] {
			if before.ResponseAt.Add(24 * time.Hour).After(call.SentAt) {
				held++
			}
		}
		quota := inForce(call.SentAt)
		reached[quota] = max(reached[quota], held)
		if held > quota {
			t.Errorf("call %d at %v is the %dth in 24 hours, allowed %d", i+1, call.SentAt, held, quota)
		}
	}
	if reached[5] == 0 || reached[30] <= 12 || reached[12] == 0 {
		t.Errorf("most calls by quota %v: want some under each, and more than 12 under 30, so that the fall to 12 is judged", reached)
	}
}

func TestCalendarDay(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	const quota = 9
	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: quota, Interval: time.Second, Day: zone})
	c.Latency = Latency{Min: 0, Max: 20 * time.Second}
	r, log := play(t, c, days(t, 1500, 19))

	ofDay, most := make(map[string]int), 0
	for _, call := range callsOf(t, log) {
		sent, answered := call.SentAt.In(zone).Format(time.DateOnly), call.ResponseAt.In(zone).Format(time.DateOnly)
		ofDay[sent]++
		if answered != sent {
			ofDay[answered]++
		}
		most = max(most, ofDay[sent], ofDay[answered])
	}
	if most > quota || r.Lanes[0].WorstDay != most {
		t.Errorf("%d calls on one day (%v), reported as %d, allowed %d", most, ofDay, r.Lanes[0].WorstDay, quota)
	}
	if r.Worst24h <= quota {
		t.Errorf("at most %d calls in 24 hours: nothing shows that the day is the window", r.Worst24h)
	}
}
