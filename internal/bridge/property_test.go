package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// TestRandomRulesAndEvents holds the promises over random rules of two lanes,
// events, faults and restarts, against a direct evaluation of the rules. BRIDGE_TEST_SEEDS says
// how many seeds are tried.
func TestRandomRulesAndEvents(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	seeds := 25
	if s := os.Getenv("BRIDGE_TEST_SEEDS"); s != "" {
		var err error
		if seeds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			s := newStory(rand.New(rand.NewPCG(uint64(seed), 1)))
			defer func() {
				if t.Failed() {
					t.Logf("rules:\n%s", s.ruleFile())
					t.Logf("repeat: BRIDGE_TEST_SEEDS=%d go test ./internal/bridge -run 'TestRandomRulesAndEvents/seed=%d$'", seed+1, seed)
				}
			}()
			sim := pushsim.Config{Quota: s.quota, Counting: pushsim.CountAll, DedupWindow: 7 * 24 * time.Hour, Faults: s.faults}
			inBubble(t, setup{rules: s.ruleFile(), users: s.users, sim: sim, partitions: 3, apps: []uint32{alertsApp}}, s.tell)
		})
	}
}

// story is one random run.
type story struct {
	r      *rand.Rand
	quota  int
	bound  int // of pending intents
	users  []pushsim.User
	rules  []storyRule
	faults []pushsim.Fault
	events map[string]*storyEvent // by id
	broken int                    // records that are no events
	away   []span                 // when nothing ran
}

// span is some time.
type span struct{ from, to time.Time }

// storyRule is a rule as it is written and as it is evaluated.
type storyRule struct {
	name, typ, prefix, mode, priority string
	kind                              string // tags_any and so on
	lane                              string // empty: the default lane
	least                             int    // of data.n
	goesOn                            bool
	onDoubt                           string // empty: the priority's
	maxDelay, expire                  time.Duration
}

// storyEvent is an event; copies are the records that carry it.
type storyEvent struct {
	id, typ     string
	at          time.Time
	copies      int
	text        string // empty: absent
	tags, two   []string
	city, level string
	key         string
	n           int
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// some returns n distinct of the tags.
func some(r *rand.Rand, n int) []string {
	tags := make([]string, n)
	for i, t := range r.Perm(storyTags)[:n] {
		tags[i] = fmt.Sprintf("t%02d", t)
	}
	return tags
}

const storyTags = 30

func newStory(r *rand.Rand) *story {
	s := &story{r: r, quota: pick(r, 4+r.IntN(30), 4+r.IntN(30), plenty), bound: pick(r, 8, 1000), events: map[string]*storyEvent{}}
	for n := range 30 {
		s.users = append(s.users, pushsim.User{
			ID: fmt.Sprintf("u%02d", n), Tags: slices.Sorted(slices.Values(some(r, r.IntN(5)))),
			Attrs: map[string]string{"city": pick(r, "paris", "rome", "oslo"), "level": pick(r, "high", "low")},
		})
	}
	for n := range 1 + r.IntN(5) {
		rule := storyRule{
			name: fmt.Sprintf("rule-%d", n), typ: fmt.Sprintf("type-%d", r.IntN(3)), prefix: fmt.Sprint("r", n),
			kind: pick(r, "tags_any", "tags_any", "tags_all", "attrs_any", "attrs_all", "everyone"),
			mode: pick(r, "merge", "merge", "latest", "none"), priority: pick(r, "critical", "high", "normal", "low"),
			least: r.IntN(4), goesOn: r.IntN(2) == 0, lane: pick(r, "", "", "alerts"),
			maxDelay: pick(r, 0, 10*time.Second, time.Minute, 10*time.Minute),
		}
		rule.expire = rule.maxDelay + pick(r, 30*time.Minute, 50*time.Hour)
		if rule.kind != "tags_any" && r.IntN(2) == 0 {
			rule.prefix = "shared" // with other rules: one message, several audiences
		}
		s.rules = append(s.rules, rule)
	}
	for range r.IntN(4) {
		s.faults = append(s.faults, pick(r,
			pushsim.Fault{Kind: pushsim.FaultCode, Code: 91000},
			pushsim.Fault{Kind: pushsim.FaultStatus, Status: 503},
			pushsim.Fault{Kind: pushsim.FaultReset, After: true},
			pushsim.Fault{Kind: pushsim.FaultGarbage, After: true},
			pushsim.Fault{Kind: pushsim.FaultDelay, Delay: 2 * time.Second},
		))
		s.faults[len(s.faults)-1].From = 1 + r.IntN(12)
	}
	return s
}

func (s *story) ruleFile() string {
	var b strings.Builder
	b.WriteString("version: 1\nlanes: [{name: alerts}]\nrules:\n")
	for _, r := range s.rules {
		audience := map[string]string{
			"tags_any": `tags_any: "${data.tags}"`, "tags_all": `tags_all: "${data.two}"`,
			"attrs_any": `attrs_any: {city: "${data.city}", level: "${data.level}"}`,
			"attrs_all": `attrs_all: {city: "${data.city}", level: "${data.level}"}`, "everyone": "everyone: true",
		}[r.kind]
		fmt.Fprintf(&b, "  - name: %s\n    match: {type: %s}\n    when: data.n >= %d\n    continue: %t\n    online_only: true\n", r.name, r.typ, r.least, r.goesOn)
		fmt.Fprintf(&b, "    audience: {%s}\n    message: [{text: \"%s ${data.text}\"}]\n", audience, r.prefix)
		switch r.mode {
		case "latest":
			fmt.Fprintf(&b, "    coalesce: {mode: latest, key: \"${data.key}\"}\n")
		case "digest":
			fmt.Fprintf(&b, "    coalesce: {mode: digest, max_messages: 3}\n")
		default:
			fmt.Fprintf(&b, "    coalesce: {mode: %s}\n", r.mode)
		}
		lane := ""
		if r.lane != "" {
			lane = "lane: " + r.lane + ", "
		}
		if r.onDoubt != "" {
			lane += "on_doubt: " + r.onDoubt + ", "
		}
		fmt.Fprintf(&b, "    delivery: {%spriority: %s, max_delay: %v, expire_after: %v}\n", lane, r.priority, r.maxDelay, r.expire)
	}
	return b.String()
}

// ends says how the rules take an event: the rules that ask for it, with
// whether they fail on it.
func (s *story) ends(e *storyEvent) (asked []storyRule, fails map[string]bool) {
	fails = map[string]bool{}
	for _, r := range s.rules {
		if r.typ != e.typ || e.n < r.least {
			continue
		}
		asked = append(asked, r)
		fails[r.name] = e.text == "" || r.kind == "tags_any" && len(e.tags) == 0
		if !r.goesOn {
			break
		}
	}
	return asked, fails
}

// reaches says whether the rule means the user, from the event alone.
func (r *storyRule) reaches(e *storyEvent, u *pushsim.User) bool {
	has := func(tag string) bool { return slices.Contains(u.Tags, tag) }
	city, level := u.Attrs["city"] == e.city, u.Attrs["level"] == e.level
	switch r.kind {
	case "tags_any":
		return slices.ContainsFunc(e.tags, has)
	case "tags_all":
		return has(e.two[0]) && has(e.two[1])
	case "attrs_any":
		return city || level
	case "attrs_all":
		return city && level
	}
	return true
}

// app is whose call the rule asks for.
func (r *storyRule) app() uint32 {
	if r.lane == "" {
		return testApp
	}
	return alertsApp
}

// tell plays the story and checks its end.
func (s *story) tell(t *testing.T, w *world) {
	limits := func(o *options) {
		withAlerts(s.quota, s.quota)(o)
		o.limits.MaxPending = s.bound
		// With a small bound and a spent quota a copy may be read days after the first.
		o.limits.DedupWindow = 8 * 24 * time.Hour
	}
	i := w.start(limits)
	sleep(5 * time.Second)
	for range 3 + s.r.IntN(3) {
		s.burst(w)
		sleep(time.Duration(5+s.r.IntN(60)) * time.Second)
		if s.r.IntN(2) == 0 {
			i.leave()
			s.rest(time.Duration(s.r.IntN(30)) * time.Minute)
			i = w.start(limits)
		}
	}
	sleep(12 * time.Minute)
	// Days in which the quota comes back. While nothing runs they cost nothing.
	for day := 0; day < 6 && i.metric("bridge_pending_intents") > 0; day++ {
		i.leave()
		s.rest(12 * time.Hour)
		i = w.start(limits)
		sleep(2 * time.Minute)
	}
	s.check(t, w)
}

// rest is time in which nothing runs.
func (s *story) rest(d time.Duration) {
	from := time.Now()
	time.Sleep(d)
	s.away = append(s.away, span{from, time.Now()})
}

// plenty is a quota under which every event is worth a call.
const plenty = 10_000

// burst emits up to 20 events, some of them more than once.
func (s *story) burst(w *world) {
	for range 1 + s.r.IntN(20) {
		if s.r.IntN(20) == 0 {
			s.broken++
			w.produce(s.r.IntN(3), []byte("{no event"))
			continue
		}
		e := s.newEvent()
		if s.r.IntN(5) == 0 {
			e.copies += 1 + s.r.IntN(2)
		}
		for range e.copies {
			h := e.happening()
			h.Partition = s.r.IntN(3)
			w.emit(h)
		}
		time.Sleep(time.Millisecond)
	}
}

// newEvent draws an event and remembers it.
func (s *story) newEvent() *storyEvent {
	e := &storyEvent{
		id: fmt.Sprint("e", len(s.events)), typ: fmt.Sprintf("type-%d", s.r.IntN(4)), at: time.Now(), copies: 1,
		text: pick(s.r, "", "a", "a", "a", "b", "b", "c"), two: some(s.r, 2), city: pick(s.r, "paris", "rome"), level: pick(s.r, "high", "low"),
		key: pick(s.r, "k", "l"), n: s.r.IntN(6),
	}
	if size := s.r.IntN(8); size < 7 {
		e.tags = some(s.r, size)
	} else {
		e.tags = some(s.r, 11+s.r.IntN(15))
		e.text = "wide " + e.id // nothing else is carried by its calls
	}
	s.events[e.id] = e
	return e
}

// happening is the event as it is emitted.
func (e *storyEvent) happening() happening {
	data := map[string]any{"tags": append([]string{}, e.tags...), "two": e.two, "city": e.city, "level": e.level, "key": e.key, "n": e.n}
	if e.text != "" {
		data["text"] = e.text
	}
	return happening{Type: e.typ, ID: e.id, Time: e.at, Data: data}
}

func (s *story) check(t *testing.T, w *world) {
	t.Helper()
	events, pushes := w.results()
	w.wantCommitted()
	w.wantBudget(s.quota)
	if n := w.sim.Summary().Codes[90047]; n > 0 {
		t.Errorf("the API said %d times that the quota is spent", n)
	}
	if reuses := w.sim.Reuses(); len(reuses) > 0 {
		t.Errorf("numbers reused for other content: %+v", reuses)
	}
	carried := s.checkDispositions(t, events, w.sim.Summary().MaxCallsInDay >= s.quota)
	s.checkCalls(t, w, pushes, carried)
}

// asked is one event under one rule.
type asked struct {
	e *storyEvent
	r storyRule
}

// checkDispositions finds exactly one disposition for each record under each of
// its rules, of the right kind, and returns what each push carried. spent says
// that the quota was used up at some time.
func (s *story) checkDispositions(t *testing.T, events []told, spent bool) map[string][]asked {
	t.Helper()
	carried := map[string][]asked{}
	kinds := map[string]map[string]int{} // event and rule → disposition → records
	records := map[string]int{}          // record and rule → dispositions
	expired := map[string]time.Time{}    // event and rule → when that was decided
	for _, x := range events {
		d := x.Data
		records[fmt.Sprintf("%d@%d %s", d.Partition, d.Offset, d.Rule)]++
		key := d.EventID + " " + d.Rule
		if kinds[key] == nil {
			kinds[key] = map[string]int{}
		}
		kinds[key][d.Disposition]++
		if d.Disposition == "expired" {
			expired[key] = d.Decided
		}
		e := s.events[d.EventID]
		if e == nil {
			continue
		}
		rules, _ := s.ends(e)
		for _, r := range rules {
			if r.name == d.Rule && d.Disposition == "pushed" {
				carried[d.PushID] = append(carried[d.PushID], asked{e, r})
			}
		}
	}
	for key, n := range records {
		if n > 1 {
			t.Errorf("record %s has %d dispositions", key, n)
		}
	}
	expect := func(key string, want map[string]int) {
		if !maps.Equal(kinds[key], want) {
			t.Errorf("event %q ended as %v, want %v", key, kinds[key], want)
		}
		delete(kinds, key)
	}
	if s.broken > 0 {
		expect(" ", map[string]int{"dead-lettered": s.broken})
	}
	for _, id := range slices.Sorted(maps.Keys(s.events)) {
		e := s.events[id]
		rules, fails := s.ends(e)
		if len(rules) == 0 {
			expect(id+" ", map[string]int{"unmatched": e.copies})
		}
		for _, r := range rules {
			key := id + " " + r.name
			if fails[r.name] {
				expect(key, map[string]int{"dead-lettered": e.copies})
				continue
			}
			// Of all copies one counts, and how it ends depends on the calls there are.
			want := map[string]int{"pushed": 1}
			switch got := kinds[key]; {
			case got["superseded"] == 1 && r.mode == "latest" && s.revised(e, r):
				want = map[string]int{"superseded": 1}
			case got["expired"] == 1 && s.mayExpire(e, r, expired[key], spent):
				want = map[string]int{"expired": 1}
			}
			if e.copies > 1 {
				want["duplicate"] = e.copies - 1
			}
			expect(key, want)
		}
	}
	for key, got := range kinds {
		t.Errorf("event %q ended as %v and was not asked for", key, got)
	}
	return carried
}

// mayExpire says whether it was right to give the event up when it was: its time
// was over, and there had been no call for it, or nobody to make one.
func (s *story) mayExpire(e *storyEvent, r storyRule, decided time.Time, spent bool) bool {
	const late = 2 * time.Minute // what a start needs to make the calls that were due
	end := e.at.Add(r.expire)
	dear := s.quota < plenty && r.priority != "critical" // it may never have been worth a call
	return !decided.Before(end) && (spent || dear || slices.ContainsFunc(s.away, func(a span) bool {
		return end.After(a.from) && end.Before(a.to.Add(late))
	}))
}

// revised says whether there is a later event of the same key under the rule.
func (s *story) revised(e *storyEvent, r storyRule) bool {
	for _, other := range s.events {
		rules, fails := s.ends(other)
		if other != e && other.key == e.key && !other.at.Before(e.at) && !fails[r.name] &&
			slices.ContainsFunc(rules, func(o storyRule) bool { return o.name == r.name }) {
			return true
		}
	}
	return false
}

// checkCalls compares whom each call reached with whom its events mean.
func (s *story) checkCalls(t *testing.T, w *world, pushes []told, carried map[string][]asked) {
	t.Helper()
	randoms := map[string]uint32{}
	for _, p := range pushes {
		randoms[p.Data.PushID] = p.Data.Random
	}
	calls := map[uint32]pushsim.Call{}
	texts := map[string][]pushsim.Call{} // of wide events
	for _, c := range w.sim.Calls() {
		if c.TaskID == "" || c.Duplicate {
			continue
		}
		calls[c.MsgRandom] = c
		var body []struct{ MsgContent struct{ Text string } }
		w.must(json.Unmarshal(c.Messages, &body))
		texts[body[0].MsgContent.Text] = append(texts[body[0].MsgContent.Text], c)
	}
	explained := map[uint32]bool{}
	for id, list := range carried {
		if first := list[0]; len(first.e.tags) > 10 && first.r.kind == "tags_any" {
			s.checkWide(t, w, first, texts[first.r.prefix+" "+first.e.text], explained)
			continue
		}
		c, ok := calls[randoms[id]]
		if !ok {
			t.Errorf("push %s was told and never made", id)
			continue
		}
		explained[c.MsgRandom] = true
		want, got := map[string]int{}, map[string]int{}
		for _, a := range list {
			if c.App != a.r.app() {
				t.Errorf("call %d for event %s under %s went to app %d, want %d", c.Number, a.e.id, a.r.name, c.App, a.r.app())
			}
			for i := range s.users {
				if u := &s.users[i]; a.r.reaches(a.e, u) {
					want[u.ID] = 1
				}
			}
		}
		for d := range w.sim.DeliveriesOf(c.TaskID) {
			got[d.User]++
		}
		if !maps.Equal(got, want) {
			t.Errorf("call %d for %d events under %s reached %v, want %v", c.Number, len(list), list[0].r.name, got, want)
		}
	}
	for random, c := range calls {
		if !explained[random] && !s.partly(c) {
			t.Errorf("call %d reached %d users, and no event says that it was pushed by it", c.Number, c.Audience)
		}
	}
}

// checkWide looks at the calls of an event with more than 10 tags: the fewest,
// and each user in as many of them as the split of the sorted tags predicts.
func (s *story) checkWide(t *testing.T, w *world, a asked, calls []pushsim.Call, explained map[uint32]bool) {
	t.Helper()
	got, want := map[string]int{}, map[string]int{}
	for _, c := range calls {
		explained[c.MsgRandom] = true
		if c.App != a.r.app() {
			t.Errorf("call %d for event %s under %s went to app %d, want %d", c.Number, a.e.id, a.r.name, c.App, a.r.app())
		}
		for d := range w.sim.DeliveriesOf(c.TaskID) {
			got[d.User]++
		}
	}
	parts := 0
	for part := range slices.Chunk(slices.Sorted(slices.Values(a.e.tags)), 10) {
		parts++
		for _, u := range s.users {
			if slices.ContainsFunc(part, func(tag string) bool { return slices.Contains(u.Tags, tag) }) {
				want[u.ID]++
			}
		}
	}
	if len(calls) != parts || !maps.Equal(got, want) {
		t.Errorf("event %s of %d tags took %d calls and reached %v; want %d and %v", a.e.id, len(a.e.tags), len(calls), got, parts, want)
	}
}

// partly says whether a call was for a part of an event that then did not end
// as pushed.
func (s *story) partly(c pushsim.Call) bool {
	return strings.Contains(string(c.Messages), "wide e")
}
