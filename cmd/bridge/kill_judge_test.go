package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/journal"
	"pushbridge/internal/pushapi/pushsim"
)

// verdict is what the topics and the simulator say of a site after its rounds.
type verdict struct {
	events, calls, attempts, void int
	dispositions                  map[string]int
	resent, dropped               int // pushes in doubt
	explained                     map[string]int
	minInterval                   time.Duration
	maxDay, remembered            int
	maxInDoubt                    int
}

func (v *verdict) add(o verdict) {
	if v.dispositions == nil {
		*v = verdict{dispositions: map[string]int{}, explained: map[string]int{}, minInterval: o.minInterval}
	}
	v.events += o.events
	v.calls += o.calls
	v.attempts += o.attempts
	v.void += o.void
	v.resent += o.resent
	v.dropped += o.dropped
	v.remembered += o.remembered
	for _, pair := range []struct{ to, from map[string]int }{{v.dispositions, o.dispositions}, {v.explained, o.explained}} {
		for key, n := range pair.from {
			pair.to[key] += n
		}
	}
	v.minInterval = min(v.minInterval, o.minInterval)
	v.maxDay = max(v.maxDay, o.maxDay)
	v.maxInDoubt = max(v.maxInDoubt, o.maxInDoubt)
}

// String lists the findings, a line each.
func (v verdict) String() string {
	return fmt.Sprintf(`%d events, %d attempts, %d of them void, %d calls
  dispositions            %v
  pushes in doubt         %d resent, %d taken as made; at most %d at once
  repeats explained       %v
  least interval          %v
  most calls in 24 h      %d of one app (quota %d); the bridges remember %d calls of %d
`, v.events, v.attempts, v.void, v.calls, v.dispositions, v.resent, v.dropped, v.maxInDoubt, v.explained, v.minInterval, v.maxDay, killQuota, v.remembered, v.calls)
}

// judge says from outside whether the promises were kept: by the topics and by
// the simulator's log alone.
func (k *killSite) judge() verdict {
	k.t.Helper()
	k.wantCommitted()
	e := k.gather()
	v := verdict{events: len(e.events), calls: len(e.calls), dispositions: map[string]int{}, explained: map[string]int{}}
	k.judgeEvents(e, &v)
	k.judgePeople(e, &v)
	k.judgeBudget(e, &v)
	for _, tries := range e.tries {
		for n, a := range tries {
			v.attempts++
			if a.class == journal.ClassVoid {
				v.void++
			}
			if n > 0 && doubtful(a.before) {
				v.resent++
			}
		}
	}
	v.maxInDoubt = k.mostInDoubt()
	return v
}

// judgeEvents wants one disposition of every event, told once or the same one
// again.
func (k *killSite) judgeEvents(e *evidence, v *verdict) {
	k.t.Helper()
	dropped := map[string]bool{}
	for _, ev := range e.events {
		got := e.told[ev.at]
		switch {
		case got == nil:
			k.t.Errorf("event %s at %s is lost: no disposition was told; ended, by the journal: %t", ev.id, ev.at, e.state.Ended(ev.at))
			continue
		case len(got.ids) != 1:
			k.t.Errorf("event %s at %s ended in several ways: %v", ev.id, ev.at, slices.Sorted(maps.Keys(got.ids)))
		}
		name := got.disposition
		if got.doubt {
			name += " (doubt)"
			dropped[ev.Text] = true
		}
		v.dispositions[name]++
		want := map[string]string{"region.alert": "pushed", "member.promo": "pushed", "region.notice": "pushed", "nobody.asks": "unmatched", "": "dead-lettered"}[ev.kind]
		if got.disposition != want && !(ev.kind == "region.notice" && got.disposition == "superseded") {
			k.t.Errorf("event %s at %s ended %s, want %s", ev.id, ev.at, got.disposition, want)
		}
	}
	v.dropped = len(dropped)
}

// judgePeople wants everybody reached who was asked for, and nobody else, and
// nobody twice without a reason.
func (k *killSite) judgePeople(e *evidence, v *verdict) {
	k.t.Helper()
	want := map[string]map[string]bool{} // text → user
	many := map[string]bool{}            // texts for more tags than one call takes
	for _, ev := range e.events {
		if ev.Text == "" {
			continue
		}
		if want[ev.Text] == nil {
			want[ev.Text] = map[string]bool{}
		}
		many[ev.Text] = len(ev.Tags) > 10
		got := e.told[ev.at]
		// What is superseded or in doubt need not have come, and untold is not known.
		surely := got != nil && got.disposition == "pushed" && !got.doubt
		for _, u := range e.users {
			if !slices.ContainsFunc(ev.Tags, func(tag string) bool { return slices.Contains(u.Tags, tag) }) {
				continue
			}
			want[ev.Text][u.ID] = true
			if surely && len(e.reached[ev.Text][u.ID]) == 0 {
				k.t.Errorf("user %s was to read %q and was not reached: event %s at %s, %+v", u.ID, ev.Text, ev.id, ev.at, got)
			}
		}
	}
	for text, users := range e.reached {
		for user, calls := range users {
			if !want[text][user] {
				k.t.Errorf("user %s read %q and was not asked for", user, text)
			}
			for n := 1; n < len(calls); n++ {
				why := e.repeat(calls[:n], calls[n], many[text])
				if why == "" {
					k.t.Errorf("user %s read %q again by call %d without a reason: %s", user, text, calls[n].Number, describe(calls))
					continue
				}
				v.explained[why]++
			}
		}
	}
}

// repeat says why somebody received a text again: empty where there is no
// reason.
func (e *evidence) repeat(before []pushsim.Call, again pushsim.Call, many bool) string {
	same := func(c pushsim.Call) bool { return c.MsgRandom == again.MsgRandom }
	if slices.ContainsFunc(before, same) {
		if e.resent(again.MsgRandom) {
			return "the same push, in doubt and resent"
		}
		return ""
	}
	// Another push: parts of one audience name no tag twice.
	if many && !slices.ContainsFunc(before, func(c pushsim.Call) bool { return overlap(c.Condition, again.Condition) }) {
		return "two parts of an audience that one call cannot name"
	}
	return ""
}

// resent says whether the journal holds a push for which every attempt but the
// first was made in doubt of the one before, under a rule that says resend.
func (e *evidence) resent(random uint32) bool {
	tries := e.tries[random]
	if len(tries) < 2 {
		return false
	}
	for _, a := range tries[1:] {
		if a.OnDoubt != "resend" || !doubtful(a.before) && a.before != journal.ClassVoid && a.before != "retry" {
			return false
		}
	}
	return true
}

func doubtful(class string) bool { return class == "" || class == journal.ClassDoubt }

// overlap says whether two conditions name a tag in common.
func overlap(a, b json.RawMessage) bool {
	var x, y struct{ TagsOr []string }
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || len(x.TagsOr) == 0 || len(y.TagsOr) == 0 {
		return true
	}
	return slices.ContainsFunc(x.TagsOr, func(tag string) bool { return slices.Contains(y.TagsOr, tag) })
}

func describe(calls []pushsim.Call) string {
	var parts []string
	for _, c := range calls {
		parts = append(parts, fmt.Sprintf("call %d at %s, random %d, %s", c.Number, c.Received.Format(time.TimeOnly), c.MsgRandom, c.Condition))
	}
	return strings.Join(parts, "; ")
}

// judgeBudget wants the interval kept between any two calls that the API saw, and
// no fewer calls remembered than were made.
func (k *killSite) judgeBudget(e *evidence, v *verdict) {
	k.t.Helper()
	v.minInterval = time.Hour
	for n, c := range e.calls {
		if c.Code != 0 {
			k.t.Errorf("the API refused call %d: %d %s", c.Number, c.Code, c.Info)
		}
		if n == 0 {
			continue
		}
		if gap := c.Received.Sub(e.calls[n-1].Received); gap < v.minInterval {
			v.minInterval = gap
		}
	}
	if v.minInterval <= time.Second {
		k.t.Errorf("%v between two calls", v.minInterval)
	}
	var sum pushsim.Summary
	k.ask("/sim/summary", &sum)
	v.maxDay = sum.MaxCallsInDay
	if v.maxDay > killQuota {
		k.t.Errorf("%d calls in 24 hours, quota %d", v.maxDay, killQuota)
	}
	for _, c := range e.state.Calls {
		if c.Counted {
			v.remembered++
		}
	}
	if v.remembered < len(e.calls) {
		k.t.Errorf("the bridges remember %d calls, the API saw %d", v.remembered, len(e.calls))
	}
	if sum.Reuses > 0 {
		k.t.Errorf("%d pushes had the MsgRandom of another", sum.Reuses)
	}
}

var journalRead = regexp.MustCompile(`"msg":"journal read".*"in_doubt":(\d+)`)

// mostInDoubt wants no instance to have found more than one call in doubt.
func (k *killSite) mostInDoubt() int {
	k.t.Helper()
	most := 0
	for _, i := range k.all {
		for line := range strings.SplitSeq(i.stderr(), "\n") {
			if found := journalRead.FindStringSubmatch(line); found != nil {
				n, err := strconv.Atoi(found[1])
				if most = max(most, n); n > 1 || err != nil {
					k.t.Errorf("%d pushes in doubt at once: %s", n, line)
				}
			}
		}
	}
	return most
}
