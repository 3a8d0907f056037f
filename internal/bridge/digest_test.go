package bridge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/pushapi/pushsim"
)

const digestRules = `
version: 1
rules:
  - name: article
    match: {type: article}
    audience: {tags_any: [gold]}
    message: [{text: "${data.text}"}]
    online_only: true
    coalesce: {mode: digest, max_messages: 3}
    delivery: {max_delay: 20s, expire_after: 6h}
  - name: video
    match: {type: video}
    audience: {tags_any: [gold]}
    message: [{text: "${data.text}"}]
    online_only: true
    coalesce: {mode: digest, max_messages: 3}
    delivery: {max_delay: 20s, expire_after: 6h}
`

func saysType(typ, text string) happening {
	return happening{Type: typ, Data: map[string]any{"text": text}}
}

// textsOf are the elements of a call's MsgBody.
func textsOf(t *testing.T, c pushsim.Call) []string {
	t.Helper()
	var body []struct{ MsgContent struct{ Text string } }
	if err := json.Unmarshal(c.Messages, &body); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range body {
		texts = append(texts, e.MsgContent.Text)
	}
	return texts
}

// Several messages of several rules go in one call, up to the cap, and every
// event and the call itself say so in results, log and journal.
func TestDigestIsOneCallOfSeveralMessages(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: digestRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(saysType("article", "a"), saysType("video", "b"), saysType("article", "a"), saysType("article", "c"))
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "pushed", "e4": "pushed"})
		pushes := w.wantClasses("ok")
		w.wantReceived(map[string]int{"ann": 1})
		calls := w.sim.Calls()
		if len(calls) != 1 || len(pushes) != 1 {
			t.Fatalf("%d calls, %d told", len(calls), len(pushes))
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, slices.Sorted(slices.Values(textsOf(t, calls[0])))); diff != "" {
			t.Errorf("MsgBody (-want +got):\n%s", diff)
		}
		p := pushes[0].Data
		if p.Messages != 3 || p.Events != 4 || !slices.Equal(p.Rules, []string{"article", "video"}) || p.Why == "" || p.Why == "unknown" {
			t.Errorf("the call was told as %+v", p)
		}
		events, _ := w.results()
		for _, e := range events {
			if e.Data.Why != p.Why || e.Data.PushID != p.PushID {
				t.Errorf("event %s was told with why %q and push %q, its call with %q and %q", e.Data.EventID, e.Data.Why, e.Data.PushID, p.Why, p.PushID)
			}
		}
		if log := i.log.String(); !strings.Contains(log, `rules="[article video]"`) || !strings.Contains(log, "messages=3") {
			t.Errorf("the log does not say the rules and messages of the call:\n%s", log)
		}
		w.wantCommitted()
		w.wantBudget(100)
	})
}

// What is beyond the cap goes in the next call, and nothing twice.
func TestDigestGoesOnInTheNextCall(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inBubble(t, setup{rules: digestRules, users: people}, func(t *testing.T, w *world) {
		w.start()
		sleep(5 * time.Second)
		want := map[string]string{}
		for text := range strings.FieldsSeq("a b c d e f g") {
			want[w.emit(saysType("article", text))[0]] = "pushed"
		}
		sleep(time.Minute)
		w.wantDispositions(want)
		var got []string
		for _, c := range w.sim.Calls() {
			texts := textsOf(t, c)
			if len(texts) > 3 {
				t.Errorf("%d messages in one call: %q", len(texts), texts)
			}
			got = append(got, texts...)
		}
		slices.Sort(got)
		if diff := cmp.Diff(strings.Fields("a b c d e f g"), got); diff != "" {
			t.Errorf("messages sent (-want +got):\n%s", diff)
		}
		if n := len(w.sim.Calls()); n != 3 {
			t.Errorf("%d calls, want 3", n)
		}
		w.wantCommitted()
	})
}

// A digest in doubt is the same request when it is made again after a crash.
func TestCrashDuringADigest(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	rules := strings.ReplaceAll(digestRules, "expire_after: 6h}", "expire_after: 6h, on_doubt: resend}")
	sim := pushsim.Config{DedupWindow: 7 * 24 * time.Hour}
	inBubble(t, setup{rules: rules, users: people, sim: sim}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.must(w.sim.Inject(pushsim.Fault{Kind: pushsim.FaultStall, After: true}))
		w.emit(saysType("article", "a"), saysType("video", "b"))
		for len(w.sim.Calls()) == 0 {
			sleep(100 * time.Millisecond)
		}
		w.crash(i)
		w.start()
		sleep(2 * time.Minute)
		calls := w.sim.Calls()
		if len(calls) != 2 || calls[0].MsgRandom != calls[1].MsgRandom || !slices.Equal(textsOf(t, calls[0]), textsOf(t, calls[1])) {
			t.Errorf("calls %+v, want the second to repeat the first", calls)
		}
		if reuses := w.sim.Reuses(); len(reuses) > 0 {
			t.Errorf("numbers reused for other content: %+v", reuses)
		}
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
		w.wantReceived(map[string]int{"ann": 1})
		w.wantCommitted()
	})
}
