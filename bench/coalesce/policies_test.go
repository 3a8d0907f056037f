package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whatever a policy is worth, a log that breaks a promise would be worth nothing.
func TestEveryLogIsValid(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	for _, regime := range regimeNames() {
		scale := 0.3
		if regime == "week" || regime == "promo-burst" {
			scale = 0.05
		}
		for _, quota := range []int{1, 7, 100} {
			t.Run(fmt.Sprintf("%s with %d calls", regime, quota), func(t *testing.T) {
				t.Parallel()
				tr := loaded(t, regime, 3, scale)
				for _, p := range policies {
					log, err := p.play(tr, rules(t), playOptions{quota: quota, seed: 3})
					if err != nil {
						t.Fatalf("%s: %v", p.name, err)
					}
					f, err := score(tr, log, quota)
					if err != nil {
						t.Errorf("%s, %d calls a day: %v", p.name, quota, err)
					}
					if f.calls == 0 || f.scores <= 0 {
						t.Errorf("%s, %d calls a day: %d calls, score %g: nothing was played", p.name, quota, f.calls, f.scores)
					}
				}
			})
		}
	}
}

func TestSamePlaySameLog(t *testing.T) {
	t.Attr("guards", "the benchmark can be repeated")
	t.Parallel()
	tr := loaded(t, "mixed", 3, 0.2)
	for _, p := range policies {
		var logs [2]bytes.Buffer
		for i := range logs {
			log, err := p.play(tr, rules(t), playOptions{quota: 20, seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			if err := log.write(&logs[i]); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(logs[0].String(), logs[1].String()); diff != "" {
			t.Errorf("%s: two plays differ:\n%s", p.name, diff)
		}
	}
}

// When the baselines send, told on one promotion that comes at the given instant
// and may wait for two hours.
func TestWhenBaselinesSend(t *testing.T) {
	t.Attr("guards", "the baselines are what their names say")
	t.Parallel()
	at := 10*time.Hour + 20*time.Second
	for name, want := range map[string]time.Duration{
		"fifo":            0,
		"greedy-merge":    0,
		"window-60s":      40 * time.Second,
		"window-900s":     14*time.Minute + 40*time.Second,
		"groups-30s-300s": 30 * time.Second,
		"deadline":        2*time.Hour - 3*time.Second - 1300*time.Millisecond,
		// Losing 0.1 of one point in two hours, it has paid 0.03 after 36 minutes.
		"priced-20": 36 * time.Minute,
	} {
		tr := story(t, told{at, "member.promo", `{"promo_id":"a","title":"A","text":"a","level":"gold","city":"Cork"}`})
		for _, p := range policies {
			if p.name != name {
				continue
			}
			log, err := p.play(tr, rules(t), playOptions{quota: 100, seed: 1})
			if err != nil || len(log) != 1 {
				t.Fatalf("%s: %d lines, %v", name, len(log), err)
			}
			if got := log[0].SentAt.Sub(tr.start) - at; got != want {
				t.Errorf("%s: sent after %v, want %v", name, got, want)
			}
		}
	}
}

// After its first flush a group waits for its interval, and is forgotten when
// nothing came in one.
func TestGroupsFlushAsAlertmanager(t *testing.T) {
	t.Attr("guards", "the baselines are what their names say")
	t.Parallel()
	g := newGroups(30*time.Second, 5*time.Minute)
	arrive := func(at time.Duration) { g.arrive(&ask{arrived: at}) }
	flushed := func(now, want time.Duration) {
		t.Helper()
		g.next(now, newPool(false), nil)
		if got := g.groups[""].flushed; got != want {
			t.Errorf("at %v: last flushed at %v, want %v", now, got, want)
		}
	}
	arrive(time.Minute)
	flushed(89*time.Second, -1)
	flushed(90*time.Second, 90*time.Second)
	arrive(2 * time.Minute)
	flushed(389*time.Second, 90*time.Second)
	flushed(390*time.Second, 390*time.Second)
	arrive(time.Hour) // a new group
	flushed(time.Hour+30*time.Second, time.Hour+30*time.Second)
}

func TestTablePrints(t *testing.T) {
	t.Attr("guards", "the benchmark can be repeated")
	t.Parallel()
	var out, stderr bytes.Buffer
	if err := run(strings.Fields("table -seeds 1,2 -scale 0.05 -regimes calm,starved -quota 10,5"), &out, &stderr); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### Quota 10:", "### Quota 5:", "| policy | calm | starved |", "### starved: calls by hour",
		"| bridge |", "| priced-20 |", "go run ./bench/coalesce table -seeds 1,2 -quota 10,5 -regimes calm,starved -scale 0.05",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	for _, args := range []string{"", "plot", "table -seeds x", "table -regimes monsoon", "table -policies luck", "table -quota 0", "gen extra"} {
		if err := run(strings.Fields(args), &out, &stderr); err == nil {
			t.Errorf("coalesce %s: no error", args)
		}
	}
}
