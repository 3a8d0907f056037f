package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// What the log says, judged without the scheduler's arithmetic.
func TestLogKeepsIntervalAndQuota(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	for name, tt := range map[string]struct {
		quota    int
		interval time.Duration
		latency  Latency
	}{
		"one call a day":       {1, time.Second, Latency{0, 0}},
		"five":                 {5, time.Second, Latency{60 * time.Millisecond, 300 * time.Millisecond}},
		"slow answers":         {40, 3 * time.Second, Latency{0, 9 * time.Second}},
		"calls for everything": {5000, time.Second, Latency{time.Millisecond, 2 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testConfig(t)
			c.Lanes = oneLane(intent.Terms{Calls: tt.quota, Interval: tt.interval})
			c.Latency = tt.latency
			r, log := play(t, c, days(t, 1500, 7))
			var calls []logged
			for _, l := range readLog(t, log) {
				if l.Kind == "push" {
					calls = append(calls, l)
				}
			}
			worst := 0
			for i, call := range calls {
				took := call.ResponseAt.Sub(call.SentAt)
				if took < tt.latency.Min || took > tt.latency.Max || call.Outcome != "ok" {
					t.Errorf("call %d took %v and ended %q, want %v to %v and ok", i+1, took, call.Outcome, tt.latency.Min, tt.latency.Max)
				}
				if i > 0 {
					if pause := call.SentAt.Sub(calls[i-1].ResponseAt); pause <= tt.interval {
						t.Errorf("call %d was sent %v after the response before it, want more than %v", i+1, pause, tt.interval)
					}
				}
				held := 0
				for _, before := range calls[:i+1] {
					if before.ResponseAt.Add(24 * time.Hour).After(call.SentAt) {
						held++
					}
				}
				worst = max(worst, held)
			}
			if worst > tt.quota || worst != r.Worst24h {
				t.Errorf("%d calls in 24 hours, reported as %d, allowed %d", worst, r.Worst24h, tt.quota)
			}
			if len(calls) < min(tt.quota, 20) || len(calls) != r.Calls {
				t.Errorf("%d calls in the log, %d reported: want the same, and enough to judge", len(calls), r.Calls)
			}
		})
	}
}

// Every event ends once: all of its parts in calls, or one end without a call.
func TestEveryEventEndsOnce(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	for _, quota := range []int{3, 30, 3000} {
		t.Run(fmt.Sprint(quota), func(t *testing.T) {
			t.Parallel()
			c := testConfig(t)
			c.Lanes = oneLane(intent.Terms{Calls: quota, Interval: time.Second})
			events := days(t, 1500, 11)
			r, log := play(t, c, events)
			asked := make(map[string]int) // events by name
			for _, a := range events {
				asked["/test#"+a.Event.ID()]++
			}
			ended, carried := make(map[string]int), make(map[string][]string)
			for _, l := range readLog(t, log) {
				if l.Kind == "disposition" {
					ended[l.Event]++
					if l.Disposition == "expired" {
						delete(carried, l.Event) // some of its parts may have been pushed before
					}
				}
				for _, cover := range l.Covers {
					what := fmt.Sprint(cover.Part)
					if slices.Contains(carried[cover.Event], what) || l.SentAt.Before(arrival(events, cover.Event)) {
						t.Errorf("%s: part %s is carried twice, or before it arrived", cover.Event, what)
					}
					carried[cover.Event] = append(carried[cover.Event], what)
				}
			}
			for name := range carried {
				ended[name]++
			}
			for name, n := range asked {
				if ended[name] != n {
					t.Errorf("%s came %d times and ended %d times", name, n, ended[name])
				}
			}
			e := r.Ends
			if got := e.Pushed + e.Superseded + e.Expired + e.Duplicate + e.Unmatched + e.DeadLettered; got != len(events) || r.Events != len(events) {
				t.Errorf("%d ends of %d events are reported, want %d", got, r.Events, len(events))
			}
		})
	}
}

// arrival is when an event came first.
func arrival(events []Arrival, name string) time.Time {
	id := strings.TrimPrefix(name, "/test#")
	i := slices.IndexFunc(events, func(a Arrival) bool { return a.Event.ID() == id })
	return events[i].At
}

func TestSameInputSameBytes(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()

	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: 40, Interval: time.Second})
	c.Latency = Latency{Min: 60 * time.Millisecond, Max: 300 * time.Millisecond}
	events := days(t, 1500, 3)
	_, first := play(t, c, events)
	_, again := play(t, c, events)
	if string(first) != string(again) {
		t.Error("two runs of one input wrote different logs")
	}
	c.Seed++
	if _, other := play(t, c, events); string(first) == string(other) {
		t.Error("another seed wrote the same log: nothing was drawn from it")
	}
}
