package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"pushbridge/internal/replay"
	"pushbridge/internal/results"
)

// bridge runs a command with the site's environment, and returns its exit code and what
// it wrote.
func (s *site) bridge(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	p := startBridge(s.t, s.env(), args...)
	code = p.wait()
	p.plain()
	return code, p.out.String(), p.stderr()
}

// must is bridge where it succeeds, and returns its data.
func (s *site) must(args ...string) string {
	s.t.Helper()
	code, stdout, stderr := s.bridge(args...)
	if code != 0 {
		s.t.Fatalf("bridge %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// again is how events that came again ended: by replay and id of the event, without the
// ends of copies.
func (s *site) again() map[string]string {
	s.t.Helper()
	seen, got := map[string]bool{}, map[string]string{}
	for _, value := range s.read(s.topic("results")) {
		told, ok, err := results.ParseTold(value, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if !ok || told.ReplayOf == "" || seen[told.ID] || told.Kind.String() == "duplicate" {
			continue
		}
		seen[told.ID] = true
		key := told.ReplayID + " " + told.EventID
		if got[key] != "" {
			s.t.Errorf("%s ended as %s and as %v", key, got[key], told.Kind)
		}
		got[key] = told.Kind.String()
	}
	return got
}

func (s *site) rewrite(rules string) {
	s.t.Helper()
	if err := os.WriteFile(s.rules, []byte(rules), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// An operator's evening: what a wrong rule left on the dead-letter topic is looked at,
// the rule is mended, and the events come again, once.
func TestDeadLettersComeAgainAfterAFix(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	onBoth(t, func(t *testing.T, s *site) {
		s.rewrite(strings.Replace(siteRules, `tags_any: ["${data.city}"]`, `tags_any: ["${data.town}"]`, 1)) // alert's
		i := s.run()
		i.owns()
		s.emit(nil, happening("a1", "region.alert", "oslo", "storm"), happening("a2", "region.alert", "lima", "storm"), happening("p1", "member.promo", "quito", "sale"))
		s.ended("a1", "a2", "p1")

		list := s.must("dlq", "list", "--rule", "alert")
		if n := strings.Count(list, "rule_failed"); n != 2 || !strings.Contains(list, "region.alert") {
			t.Errorf("dlq list:\n%s", list)
		}
		letter := regexp.MustCompile(`(?m)^(\d+@\d+) `).FindStringSubmatch(list)[1]
		if shown := s.must("dlq", "show", letter); !strings.Contains(shown, "data.town") || !strings.Contains(shown, `"text":"storm"`) || !strings.Contains(shown, s.topic("events")+"/") {
			t.Errorf("dlq show:\n%s", shown)
		}
		if raw := s.must("dlq", "show", letter, "--raw"); !json.Valid([]byte(raw)) || !strings.HasPrefix(raw, `{"specversion"`) {
			t.Errorf("dlq show --raw: %q", raw)
		}
		i.stop()
		s.rewrite(siteRules)
		i = s.run()
		i.owns()

		plan := s.must("dlq", "retry", "--rule", "alert", "--from", "-1h")
		command := regexp.MustCompile(`(?m)^  bridge (dlq retry .* --execute)$`).FindStringSubmatch(plan)
		if command == nil || !regexp.MustCompile(`(?m)^events +2$`).MatchString(plan) || !strings.Contains(plan, "pushed 2") || !strings.Contains(plan, "ended before  dead-lettered 2") {
			t.Fatalf("plan:\n%s", plan)
		}
		if before := s.again(); len(before) > 0 {
			t.Errorf("a plan let events come again: %v", before)
		}
		if code, _, stderr := s.bridge("dlq", "retry", "--rule", "alert", "--from", "-1h", "--execute"); code != 2 || !strings.Contains(stderr, "other events each time") {
			t.Errorf("a time that moves, with --execute: exit code %d, %s", code, stderr)
		}
		args := strings.Fields(command[1])
		s.must(append(args, "--wait")...)
		s.must(append(args, "--wait")...) // the same replay: nothing happens twice
		id := regexp.MustCompile(`(?m)^replay +(\S+)$`).FindStringSubmatch(plan)[1]
		want := map[string]string{id + " a1": "pushed", id + " a2": "pushed"}
		if diff := cmp.Diff(want, s.again()); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
		received := map[string]int{"anna-oslo: storm": 1, "bo-oslo: storm": 1, "anna-lima: storm": 1, "bo-lima: storm": 1, "anna-quito: sale": 1, "bo-quito: sale": 1}
		if diff := cmp.Diff(received, s.received()); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		if status := s.must("replay", "status", id); !strings.Contains(status, "fed        2 of 2\n") || !strings.Contains(status, "ended      pushed 2\n") || !strings.Contains(status, "state      ended\n") {
			t.Errorf("replay status:\n%s", status)
		}
		if list := s.must("replay", "list"); !strings.Contains(list, id) {
			t.Errorf("replay list:\n%s", list)
		}
		// Another replay of the same letters finds that they are settled.
		if plan := s.must("dlq", "retry", "--rule", "alert", "--id", "another"); !strings.Contains(plan, "nothing is selected") || !strings.Contains(plan, "2 letters of events that have ended otherwise") {
			t.Errorf("the plan of another replay:\n%s", plan)
		}
		var states []string
		for _, value := range s.read(s.topic("results")) {
			var e struct {
				Type, ReplayID string
				Data           struct{ State string }
			}
			if err := json.Unmarshal(value, &e); err != nil {
				t.Fatal(err)
			}
			if e.Type == "bridge.replay.progressed.v1" && e.ReplayID == id {
				states = append(states, e.Data.State)
			}
		}
		slices.Sort(states)
		if got := slices.Compact(states); !slices.Equal(got, []string{"ended", "fed", "feeding"}) {
			t.Errorf("told states %v", got)
		}
		i.stop()
	})
}

// What a plan costs is what the replay takes, and a cancelled replay leaves the rest.
func TestReplayIsCancelledByItsOperator(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	s := embeddedSite(t)
	s.rewrite(strings.ReplaceAll(siteRules, "region.alert", "nobody.asks"))
	i := s.run()
	i.owns()
	s.emit(nil, happening("a1", "region.alert", "oslo", "storm"), happening("a2", "region.alert", "lima", "flood"))
	s.ended("a1", "a2")
	i.stop()
	s.rewrite(siteRules)

	args := []string{"replay", "--disposition", "unmatched", "--from", "-1h", "--id", "evening"}
	var plan replayPlan
	if err := json.Unmarshal([]byte(s.must(append(args, "-o", "json")...)), &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Selected != 2 || plan.Calls != 2 || plan.Before["unmatched"] != 2 || plan.Ends["pushed"] != 2 || !strings.HasSuffix(plan.Command, " --id evening") || plan.Lanes[0].Share != 10 || plan.Against.Without.Events != 2 {
		t.Errorf("plan %+v, beside %+v", plan, plan.Against)
	}
	s.must(append(args, "--execute")...)
	// What is printed of it is the same replay, whenever it is typed.
	_, _, refused := s.bridge("replay", "--disposition", "expired", "--from", "-1h", "--id", "evening")
	for _, said := range []string{s.must("replay", "status", "evening"), s.must("replay", "list"), refused} {
		command := regexp.MustCompile(`bridge (replay --disposition \S+ --from \S+ --to \S+ --id evening)`).FindStringSubmatch(said)
		if command == nil {
			t.Errorf("no command that is this replay:\n%s", said)
			continue
		}
		if code, _, stderr := s.bridge(append(strings.Fields(command[1]), "--execute")...); code != 0 || !strings.Contains(stderr, "all of its 2 events are on") {
			t.Errorf("typed again, %s: exit code %d\n%s", command[0], code, stderr)
		}
	}
	if out := s.must("replay", "cancel", "evening"); !strings.Contains(out, "bridge replay cancel evening --execute") {
		t.Errorf("the plan to cancel:\n%s", out)
	}
	s.must("replay", "cancel", "evening", "--execute")
	if code, _, stderr := s.bridge(append(args, "--execute")...); code != 1 || !strings.Contains(stderr, "replay evening was cancelled") {
		t.Errorf("a cancelled replay again: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := s.bridge("replay", "--disposition", "expired", "--from", "-1h", "--id", "evening"); code != 2 || !strings.Contains(stderr, "another selection") {
		t.Errorf("another selection under the same id: exit code %d, %s", code, stderr)
	}
	i = s.run()
	i.owns()
	eventually(t, "both have ended", func() bool { return len(s.again()) == 2 })
	i.stop()
	for key, end := range s.again() {
		// Those that were read before the control record may have been called for.
		if end != "expired" && end != "pushed" {
			t.Errorf("%s ended %s", key, end)
		}
	}
	if status := s.must("replay", "status", "evening"); !strings.Contains(status, "state      cancelled\n") {
		t.Errorf("status:\n%s", status)
	}
}

// comeTo is what a replay came to, as far as it may not hang on which events shared a
// call: what a kill delays joins others, and that is right.
type comeTo struct {
	Ends     map[string][]string // of an event: under each rule replay, original, end, and what the call said
	Received []string            // who read what
}

// came reads what the replays of a site came to, of events whose city this says. Each
// call must have reached whom the events asked for that say it carried them, once.
func (s *site) came(cityOf func(event string) string) comeTo {
	s.t.Helper()
	texts := map[string]string{} // by task
	for _, c := range s.sim.Calls() {
		var body []struct{ MsgContent struct{ Text string } }
		if err := json.Unmarshal(c.Messages, &body); err != nil || len(body) != 1 {
			s.t.Fatalf("call %d says %s: %v", c.Number, c.Messages, err)
		}
		texts[c.TaskID] = body[0].MsgContent.Text
	}
	received := s.received()
	got, seen := comeTo{Ends: map[string][]string{}, Received: slices.Sorted(maps.Keys(received))}, map[string]bool{}
	calls, want := map[string]bool{}, map[string]int{} // of a city, and so whom they reach
	for _, value := range s.read(s.topic("results")) {
		var e struct {
			ID, ReplayID, ReplayOf string
			Data                   struct {
				EventID     string `json:"event_id"`
				TaskID      string `json:"task_id"`
				Rule        string
				Disposition string
				Doubt       bool
			}
		}
		if err := json.Unmarshal(value, &e); err != nil {
			s.t.Fatal(err)
		}
		d := &e.Data
		if seen[e.ID] || e.ReplayOf == "" || d.Disposition == "duplicate" { // a record that was written twice
			continue
		}
		seen[e.ID] = true
		if city := cityOf(d.EventID); d.TaskID != "" && !calls[d.TaskID+city] {
			calls[d.TaskID+city] = true
			want["anna-"+city+": "+texts[d.TaskID]]++
			want["bo-"+city+": "+texts[d.TaskID]]++
		}
		_, place, _ := strings.Cut(e.ReplayOf, "/") // the topics of two sites have two names
		got.Ends[d.EventID] = append(got.Ends[d.EventID], fmt.Sprintf("%s of %s under %s: %s, %q, doubt %v", e.ReplayID, place, d.Rule, d.Disposition, texts[d.TaskID], d.Doubt))
	}
	if diff := cmp.Diff(want, received); diff != "" {
		s.t.Errorf("received, by what the events say and by what the API did (-want +got):\n%s", diff)
	}
	for _, ends := range got.Ends {
		slices.Sort(ends)
	}
	return got
}

// Whoever feeds a replay may be killed at any moment: done again, it comes to the same
// as one that nobody disturbed, push by push. Each event ends once, in the same way, by
// a call that says the same, and each user reads the same messages, each once for every
// call that carried events of his: the text of thousands goes in one call or in two, by
// how much of it was read when the first had to go. Kills at certain places are followed
// by rounds of random ones. That the bridge that pushes is killed too is
// TestReplayKilledAnywhereComesToTheSame's.
func TestSoakReplayKilledWhileItIsFed(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	const events = 6000
	run := func(t *testing.T, kills []int64) comeTo {
		s := embeddedSite(t)
		s.rewrite(strings.ReplaceAll(siteRules, "member.promo", "nobody.asks"))
		i := s.run()
		i.owns()
		lines := make([]string, events)
		cities := []string{"berlin", "lima", "oslo", "quito"}
		for n := range lines {
			lines[n] = happening(fmt.Sprint("p", n), "member.promo", cities[n%4], fmt.Sprint("sale ", n%2))
		}
		s.emit(nil, lines...)
		eventually(t, "all are told", func() bool { return s.told() == events })
		i.stop()
		s.rewrite(siteRules)
		args := []string{"replay", "--disposition", "unmatched", "--from", "-1h", "--id", "kill", "--against", "0", "--execute"}
		for _, at := range kills {
			p := startBridge(t, s.env(), args...)
			fed := func() bool { return s.endOrNone(s.topic("replay"), 0) >= at }
			for !fed() {
				select {
				case <-p.done:
					if !fed() { // it may have ended since that was asked
						t.Fatalf("it has ended before %d were fed:\n%s", at, p.stderr())
					}
				default:
				}
			}
			p.kill()
		}
		s.must(args...)
		s.must(args...) // and once too often
		i = s.run()
		i.owns()
		eventually(t, "all have ended", func() bool { return s.told() >= 2*events })
		i.stop()
		return s.came(func(event string) string {
			n, err := strconv.Atoi(strings.TrimPrefix(event, "p"))
			if err != nil {
				t.Fatal(err)
			}
			return cities[n%4]
		})
	}
	undisturbed := run(t, nil)
	if len(undisturbed.Ends) != events || len(undisturbed.Received) != 8 {
		t.Fatalf("undisturbed: %d events, %v", len(undisturbed.Ends), undisturbed.Received)
	}
	for id, ends := range undisturbed.Ends {
		if want := ": pushed, \"sale "; len(ends) != 1 || !strings.Contains(ends[0], want) {
			t.Errorf("undisturbed, %s: %v", id, ends)
		}
	}
	// Before anything, behind the first record, between writes and within them, at the end.
	rounds := [][]int64{{0, 1, 400, 501, 1000, 2100, 3500, 4700, 5501, 5999}}
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 1))
		kills := make([]int64, 6)
		for n := range kills {
			kills[n] = r.Int64N(events)
		}
		slices.Sort(kills)
		rounds = append(rounds, kills)
	}
	for _, kills := range rounds {
		if diff := cmp.Diff(undisturbed, run(t, kills)); diff != "" {
			t.Errorf("undisturbed against killed at %v (-want +got):\n%s", kills, diff)
		}
	}
}

// Who feeds a replay that another cancels meanwhile stops at the next write.
func TestFeedingStopsWhereTheReplayIsCancelled(t *testing.T) {
	t.Attr("promise", "explained")
	s := embeddedSite(t)
	i := s.run() // makes the topics
	i.owns()
	i.stop()
	lines := make([]string, 3*chunkMessages)
	for n := range lines {
		lines[n] = happening(fmt.Sprint("p", n), "member.promo", "oslo", "sale")
	}
	s.emit(nil, lines...)
	for _, variable := range s.env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	var stderr strings.Builder
	desk, err := newReplayDesk(t.Context(), "", nil, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer desk.close()
	sel := selection{Topics: []string{s.topic("events")}, From: "-1h"}
	if err := sel.check(); err != nil {
		t.Fatal(err)
	}
	x, err := desk.extentOf(t.Context(), &sel, time.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	c, err := desk.choose(t.Context(), &sel, x)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(&sel)
	if err != nil {
		t.Fatal(err)
	}
	on, err := desk.replayOn(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	if c.on, err = desk.begin(t.Context(), on, &sel, begun{Selection: raw, Extent: x, Selected: len(lines)}); err != nil {
		t.Fatal(err)
	}
	if err := desk.appendControl(t.Context(), replay.TypeCancelled, "r1", struct{}{}); err != nil {
		t.Fatal(err)
	}
	if err := desk.feed(t.Context(), c, &stderr); !errors.Is(err, errCancelled) || c.on.events != chunkMessages {
		t.Errorf("fed %d events, %v; want the %d of one write and an end", c.on.events, err, chunkMessages)
	}
}

// told counts the ends of events that are no copies.
func (s *site) told() int {
	seen := map[string]bool{}
	for _, value := range s.read(s.topic("results")) {
		if told, ok, err := results.ParseTold(value, nil); err == nil && ok && told.EventType != "bridge.replay.begun.v1" && told.Kind.String() != "duplicate" {
			seen[told.ID] = true
		}
	}
	return len(seen)
}

// endOrNone is end where the topic is there.
func (s *site) endOrNone(topic string, partition int) int64 {
	res, err := s.client.ListOffsets(s.t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}}})
	if err != nil || len(res.Topics[topic]) == 0 || res.Topics[topic][0].Error != nil {
		return 0
	}
	return res.Topics[topic][0].LastOffset
}
