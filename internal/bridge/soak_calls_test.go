package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pushbridge/internal/pushapi/pushsim"
)

// madeCall is a call that reached people, with one event under one rule that it
// carried.
type madeCall struct {
	call   pushsim.Call
	push   string // its id
	record *soakRecord
	users  map[string]bool
}

// checkCalls compares whom each call reached with whom the events mean that the
// journal says it carried, and finds what reached somebody twice.
func (s *soak) checkCalls(o *outside) {
	made := map[string][]madeCall{} // event and rule → calls, oldest first
	toldRandom := map[uint32]bool{}
	for _, p := range o.pushes {
		toldRandom[p.Data.Random] = true
	}
	for _, c := range o.calls {
		if c.TaskID == "" || c.Duplicate {
			continue
		}
		s.counts["calls that reached people"]++
		if len(o.byRandom[c.MsgRandom]) == 0 {
			s.fail("explained", "", "call %d was not promised in the journal", c.Number)
			continue
		}
		a := &o.attempts[o.byRandom[c.MsgRandom][0]]
		if !toldRandom[c.MsgRandom] {
			s.fail("explained", "", "call %d, push %s, was not told", c.Number, a.ID)
		}
		s.checkPeople(c, a, made)
	}
	pushed := map[string]told{}
	for _, x := range o.events {
		if d := x.Data; d.Rule != "" && d.Disposition != "duplicate" {
			key := d.EventID + " " + d.Rule
			if before, ok := pushed[key]; !ok || before.Data.Disposition != "pushed" {
				pushed[key] = x
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.events)) {
		e := s.events[id]
		rules, fails := s.ends(e)
		for i := range rules {
			r := &rules[i]
			key := id + " " + r.name
			if !fails[r.name] {
				s.checkAsk(o, e, r, pushed[key], made[key])
			}
			delete(made, key)
		}
	}
	for key := range made {
		s.fail("exactly-the-right-people", "", "a call carried %s, which was not asked for", key)
	}
	if reuses := s.w.sim.Reuses(); len(reuses) > 0 {
		s.fail("exactly-the-right-people", "", "numbers reused for other content: %+v", reuses)
	}
}

// checkPeople compares whom a call reached with whom its events mean.
func (s *soak) checkPeople(c pushsim.Call, a *journalAttempt, made map[string][]madeCall) {
	var body []textElement
	s.w.must(json.Unmarshal(c.Messages, &body))
	texts := map[string]bool{}
	for _, e := range body {
		texts[e.MsgContent.Text] = true
	}
	want, got := map[string]bool{}, map[string]bool{}
	for d := range s.w.sim.DeliveriesOf(c.TaskID) {
		got[d.User] = true
	}
	var condition struct{ TagsOr []string }
	s.w.must(json.Unmarshal(orEmpty(c.Condition), &condition))
	for _, cover := range a.Covers {
		for at := range cover.Events.offsets() {
			rec, rule := s.find(cover.Events.Partition, at, cover.Rule, texts)
			if rec == nil {
				s.fail("exactly-the-right-people", "", "call %d with %v says that it carries %s at %d@%d, which says something else", c.Number, texts, cover.Rule, cover.Events.Partition, at)
				continue
			}
			if c.App != rule.app() {
				s.fail("exactly-the-right-people", "", "call %d for %s under %s went to app %d, want %d", c.Number, rec, rule.name, c.App, rule.app())
			}
			key := rec.event.id + " " + rule.name
			made[key] = append(made[key], madeCall{c, a.ID, rec, got})
			for i := range s.users {
				if u := &s.users[i]; means(rec.event, rule, condition.TagsOr, u) {
					want[u.ID] = true
				}
			}
		}
	}
	if !maps.Equal(want, got) {
		s.fail("exactly-the-right-people", "", "call %d with %v reached %v, and its events mean %v", c.Number, texts, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func orEmpty(condition json.RawMessage) json.RawMessage {
	if len(condition) == 0 || condition[0] != '{' {
		return json.RawMessage("{}")
	}
	return condition
}

// means says whether a call with these tags has to reach the user for the event:
// of an event with too many tags it carries a part. (The journal does not say that
// of the last part where others were called before a restart.)
func means(e *storyEvent, r *storyRule, tags []string, u *pushsim.User) bool {
	if r.kind == "tags_any" && len(e.tags) > 10 {
		return slices.ContainsFunc(partWith(e, tags), func(tag string) bool { return slices.Contains(u.Tags, tag) })
	}
	return r.reaches(e, u)
}

// partsOf are what the tags of an event become that do not fit into one call.
func coversOf(e *storyEvent) [][]string {
	return slices.Collect(slices.Chunk(slices.Sorted(slices.Values(e.tags)), 10))
}

// partWith is the part whose tags these are.
func partWith(e *storyEvent, tags []string) []string {
	for _, p := range coversOf(e) {
		if slices.Equal(p, slices.Sorted(slices.Values(tags))) {
			return p
		}
	}
	return nil
}

// find returns the record at a position whose event says one of the texts under
// the rule; of several lives of the topic only one does.
func (s *soak) find(partition int, at int64, rule string, texts map[string]bool) (*soakRecord, *storyRule) {
	for _, rec := range s.records {
		if rec.partition != partition || rec.offset != at || rec.event == nil {
			continue
		}
		rules, _ := s.ends(rec.event)
		for i := range rules {
			if r := &rules[i]; r.name == rule && texts[r.prefix+" "+rec.event.text] {
				return rec, r
			}
		}
	}
	return nil, nil
}

// checkAsk looks at all calls for one event under one rule, and at how it ended.
func (s *soak) checkAsk(o *outside, e *storyEvent, r *storyRule, x told, calls []madeCall) {
	wide := r.kind == "tags_any" && len(e.tags) > 10
	byPart := map[string][]madeCall{"": calls}
	if wide {
		byPart = map[string][]madeCall{}
		for _, m := range calls {
			byPart[string(m.call.Condition)] = append(byPart[string(m.call.Condition)], m)
		}
		s.countOverlap(e, r)
	}
	for _, same := range byPart {
		for n := 1; n < len(same); n++ {
			s.checkRepeat(o, r, same[n-1], same[n])
		}
	}
	d := x.Data
	switch reached := len(calls) > 0; {
	case d.Disposition == "":
	case d.Disposition == "pushed":
		if !slices.ContainsFunc(o.byPush[d.PushID], func(i int) bool { return o.attempts[i].carries(d.Partition, d.Offset, r.name) }) {
			s.fail("explained", "", "event %s under %s was told as pushed by %s, which does not carry it", e.id, r.name, d.PushID)
		}
		if need := len(coversOf(e)); !d.Doubt && (!wide && !reached || wide && len(byPart) < need) {
			s.fail("nothing-lost", "", "event %s under %s was told as pushed by %s, and was not: %d calls", e.id, r.name, d.PushID, len(calls))
		}
	case d.Disposition == "rejected" && !o.outcomes[d.PushID]["reject"]:
		s.fail("explained", "", "event %s under %s was told as rejected by %s, which was not refused", e.id, r.name, d.PushID)
	case reached && !d.Doubt && !wide && !s.saidNo(o, calls):
		s.fail("explained", "", "event %s under %s was told as %s, and call %d carried it", e.id, r.name, d.Disposition, calls[0].call.Number)
	}
}

// carries says whether the attempt names the event.
func (a *journalAttempt) carries(partition int, at int64, rule string) bool {
	for _, c := range a.Covers {
		if c.Rule == rule && c.Events.Partition == partition {
			for offset := range c.Events.offsets() {
				if offset == at {
					return true
				}
			}
		}
	}
	return false
}

// saidNo says whether the API did what was asked and said that it had not, each
// time.
func (s *soak) saidNo(o *outside, calls []madeCall) bool {
	return !slices.ContainsFunc(calls, func(m madeCall) bool { return !lie(m.call) })
}

// lie says whether the API answered that it did not do what it did.
func lie(c pushsim.Call) bool {
	return c.Lost && c.Status == 503 || !c.Lost && c.Code != 0 && c.Code != 60014
}

// countOverlap counts the users who are in several parts of one audience.
func (s *soak) countOverlap(e *storyEvent, r *storyRule) {
	for _, u := range s.users {
		n := 0
		for _, p := range coversOf(e) {
			if slices.ContainsFunc(p, func(tag string) bool { return slices.Contains(u.Tags, tag) }) {
				n++
			}
		}
		if n > 1 {
			s.counts["users reached twice: predicted overlap"]++
		}
	}
}

// checkRepeat finds out why two calls carried one event to the same people.
func (s *soak) checkRepeat(o *outside, r *storyRule, first, again madeCall) {
	users := 0
	for u := range again.users {
		if first.users[u] {
			users++
		}
	}
	if users == 0 {
		return
	}
	resend := r.onDoubt == "resend" || r.onDoubt == "" && r.priority == "critical"
	last := o.byPush[again.push][len(o.byPush[again.push])-1]
	at, known := o.oks[first.push]
	known = known && at < o.attempts[last].line
	switch {
	case first.record != again.record: // a repeat of the event is never pushed
	case lie(first.call):
		s.counts["users reached twice: the API said no"] += users
		return
	case !known && resend && first.push == again.push:
		s.counts["users reached twice: resend"] += users
		return
	}
	why := []string{fmt.Sprintf("on_doubt resend is %t", resend), fmt.Sprintf("the journal knows of the first %v", slices.Sorted(maps.Keys(o.outcomes[first.push])))}
	s.fail("exactly-the-right-people", "", "%s under %s reached %d users by call %d (push %s, %s, answered %d) and again by call %d (push %s): %s",
		again.record, r.name, users, first.call.Number, first.push, first.call.Fault, first.call.Code, again.call.Number, again.push, strings.Join(why, ", "))
}
