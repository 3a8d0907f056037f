package simulate

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// A short day, told as a person would read it: who is reached when, with what, by
// whose asking. GOLDEN=1 writes it anew.
func TestStoryOfADay(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()

	var events []Arrival
	add := func(after time.Duration, kind, id string, data map[string]any) {
		events = append(events, at(t, after, kind, id, data))
	}
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("t%02d", i)
	}
	events = append(events, Arrival{Err: errors.New("no CloudEvent")})
	add(0, "alert", "a1", map[string]any{"region": "north", "text": "Storm"})
	add(500*time.Millisecond, "alert", "a2", map[string]any{"region": "south", "text": "Storm"})
	add(time.Second, "alert", "a3", map[string]any{"region": "north", "text": "Storm"})
	add(time.Hour, "promo", "p1", map[string]any{"tiers": []string{"gold"}, "text": "Sale <b>"})
	add(time.Hour, "promo", "p2", map[string]any{"tiers": []string{"silver"}, "text": "Sale <b>"})
	add(time.Hour, "promo", "p1", map[string]any{"tiers": []string{"gold"}, "text": "Sale <b>"})
	add(time.Hour, "promo", "p3", map[string]any{"tiers": []string{}, "text": "Sale <b>"})
	add(time.Hour, "sale", "s1", nil)
	add(2*time.Hour, "promo", "p4", map[string]any{"tiers": many, "text": "For many"})
	add(8*time.Hour, "note", "n1", map[string]any{"text": "Hello"})
	add(9*time.Hour+500*time.Microsecond, "promo", "p5", map[string]any{"tiers": []string{"gold"}, "text": "Too late"})

	c := testConfig(t)
	c.Lanes = oneLane(intent.Terms{Calls: 100, Interval: time.Second})
	_, log := play(t, c, events)
	var got strings.Builder
	for _, l := range readLog(t, log) {
		got.WriteString(tell(l) + "\n")
	}
	golden := filepath.Join("testdata", "day.txt")
	if os.Getenv("GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the day differs from %s (-want +got):\n%s", golden, diff)
	}
}

// tell says a line of the log in words.
func tell(l logged) string {
	if l.Kind == "disposition" {
		s := "--:--:--.---  "
		if !l.At.IsZero() {
			s = l.At.Format("15:04:05.000  ")
		}
		if l.Line > 0 {
			s += fmt.Sprintf("line %d", l.Line)
		}
		s += l.Event + " " + l.Disposition
		for _, part := range []struct{ word, text string }{{"by", l.By}, {"under", l.Rule}, {"since", l.Reason}} {
			if part.text != "" {
				s += " " + part.word + " " + part.text
			}
		}
		return s
	}
	s := fmt.Sprintf("%s  PUSH %s until %s to %v saying", l.SentAt.Format("15:04:05.000"), l.Outcome, l.ResponseAt.Format("05.000"), l.Condition)
	for _, m := range l.MsgBody {
		s += fmt.Sprintf(" %q", m.MsgContent.Text)
	}
	s += " for"
	for _, cover := range l.Covers {
		s += " " + cover.Event
		if cover.Part != nil {
			s += fmt.Sprint(cover.Part)
		}
	}
	return s + " under " + l.Rule + " since " + l.Why
}

func TestRunRefuses(t *testing.T) {
	t.Attr("guards", "what cannot be simulated is said, with its place")
	t.Parallel()

	note := func(after time.Duration) Arrival { return at(t, after, "note", "n", map[string]any{"text": "x"}) }
	for name, tt := range map[string]struct {
		config  func(*Config)
		events  []Arrival
		cut     error
		wantErr string
	}{
		"no rules":          {config: func(c *Config) { c.Rules = nil }, wantErr: "no rules"},
		"no lane":           {config: func(c *Config) { c.Lanes = nil }, wantErr: "no lane"},
		"no dedup":          {config: func(c *Config) { c.DedupMax = 0 }, wantErr: "dedup window"},
		"latency backwards": {config: func(c *Config) { c.Latency.Min = time.Second }, wantErr: "latency 1s to 100ms"},
		"watched backwards": {config: func(c *Config) { c.Watched = -1 }, wantErr: "watched for -1ns"},
		"latency too fine":  {config: func(c *Config) { c.Latency.Max++ }, wantErr: "whole milliseconds"},
		"quota of none":     {config: func(c *Config) { c.Lanes = oneLane(intent.Terms{Interval: 1}) }, wantErr: `lane "": budget: quota 0`},
		"a lane twice":      {config: func(c *Config) { c.Lanes = append(c.Lanes, c.Lanes[0]) }, wantErr: `lane "" is there twice`},
		"change of no lane": {config: func(c *Config) { c.Changes = []Change{{Lane: "b", Calls: 1}} }, wantErr: `quota of lane "b" after 0s: there is no such lane`},
		"change to nothing": {config: func(c *Config) { c.Changes = []Change{{After: time.Hour}} }, wantErr: `quota of lane "" after 1h0m0s: budget: quota 0`},
		"change before all": {config: func(c *Config) { c.Changes = []Change{{After: -1, Calls: 1}} }, wantErr: "want 0 or more"},
		"another lane only": {
			config:  func(c *Config) { c.Lanes = []mapper.Lane{{Name: "b", Terms: intent.Terms{Calls: 1, Interval: 1}}} },
			events:  []Arrival{note(0)},
			wantErr: `line 1: rule "note": lane "" has no terms`,
		},
		"out of order": {
			events:  []Arrival{note(time.Hour), note(time.Hour), note(time.Minute)},
			wantErr: "line 3 arrived at 2026-03-02T09:01:00Z, before what precedes it, at 2026-03-02T10:00:00Z",
		},
		"the stream breaks": {events: []Arrival{note(0)}, cut: errors.New("disk gone"), wantErr: "disk gone"},
		"no room for a log": {config: func(c *Config) { c.Log = full{} }, events: []Arrival{note(0)}, wantErr: "write log: no room"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testConfig(t)
			if tt.config != nil {
				tt.config(&c)
			}
			_, err := Run(c, cutOff(tt.events, tt.cut))
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Fatalf("Run: %v, want an error with %q", err, tt.wantErr)
			}
			if _, ok := errors.AsType[*OrderError](err); ok != (name == "out of order") {
				t.Errorf("Run: an OrderError: %v", ok)
			}
		})
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

// cutOff is the stream of the events, with an error at its end.
func cutOff(events []Arrival, err error) iter.Seq2[Arrival, error] {
	return func(yield func(Arrival, error) bool) {
		for a, err := range stream(events) {
			if !yield(a, err) {
				return
			}
		}
		if err != nil {
			yield(Arrival{}, err)
		}
	}
}

func TestNothingArrives(t *testing.T) {
	t.Attr("guards", "an empty stream is a report of nothing")
	t.Parallel()

	r, log := play(t, testConfig(t), nil)
	if r.Events != 0 || r.Calls != 0 || len(log) != 0 || len(r.Priorities) != 0 {
		t.Errorf("report %+v, log %q: want nothing", r, log)
	}
}

// A call is never sent before what it carries has arrived, nor asked for before
// its instant: time is rounded up.
func TestWholeMillisecond(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()

	for name, tt := range map[string]struct{ in, want time.Duration }{
		"whole":        {5 * time.Millisecond, 5 * time.Millisecond},
		"one over":     {5*time.Millisecond + 1, 6 * time.Millisecond},
		"one under":    {6*time.Millisecond - 1, 6 * time.Millisecond},
		"more than 1s": {time.Second + 1, time.Second + time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := wholeMillisecond(nine.Add(tt.in)); !got.Equal(nine.Add(tt.want)) {
				t.Errorf("wholeMillisecond(nine + %v) = nine + %v, want nine + %v", tt.in, got.Sub(nine), tt.want)
			}
		})
	}
}
