package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
)

// demoSummary is what came of the demo. Everything but Events and Dispositions
// is computed from the simulator's log.
type demoSummary struct {
	Events             int            `json:"events"`
	Calls              int            `json:"calls"`
	EventsPerCall      float64        `json:"events_per_call"`
	Dispositions       map[string]int `json:"dispositions"`
	Users              int            `json:"users"`
	Deliveries         int            `json:"deliveries"`
	WrongDeliveries    int            `json:"wrong_deliveries"`
	MissedDeliveries   int            `json:"missed_deliveries"`
	RepeatedDeliveries int            `json:"repeated_deliveries"`
	MinIntervalMS      int64          `json:"min_interval_ms"`
	MaxCallsIn24h      int            `json:"max_calls_in_24h"`
	Kafka              string         `json:"kafka"`
	DurationMS         int64          `json:"duration_ms"`

	quota   int
	cut     bool // somebody ended it, so events may be left
	mistold int  // ends that the rules do not allow
}

// left counts the events without a disposition.
func (s demoSummary) left() int {
	left := s.Events
	for _, n := range s.Dispositions {
		left -= n
	}
	return left
}

// good says whether the promises held.
func (s demoSummary) good() bool {
	return (s.left() == 0 || s.cut && s.left() > 0) && s.mistold+s.WrongDeliveries+s.MissedDeliveries+s.RepeatedDeliveries == 0 &&
		s.MaxCallsIn24h <= s.quota && (s.Calls < 2 || s.MinIntervalMS > 1000)
}

// receipt is one message on one user's screen.
type receipt struct{ user, body string }

// judge compares what the simulator delivered with what the rules say of each
// event that was told as pushed: who, by tags and attributes, was to read what.
func (d *demoRun) judge() demoSummary {
	sim := d.sim.Summary()
	s := demoSummary{
		Events: int(d.emitted.Load()), Calls: sim.Calls, Dispositions: map[string]int{},
		MinIntervalMS: sim.MinInterval.Milliseconds(), MaxCallsIn24h: sim.MaxCallsInDay,
		Kafka: "embedded", DurationMS: time.Since(d.started).Milliseconds(), quota: d.pipeline.cfg.Push.Quota,
	}
	pushed := map[string][]told{} // by event: the pushes that carried it
	carried := 0
	for _, t := range d.told {
		if t.Data.Disposition == "" {
			continue
		}
		if !t.Data.More {
			s.Dispositions[t.Data.Disposition]++
		}
		if t.Data.Disposition == "pushed" {
			key := t.Data.Source + "#" + t.Data.ID
			pushed[key] = append(pushed[key], t)
			carried++
		}
	}
	if s.Calls > 0 {
		s.EventsPerCall = float64(carried) / float64(s.Calls)
	}
	s.mistold = d.mistold(s.left() > 0)
	want := d.wanted(pushed)

	bodies := map[int]string{}
	for _, c := range d.sim.Calls() {
		bodies[c.Number] = compact(c.Messages)
	}
	got := map[receipt]int{}
	users := map[string]bool{}
	for delivery := range d.sim.Deliveries() {
		got[receipt{delivery.User, bodies[delivery.Call]}]++
		users[delivery.User] = true
		s.Deliveries++
	}
	s.Users = len(users)
	for r, n := range got {
		switch w := want[r]; {
		case w == 0:
			s.WrongDeliveries += n
		case n > w:
			s.RepeatedDeliveries += n - w
		}
	}
	for r, w := range want {
		s.MissedDeliveries += max(0, w-got[r])
	}
	return s
}

// mistold counts the ends that a direct evaluation of the rules does not allow.
// Without it a pipeline that calls nobody, and says a reason for each event,
// would have missed nobody. While events are left, the first of a repeated one
// may be among them.
func (d *demoRun) mistold(left bool) int {
	now := time.Now()
	events := map[string]event.Event{}
	for _, s := range d.script {
		events[s.event.Source()+"#"+s.event.ID()] = s.event
	}
	type asked struct{ event, rule string }
	first := map[asked]int{} // ends that are no duplicate's
	wrong := 0
	for _, t := range d.told {
		if t.Data.Disposition == "" {
			continue
		}
		key := t.Data.Source + "#" + t.Data.ID
		e, ok := events[key]
		if !ok { // the record that is no event
			if t.Data.Disposition != "dead-lettered" {
				wrong++
			}
			continue
		}
		mapping := d.rules.Map(&e, intent.Origin{Source: e.Source(), ID: e.ID(), Received: d.started, Time: d.started})
		if !mayEnd(mapping, t.Data.Rule, t.Data.Disposition, now) {
			wrong++
		}
		first[asked{key, t.Data.Rule}] += 0
		if t.Data.Disposition != "duplicate" {
			first[asked{key, t.Data.Rule}]++
		}
	}
	for a, n := range first {
		e := events[a.event]
		if asks := len(d.rules.Map(&e, intent.Origin{Received: d.started, Time: d.started}).Intents) > 0; asks && (n > 1 || n == 0 && !left) {
			wrong++
		}
	}
	return wrong
}

// mayEnd says whether an event that is mapped so may end so under the rule, with
// an API that refuses nothing.
func mayEnd(m mapper.Mapping, rule, disposition string, now time.Time) bool {
	for _, f := range m.Failures {
		if f.Rule == rule {
			return disposition == "dead-lettered"
		}
	}
	for _, in := range m.Intents {
		if in.Rule != rule {
			continue
		}
		switch disposition {
		case "pushed", "duplicate":
			return true
		case "superseded":
			return in.Policy.Mode == intent.Latest
		case "expired":
			return in.Policy.Expires.Before(now)
		}
		return false
	}
	return disposition == "unmatched" && len(m.Failures)+len(m.Intents) == 0
}

// wanted evaluates the rules directly: for each user and message, in how many
// pushes an event asked for it.
func (d *demoRun) wanted(pushed map[string][]told) map[receipt]int {
	type inPush struct {
		receipt
		push string
	}
	asked := map[inPush]bool{}
	users := d.sim.Users()
	for _, script := range d.script {
		e := script.event
		for _, t := range pushed[e.Source()+"#"+e.ID()] {
			mapping := d.rules.Map(&e, intent.Origin{Source: e.Source(), ID: e.ID(), Received: d.started, Time: d.started})
			for _, in := range mapping.Intents {
				if in.Rule != t.Data.Rule {
					continue
				}
				body := compact(in.Message.Body())
				for _, u := range users {
					hasTag := func(tag string) bool { return slices.Contains(u.Tags, tag) }
					attr := func(name string) (string, bool) { v, ok := u.Attrs[name]; return v, ok }
					for _, part := range in.Audiences {
						if part.Reaches(hasTag, attr) {
							asked[inPush{receipt{u.ID, body}, t.Data.PushID}] = true
						}
					}
				}
			}
		}
	}
	want := map[receipt]int{}
	for a := range asked {
		want[a.receipt]++
	}
	return want
}

// text is the summary for people.
func (s demoSummary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s (%.1f events a call), %d deliveries to %s\n",
		count(s.Events, "event"), count(s.Calls, "call"), s.EventsPerCall, s.Deliveries, count(s.Users, "user"))
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Dispositions)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, s.Dispositions[name]))
	}
	if left := s.left(); left != 0 {
		parts = append(parts, fmt.Sprintf("%s had not ended", count(left, "event")))
	}
	fmt.Fprintf(&b, "how the events ended: %s\n", strings.Join(parts, ", "))
	if s.WrongDeliveries+s.MissedDeliveries == 0 {
		b.WriteString("users reached exactly: yes, nobody wrongly, nobody missed")
	} else {
		fmt.Fprintf(&b, "users reached exactly: NO, %d wrongly, %d missed", s.WrongDeliveries, s.MissedDeliveries)
	}
	if s.RepeatedDeliveries == 0 {
		b.WriteString(", nobody twice\n")
	} else {
		fmt.Fprintf(&b, ", %d TWICE\n", s.RepeatedDeliveries)
	}
	if s.mistold > 0 {
		fmt.Fprintf(&b, "%s ended as the rules do NOT allow\n", count(s.mistold, "event"))
	}
	fmt.Fprintf(&b, "budget: %d of %d calls in 24 h", s.MaxCallsIn24h, s.quota)
	if s.Calls > 1 {
		fmt.Fprintf(&b, ", at least %d ms between calls", s.MinIntervalMS)
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "(seen by the simulated push API; %s Kafka; %.1f s)\n", s.Kafka, float64(s.DurationMS)/1000)
	return b.String()
}

func compact(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}
