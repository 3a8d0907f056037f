package pushsim

import (
	"testing"
	"time"
)

func TestInterval(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct {
		gap  time.Duration
		want int
	}{
		"at once":                         {0, codeTooSoon},
		"exactly a second":                {time.Second, codeTooSoon},
		"a millisecond more":              {time.Second + time.Millisecond, codeOK},
		"a nanosecond more than a second": {time.Second + 1, codeOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{}, func(w *world) {
				w.pushed("")
				time.Sleep(tt.gap)
				if r := w.push(""); r.ErrorCode != tt.want {
					t.Errorf("after %v: %+v, want %d", tt.gap, r, tt.want)
				}
			})
		})
	}
}

// A refused push does not move the interval on.
func TestIntervalCountsFromTheLastAcceptedPush(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.pushed("")
		time.Sleep(900 * time.Millisecond)
		if r := w.push(""); r.ErrorCode != codeTooSoon {
			t.Fatalf("after 0.9 s: %+v", r)
		}
		time.Sleep(200 * time.Millisecond)
		w.pushed("")
	})
}

func TestRollingQuota(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inWorld(t, Config{Quota: 3}, func(w *world) {
		first := time.Now()
		for range 3 {
			w.pushed("")
			time.Sleep(time.Hour)
		}
		if r := w.push(""); r.ErrorCode != codeQuotaSpent {
			t.Errorf("fourth within a day: %+v", r)
		}
		time.Sleep(time.Until(first.Add(24 * time.Hour)))
		if r := w.push(""); r.ErrorCode != codeQuotaSpent {
			t.Errorf("exactly 24 hours after the first: %+v", r)
		}
		time.Sleep(1)
		w.pushed("")
		if r := w.push(""); r.ErrorCode != codeTooSoon {
			t.Errorf("at once again: %+v", r)
		}
		time.Sleep(2 * time.Second)
		if r := w.push(""); r.ErrorCode != codeQuotaSpent {
			t.Errorf("only one call came back: %+v", r)
		}
	})
}

// The bubble's clock starts on 2000-01-01 00:00 UTC, 08:00 in UTC+8.
func TestCalendarQuota(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct {
		zone *time.Location
		free time.Duration // from the start to the next midnight
	}{
		"home by default": {nil, 16 * time.Hour},
		"UTC":             {time.UTC, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{Quota: 2, Window: Calendar, Zone: tt.zone}, func(w *world) {
				start := time.Now()
				w.pushed("")
				time.Sleep(2 * time.Second)
				w.pushed("")
				time.Sleep(time.Until(start.Add(tt.free)) - 1)
				if r := w.push(""); r.ErrorCode != codeQuotaSpent {
					t.Errorf("before midnight: %+v", r)
				}
				time.Sleep(1)
				w.pushed("")
				time.Sleep(2 * time.Second)
				w.pushed("")
				time.Sleep(2 * time.Second)
				if r := w.push(""); r.ErrorCode != codeQuotaSpent {
					t.Errorf("third of the new day: %+v", r)
				}
			})
		})
	}
}

// One call of each sort, then as many good ones as the quota of 6 has left.
func TestWhatCounts(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct {
		counting Counting
		left     int
	}{
		"accepted by default": {0, 5},
		"valid":               {CountValid, 3},
		"all":                 {CountAll, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults := []Fault{{From: 3, Kind: FaultCode, Code: 91000}}
			inWorld(t, Config{Quota: 6, Counting: tt.counting, Faults: faults}, func(w *world) {
				w.pushed("")
				w.random--
				if r := w.push(""); r.ErrorCode != 0 { // the same MsgRandom in the same second
					t.Fatalf("repeat: %+v", r)
				}
				time.Sleep(2 * time.Second)
				if r := w.push(""); r.ErrorCode != 91000 { // a good one, as told
					t.Fatalf("third call: %+v", r)
				}
				if r := w.push(`"MsgLifeTime":604801`); r.ErrorCode != codeLifeTimeTooLong {
					t.Fatalf("bad call: %+v", r)
				}
				left := 0
				for ; w.push("").ErrorCode == 0; left++ {
					if r := w.push(""); r.ErrorCode != codeTooSoon && r.ErrorCode != codeQuotaSpent {
						t.Fatalf("at once again: %+v", r)
					}
					time.Sleep(2 * time.Second)
				}
				if left != tt.left {
					t.Errorf("%d calls left, want %d", left, tt.left)
				}
			})
		})
	}
}

func TestBudgetFirst(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct {
		first bool
		want  int
	}{"body first": {false, codeLifeTimeTooLong}, "budget first": {true, codeTooSoon}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{BudgetFirst: tt.first}, func(w *world) {
				w.pushed("")
				if r := w.push(`"MsgLifeTime":604801`); r.ErrorCode != tt.want {
					t.Errorf("got %+v, want %d", r, tt.want)
				}
			})
		})
	}
}

func TestRepeatedMsgRandom(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	for name, tt := range map[string]struct {
		window time.Duration
		gap    time.Duration
		want   bool // dropped
	}{
		"same second":              {0, time.Second - 1, true},
		"a second later":           {0, time.Second, false},
		"older page, days later":   {7 * 24 * time.Hour, 7*24*time.Hour - 1, true},
		"older page, a week later": {7 * 24 * time.Hour, 7 * 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{DedupWindow: tt.window, Interval: -1}, func(w *world) {
				w.users(3)
				first := w.pushed(`"OnlineOnlyFlag":1`)
				time.Sleep(tt.gap)
				w.random--
				again := w.pushed(`"OnlineOnlyFlag":1`)
				if dropped := first.TaskID == again.TaskID; dropped != tt.want {
					t.Errorf("the repeat is %s, first %s; dropped %v, want %v", again.TaskID, first.TaskID, dropped, tt.want)
				}
				if got, want := len(w.sim.Received("u0")), map[bool]int{true: 1, false: 2}[tt.want]; got != want {
					t.Errorf("u0 received %d, want %d", got, want)
				}
				if calls := w.sim.Calls(); calls[1].Duplicate != tt.want {
					t.Errorf("logged as %+v", calls[1])
				}
			})
		})
	}
}

func TestReuseOfMsgRandomForAnotherPushIsAFact(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.pushed("")
		time.Sleep(2 * time.Second)
		w.random--
		w.pushed("") // the same push again: a resend
		if got := w.sim.Reuses(); len(got) != 0 {
			t.Fatalf("a resend counts as reuse: %+v", got)
		}
		time.Sleep(6 * 24 * time.Hour)
		w.random--
		w.pushed(`"From_Account":"x"`)
		want := Reuse{App: testApp, MsgRandom: w.random, First: 2, Again: 3}
		if got := w.sim.Reuses(); len(got) != 1 || got[0] != want {
			t.Fatalf("Reuses() = %+v, want %+v", got, want)
		}
		time.Sleep(7*24*time.Hour + 1)
		w.random--
		w.pushed("")
		if got := w.sim.Reuses(); len(got) != 1 {
			t.Errorf("a number is free after 7 days: %+v", got)
		}
	})
}
