package journal

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A reader whose clock is wrong finds the call as old as the broker's clock says.
func TestCallsAreAsOldAsTheBrokerSays(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	const hour = time.Hour
	for name, tt := range map[string]struct {
		ahead     time.Duration // the reader's clock
		producers bool          // the topic keeps its producers' times
		want      time.Duration // how old the call looks
		forgotten bool
	}{
		"right":                       {want: hour},
		"ahead":                       {ahead: 2 * hour, want: hour},
		"a day ahead":                 {ahead: 30 * hour, want: hour},
		"behind":                      {ahead: -2 * hour, want: -time.Second}, // as if it began now
		"right, no broker's time":     {producers: true, want: hour},
		"ahead, no broker's time":     {producers: true, ahead: 2 * hour, want: 3 * hour},
		"far ahead, no broker's time": {producers: true, ahead: 30 * hour, forgotten: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, _ *kfake.Cluster, cfg Config) {
				if _, err := Ensure(t.Context(), cfg, true); err != nil {
					t.Fatal(err)
				}
				writer := newLog(t, cfg)
				at := time.Now()
				end := at.Add(time.Second)
				if _, err := writer.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				o := Outcome{ID: "a1", Number: 1, Class: ClassOK, Started: at, Ended: end, Counted: true}
				if err := errors.Join(writer.Begin(t.Context(), attemptOf(t, "a1", at, 1)), writer.End(t.Context(), o, disposed(Pushed, "vip", 1))); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Until(end.Add(hour)))

				clocks, err := newLog(t, cfg).Start(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if clocks.Broker.IsZero() != tt.producers {
					t.Errorf("the broker's clock shows %v", clocks.Broker)
				}
				clocks.Now = clocks.Now.Add(tt.ahead)
				s := read(t, cfg, ReadFrom{Clocks: clocks})
				if tt.forgotten {
					if len(s.Calls) != 0 {
						t.Errorf("calls %v, want none", s.Calls)
					}
					return
				}
				if len(s.Calls) != 1 {
					t.Fatalf("%d calls, want 1", len(s.Calls))
				}
				// The broker tells whole milliseconds, and is believed against us.
				if got := clocks.Now.Sub(s.Calls[0].End); got > tt.want || got < tt.want-2*brokerTick {
					t.Errorf("the call ended %v ago, want %v", got, tt.want)
				}
			}, topics(tt.producers)...)
		})
	}
}

// topics is the journal's if it is to keep its producers' times.
func topics(producers bool) []string {
	if producers {
		return []string{topic}
	}
	return nil
}

// What is written is the broker's time, whatever happened to the wall clock since it
// was last looked at.
func TestBrokerClockGoesOnByTheMonotonicClock(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	var c brokerClock
	now, broker := time.Now(), time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	if got := c.at(now); !got.IsZero() {
		t.Errorf("before the first look it shows %v", got)
	}
	c.read(now, broker)
	for _, step := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour} {
		if got, want := c.at(stepped(now.Add(time.Minute), step)), broker.Add(time.Minute+brokerTick); !got.Equal(want) {
			t.Errorf("a minute later, after a step of %v, it shows %v, want %v", step, got, want)
		}
	}
	c.read(now.Add(-time.Second), broker.Add(time.Hour)) // an answer that was overtaken
	if got, want := c.at(now), broker.Add(brokerTick); !got.Equal(want) {
		t.Errorf("it shows %v, want %v", got, want)
	}
	if got := c.at(time.Time{}); !got.IsZero() {
		t.Errorf("of no instant it shows %v", got)
	}
	c.read(now.Add(time.Second), time.Time{})
	if got := c.at(now); !got.IsZero() {
		t.Errorf("after the topic ceased to keep it, it shows %v", got)
	}
}

// A step of the wall clock while a bridge runs must not age what it has read.
func TestCallsThatWereReadAgeByTheMonotonicClock(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	now := time.Now()
	now = now.Add(time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC).Sub(now)) // when the scripts' calls have just ended
	h := newHistory(time.Hour, 10)
	for _, line := range examples(t) {
		r, err := parse([]byte(line))
		if err != nil || h.add(r, int64(h.records)) != nil {
			continue // some scripts have broken ones
		}
	}
	calls := h.state(Clocks{Now: now}).Calls
	if len(calls) < 3 {
		t.Errorf("%d calls in the scripts of which something is known, want more", len(calls))
	}
	for _, c := range calls {
		if age, later := now.Sub(c.End), stepped(now, 3*time.Hour).Sub(c.End); later != age {
			t.Errorf("a call that ended %v ago is %v old after a step", age, later)
		}
	}
}
