package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/pushapi/pushsim"
	"pushbridge/internal/replay"
)

// killRules end events in every way that does not hang on when they are read: of two
// revisions, say, which supersedes which does.
const killRules = `
version: 1
defaults: {max_delay: 10s, expire_after: 6h}
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    delivery: {on_doubt: resend}
  - name: brief
    match: {type: news}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "in brief: ${data.text}"}]
    delivery: {on_doubt: resend}
    continue: true
  - name: news
    match: {type: news}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    delivery: {on_doubt: resend}
  - name: late
    match: {type: late}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    delivery: {expire_at: "2000-01-01T00:00:00Z", on_doubt: resend}
`

// killTags is more than a call can name, so that an event of all of them takes two.
const killTags = 14

// killStory is what comes again. Events that say the same ask for different users: so
// nobody's messages hang on which of them shared a call.
func killStory() []happening {
	_, tags := tagged(killTags)
	var all []happening
	add := func(kind, text string, tags ...string) {
		all = append(all, happening{Type: kind, ID: fmt.Sprintf("k%d", len(all)), Data: map[string]any{"text": text, "tags": tags}})
	}
	for n := range 12 {
		sale := fmt.Sprint("sale ", n)
		for i := range 4 {
			add("promo", sale, tags[(n+i)%killTags])
		}
		add("news", fmt.Sprint("news ", n), tags[n%killTags], tags[(n+5)%killTags])
		switch n % 4 {
		case 0:
			add("promo", fmt.Sprint("to many ", n), tags...)
		case 1:
			add("promo", fmt.Sprint("to nobody ", n)) // fails: an empty audience is never everyone
		case 2:
			add("nothing", "nobody asks")
		case 3:
			add("late", "too late", tags[n%killTags])
		}
	}
	return all
}

// comeTo is what a replay came to, as far as it may not hang on when it was read, nor on
// which events shared a call.
type comeTo struct {
	Ends     map[string][]string // of an event: under each rule replay, original, end, parts, and whose call said what
	Received map[string]int      // who read what, how often
}

// replayKilled lets the story come again and kills what takes part in it, as long as
// kills says so; the last round nobody disturbs.
type replayKilled struct {
	*world

	rand  *rand.Rand
	story []happening
	fed   int // events, as the feeder that lives knows
}

// feed writes some events as a feeder does, which may be killed: before a write, or
// behind one whose answer it did not see.
func (k *replayKilled) feed(disturbed bool) {
	n := 1 + k.rand.IntN(6)
	for i := k.fed; i < min(k.fed+n, len(k.story)); i++ {
		k.replayed(k.story[i], replay.Mark{ID: "again", Of: original(int64(i))})
	}
	if disturbed && k.rand.IntN(4) == 0 {
		return // what it wrote is written once more, by a feeder that does not see it yet
	}
	k.fed = min(k.fed+n, len(k.story))
}

// writer starts an instance and waits until it owns the partitions, which is before it
// reads the journal. One that is killed as it joins has done nothing yet, and the
// embedded broker's group may wait for it for ever.
func (k *replayKilled) writer() *instance {
	i := k.start(inPlenty)
	for !i.group.Writer() {
		sleep(100 * time.Millisecond)
	}
	return i
}

// run feeds the story while the bridge lives, and is killed at moments that the seed says.
func (k *replayKilled) run(kills int) comeTo {
	i := k.writer()
	for k.fed < len(k.story) || kills > 0 {
		k.feed(kills > 0)
		sleep(time.Duration(k.rand.IntN(4000)) * time.Millisecond)
		if kills > 0 && k.rand.IntN(3) == 0 {
			kills--
			i.wire.kill() // nothing that it does from now on reaches anybody
			i.stop()
			sleep(time.Duration(k.rand.IntN(10)) * time.Second)
			i = k.writer()
		}
	}
	sleep(3 * time.Hour)
	return k.came()
}

// came reads the results and the API's log, and holds each call against the events that
// say it carried them.
func (k *replayKilled) came() comeTo {
	t := k.t
	texts := map[string]string{} // by task
	for _, c := range k.sim.Calls() {
		var body []struct{ MsgContent struct{ Text string } }
		k.must(json.Unmarshal(c.Messages, &body))
		if c.TaskID != "" && !c.Duplicate {
			texts[c.TaskID] = body[0].MsgContent.Text
		}
	}
	got := comeTo{Ends: map[string][]string{}, Received: map[string]int{}}
	for d := range k.sim.Deliveries() {
		got.Received[d.User+": "+texts[d.TaskID]]++
	}
	events, _ := k.results()
	for _, e := range events {
		d := &e.Data
		if d.Disposition == "duplicate" {
			continue // a record that the feeder wrote twice
		}
		text := ""
		if d.TaskID != "" {
			if text = texts[d.TaskID]; text == "" {
				t.Errorf("%s ended by the push %s, which the API does not know", d.EventID, d.TaskID)
			}
		}
		end := fmt.Sprintf("%s of %s under %q: %s in %d, %q, doubt %v", e.ReplayID, e.ReplayOf, d.Rule, d.Disposition, max(1, d.Parts), text, d.Doubt)
		if ends := got.Ends[d.EventID]; d.Disposition == "pushed" || !slices.Contains(ends, end) { // of what asks for no push, each copy ends alike
			got.Ends[d.EventID] = append(ends, end)
		}
	}
	for _, ends := range got.Ends {
		slices.Sort(ends)
	}
	return got
}

// A replay that is killed anywhere, as it is fed and as it is pushed, comes to the same
// as one that nobody disturbed, push by push: each event ends under each rule in the
// same way, by a call that says the same, and each user reads the same messages, each
// once.
//
// Which events share a call is not compared: what a kill delays joins later ones. The
// results of an event and what a user reads may not hang on that, and do not. Calls in
// doubt are made again with their MsgRandom, which this API knows for a week.
func TestReplayKilledAnywhereComesToTheSame(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	users, _ := tagged(killTags)
	slow := func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(300 * time.Millisecond) // a kill may come before the call is carried out, and behind it
			api.ServeHTTP(w, r)
			time.Sleep(300 * time.Millisecond)
		})
	}
	run := func(t *testing.T, seed uint64, kills int, want *comeTo) (got comeTo) {
		s := setup{rules: killRules, users: users, replays: true, front: slow, sim: pushsim.Config{DedupWindow: 7 * 24 * time.Hour}}
		inBubble(t, s, func(t *testing.T, w *world) {
			k := replayKilled{world: w, rand: rand.New(rand.NewPCG(seed, 11)), story: killStory()}
			got = k.run(kills)
			if want == nil {
				return
			}
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("undisturbed and killed (-want +got), again: go test ./internal/bridge -run %s\n%s", t.Name(), diff)
			}
		})
		return got
	}
	want := run(t, 0, 0, nil)
	ended := map[string]int{}
	for _, ends := range want.Ends {
		for _, end := range ends {
			_, end, _ = strings.Cut(end, "\": ")
			ended[strings.Fields(end)[0]]++
		}
	}
	if diff := cmp.Diff(map[string]int{"pushed": 48 + 2*12 + 3, "dead-lettered": 3, "unmatched": 3, "expired": 3}, ended); diff != "" {
		t.Fatalf("undisturbed (-want +got):\n%s", diff)
	}
	for who, n := range maps.All(want.Received) {
		if n != 1 {
			t.Errorf("undisturbed, %s %d times", who, n)
		}
	}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			run(t, seed, 1+int(seed)%6, &want)
		})
	}
}
