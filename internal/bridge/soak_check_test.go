package bridge

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// check holds the promises to what can be seen from outside.
func (s *soak) check(t *testing.T) {
	t.Helper()
	o := s.observe()
	s.checkEnds(o)
	s.checkCommits(o)
	s.checkLetters(o)
	s.checkCalls(o)
	s.checkBudget(o)
	s.checkWriter(o)
	s.counts["events"] += len(s.records)
	s.counts["calls"] += len(o.calls)
	for _, f := range s.failures {
		if _, ok := knownGaps[f.gap]; !ok {
			t.Errorf("%s: %s", f.promise, f.text)
		}
	}
}

// rulesOf are the rules under which a record must end; the empty one where it is
// no event, or nobody asks for it.
func (s *soak) rulesOf(r *soakRecord) []storyRule {
	if r.event == nil {
		return []storyRule{{}}
	}
	rules, _ := s.ends(r.event)
	if len(rules) == 0 {
		return []storyRule{{}}
	}
	return rules
}

func (r *soakRecord) String() string {
	id := "no event"
	if r.event != nil {
		id = r.event.id
	}
	s := fmt.Sprintf("%s at %d@%d of %s", id, r.partition, r.offset, r.at.UTC().Format("02T15:04:05"))
	if r.life > 0 {
		s += fmt.Sprintf(" in life %d of the topic", r.life+1)
	}
	return s
}

// toldKey names one disposition.
type toldKey struct {
	id string
	at placeUnder
}

// checkEnds finds exactly one disposition for each record under each of its
// rules, of a kind that may be; what was lost must have been reported.
func (s *soak) checkEnds(o *outside) {
	got := map[toldKey][]told{}
	for _, x := range o.events {
		d := x.Data
		key := toldKey{d.EventID, placeUnder{d.Partition, d.Offset, d.Rule}}
		got[key] = append(got[key], x)
		s.counts["ended "+d.Disposition]++
	}
	asks := map[string][]told{} // event and rule → how its records ended
	lost := map[string]bool{}
	for _, r := range s.records {
		for _, rule := range s.rulesOf(r) {
			key := toldKey{"", placeUnder{r.partition, r.offset, rule.name}}
			if r.event != nil {
				key.id = r.event.id
			}
			xs := got[key]
			delete(got, key)
			if len(xs) > 1 {
				s.fail("nothing-lost", "", "%s under %q has %d dispositions", r, rule.name, len(xs))
			}
			ask := key.id + " " + rule.name
			switch {
			case len(xs) == 0:
				lost[ask] = true
				s.checkMissing(o, r, rule.name)
			default:
				s.checkKind(r, &rule, xs[0])
				asks[ask] = append(asks[ask], xs[0])
			}
		}
	}
	for key, xs := range got {
		if key.id == "" && s.life > 0 {
			continue // two broken records at one offset of two lives
		}
		s.fail("nothing-lost", "", "%v ended as %s and was not asked for", key, xs[0].Data.Disposition)
	}
	for _, ask := range slices.Sorted(maps.Keys(asks)) {
		s.checkCopies(ask, asks[ask], lost[ask])
	}
}

// checkMissing looks for a reason why a record has no disposition.
func (s *soak) checkMissing(o *outside, r *soakRecord, rule string) {
	if s.reported(o, r) {
		s.counts["lost and reported"]++
		return
	}
	s.fail("nothing-lost", s.ifAnew(o, r), "%s under %q has no disposition, and nobody reported it as lost", r, rule)
}

// reported says whether an instance has logged that the record is lost.
func (s *soak) reported(o *outside, r *soakRecord) bool {
	return slices.ContainsFunc(o.losses, func(l lossLine) bool {
		if l.partition != r.partition || l.at.Before(r.at) {
			return false
		}
		if l.kind == "rewound" { // what was read of the log before, and had not ended
			return r.life < len(s.births) && l.at.After(s.births[r.life])
		}
		return l.first <= r.offset && r.offset <= l.last && (r.life >= len(s.births) || l.at.Before(s.births[r.life]))
	})
}

// checkKind says whether the record may have ended so.
func (s *soak) checkKind(r *soakRecord, rule *storyRule, x told) {
	d := x.Data
	want := ""
	switch {
	case r.event == nil:
		want = "dead-lettered"
	case rule.name == "":
		want = "unmatched"
	default:
		if _, fails := s.ends(r.event); fails[rule.name] {
			want = "dead-lettered"
		}
	}
	ok := d.Disposition == want
	if want == "" {
		switch d.Disposition {
		case "pushed":
			ok = d.PushID != "" && d.Why != ""
		case "duplicate":
			ok = r.event.copies > 1
		case "superseded":
			ok = rule.mode == "latest" && s.revised(r.event, *rule)
		case "expired":
			ok = s.mayExpireInSoak(r.event, rule, d.Decided)
		case "rejected":
			ok = d.Code == 90056 && s.lied("code 90056")
		}
	}
	if !ok {
		s.fail("nothing-lost", "", "%s under %q ended as %s at %s (push %s, code %d, doubt %t), after %d calls in 24 hours", r, rule.name, d.Disposition, d.Decided.UTC().Format("02T15:04:05"),
			d.PushID, d.Code, d.Doubt, s.callsIn(rule.app(), d.Decided.Add(-24*time.Hour), d.Decided))
	}
}

// lied says whether the plan lets the API say this.
func (s *soak) lied(what string) bool {
	return slices.ContainsFunc(s.plan.faults, func(f soakFault) bool { return f.Place == what })
}

// mayExpireInSoak says whether an event may have been given up: its time was
// over, and it was not worth a call, or calls were few, or something was wrong in
// the meantime.
func (s *soak) mayExpireInSoak(e *storyEvent, rule *storyRule, decided time.Time) bool {
	end := e.at.Add(rule.expire)
	// The results have milliseconds, and what a crash left untold is told from the
	// journal, whose stamps are by the clock of its writer.
	if decided.Add(time.Millisecond + s.behind()).Before(end) {
		return false
	}
	calls := s.callsIn(rule.app(), end.Add(-24*time.Hour), end)
	if s.bound <= 8 { // what waits in one lane keeps the other's events from being read
		calls = max(s.callsIn(testApp, end.Add(-24*time.Hour), end), s.callsIn(alertsApp, end.Add(-24*time.Hour), end))
	}
	if s.quota < plenty && rule.priority != "critical" && calls > 0 { // it may never have been worth another
		return true
	}
	if calls >= s.quota/2 { // critical demand keeps the rest to itself
		return true
	}
	// An answer can keep calls back for an hour, and what is to happen to the next
	// call may happen long after.
	if slices.ContainsFunc(s.w.sim.Calls(), func(c pushsim.Call) bool {
		return (c.Fault != "" || c.Code != 0) && c.Received.After(e.at.Add(-2*time.Hour)) && c.Received.Before(end)
	}) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(s.trouble, s.away), func(a span) bool { return a.from.Before(end) && a.to.After(e.at) })
}

// behind is how far an instance's clock is behind at most.
func (s *soak) behind() (most time.Duration) {
	at := make(map[int]time.Duration)
	for _, f := range s.plan.faults {
		if f.Kind == "clock" {
			at[f.Slot] += f.By
			most = max(most, -at[f.Slot])
		}
	}
	return most
}

func (s *soak) callsIn(app uint32, from, to time.Time) int {
	n := 0
	for _, c := range s.w.sim.Calls() {
		if c.App == app && !c.Received.Before(from) && !c.Received.After(to) {
			n++
		}
	}
	return n
}

// checkCopies finds one record of an event that counts; the others are its
// repeats.
func (s *soak) checkCopies(ask string, xs []told, lost bool) {
	var counting []told
	for _, x := range xs {
		if x.Data.Disposition != "duplicate" && x.Data.Disposition != "dead-lettered" && x.Data.Disposition != "unmatched" {
			counting = append(counting, x)
		}
	}
	dup := slices.ContainsFunc(xs, func(x told) bool { return x.Data.Disposition == "duplicate" })
	switch {
	case len(counting) == 0 && dup && !lost:
		s.fail("nothing-lost", "", "event %q ended as a duplicate only", ask)
	case len(counting) > 1:
		s.fail("exactly-the-right-people", "", "event %q ended %d times otherwise than as a duplicate", ask, len(counting))
	}
}

// checkCommits holds every sample of the committed offsets against the journal as
// it was then: what lay below had its dispositions in it. In the end all is
// committed.
func (s *soak) checkCommits(o *outside) {
	for _, r := range s.records {
		if r.life > 0 || s.reported(o, r) {
			continue
		}
		for _, rule := range s.rulesOf(r) {
			n, ok := o.ended[placeUnder{r.partition, r.offset, rule.name}]
			for _, x := range s.samples {
				if x.life == 0 && x.committed[r.partition] > r.offset && (!ok || int64(n) >= x.journal) {
					s.fail("nothing-lost", "", "%s was committed at %s, and the journal did not know how it ended under %q", r, x.at.UTC().Format("02T15:04:05"), rule.name)
					break
				}
			}
		}
	}
	for p := range soakPartitions {
		end := s.w.end(inTopic, p)
		if got, _ := s.w.committed(p); got != end && end != 0 {
			s.fail("nothing-lost", "", "in the end partition %d is committed up to %d of %d", p, got, end)
		}
	}
	s.counts["samples of commits"] += len(s.samples)
}

// checkLetters finds the original bytes of everything that could not be used.
func (s *soak) checkLetters(o *outside) {
	has := map[string]bool{}
	for _, l := range o.letters {
		h := l.Headers
		has[h["bridge_dlq_partition"]+"@"+h["bridge_dlq_offset"]+" "+h["bridge_dlq_rule"]+" "+string(l.Value)] = true
	}
	ended := map[placeUnder]bool{}
	for _, x := range o.events {
		if x.Data.Disposition == "dead-lettered" {
			ended[placeUnder{x.Data.Partition, x.Data.Offset, x.Data.Rule}] = true
		}
	}
	for _, r := range s.records {
		for _, rule := range s.rulesOf(r) {
			if !ended[placeUnder{r.partition, r.offset, rule.name}] {
				continue
			}
			if r.event != nil {
				if _, fails := s.ends(r.event); !fails[rule.name] {
					continue
				}
			}
			if !has[strconv.Itoa(r.partition)+"@"+strconv.FormatInt(r.offset, 10)+" "+rule.name+" "+r.value] {
				s.fail("nothing-lost", s.ifAnew(o, r), "%s under %q is told as dead-lettered, and is not on the topic of dead letters", r, rule.name)
			}
		}
	}
}
