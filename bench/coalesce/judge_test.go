package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/intent"
)

// told is an event of a story.
type told struct {
	at   time.Duration
	kind string
	data string
}

// story makes a trace by hand; its events are named e0, e1, ….
func story(t *testing.T, events ...told) *trace {
	t.Helper()
	var raw bytes.Buffer
	for i, e := range events {
		fmt.Fprintf(&raw, `{"specversion":"1.0","id":"e%d","source":"/s","type":%q,"time":%q,"datacontenttype":"application/json","data":%s}`+"\n", i, e.kind, stamp(e.at), e.data)
	}
	tr, err := load(raw.Bytes(), rules(t))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

const storyQuota = 5

// valid is a story with one of everything, and the log of its windows: a merge, a
// digest, a revision, an event in two parts, and a notice for which no call is left.
func valid(t *testing.T) (*trace, pushLog) {
	t.Helper()
	tr := story(t,
		told{1 * time.Second, "stock.back", `{"products":["a"],"text":"back"}`},
		told{2 * time.Second, "stock.back", `{"products":["b"],"text":"back"}`},
		told{3 * time.Second, "stock.back", `{"products":["a","b","c","d","e","f","g","h","i","j","k","l"],"text":"all"}`},
		told{4 * time.Second, "price.drop", `{"product":"a","price":2,"text":"a for 2"}`},
		told{5 * time.Second, "price.drop", `{"product":"a","price":1,"text":"a for 1"}`},
		told{6 * time.Second, "region.alert", `{"alert_id":"x","region":"r","severity":"orange","revision":1,"text":"wind"}`},
		told{7 * time.Second, "region.alert", `{"alert_id":"x","region":"r","severity":"red","revision":2,"text":"storm"}`},
		told{5 * time.Minute, "app.notice", `{"text":"hello"}`},
	)
	log, err := drive(tr, windows{long: time.Minute}, playOptions{quota: storyQuota, seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(log) != 7 {
		t.Fatalf("%d lines, want 5 calls, a superseded and an expired event", len(log))
	}
	return tr, log
}

// about finds the line that covers the event, or ends it.
func about(log pushLog, id string) *line {
	for i := range log {
		if log[i].Event == "/s#"+id || slices.ContainsFunc(log[i].Covers, func(c cover) bool { return c.Event == "/s#"+id }) {
			return &log[i]
		}
	}
	panic("no line about " + id)
}

func TestJudgeFindsWhatIsBroken(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	tr, log := valid(t)
	if _, err := score(tr, log, storyQuota); err != nil {
		t.Fatalf("the valid log: %v", err)
	}
	tags := func(s string) json.RawMessage { return json.RawMessage(`{"TagsOr":[` + s + `]}`) }
	for name, tt := range map[string]struct {
		breakIt func(pushLog) pushLog
		quota   int // 0: the story's
		want    string
	}{
		"a user too many": {want: "reaches users who were not to be reached", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = tags(`"wish:a","wish:b","wish:c"`)
			return l
		}},
		"a user too few": {want: "does not reach all", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = tags(`"wish:a"`)
			return l
		}},
		"everyone": {want: "reaches users who were not", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = nil
			return l
		}},
		"one kind for another": {want: "does not reach all", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = json.RawMessage(`{"TagsAnd":["wish:a","wish:b"]}`)
			return l
		}},
		"a tag twice": {want: "twice", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = tags(`"wish:a","wish:b","wish:a"`)
			return l
		}},
		"eleven tags": {want: "11 members", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = tags(`"1","2","3","4","5","6","7","8","9","10","11"`)
			return l
		}},
		"two kinds": {want: "2 kinds", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = json.RawMessage(`{"TagsOr":["wish:a","wish:b"],"TagsAnd":["wish:a"]}`)
			return l
		}},
		"no known kind": {want: "unknown field", breakIt: func(l pushLog) pushLog {
			about(l, "e0").Condition = json.RawMessage(`{"Tags":["wish:a"]}`)
			return l
		}},
		"a message nobody asked for": {want: "what nothing it covers asked for", breakIt: func(l pushLog) pushLog {
			about(l, "e0").MsgBody = append(about(l, "e0").MsgBody, about(l, "e6").MsgBody...)
			return l
		}},
		"a message left out": {want: "its body lacks", breakIt: func(l pushLog) pushLog {
			about(l, "e3").MsgBody = about(l, "e3").MsgBody[:1]
			return l
		}},
		"messages that are no digest": {want: "is not to be among these 2 messages", breakIt: func(l pushLog) pushLog {
			one, other := about(l, "e0"), about(l, "e6")
			one.Covers, one.MsgBody = append(one.Covers, other.Covers...), append(one.MsgBody, other.MsgBody...)
			return l
		}},
		"covers nothing": {want: "covers nothing", breakIt: func(l pushLog) pushLog {
			about(l, "e6").Covers = nil
			return l
		}},
		"covers what is no event": {want: "which is no event", breakIt: func(l pushLog) pushLog {
			about(l, "e6").Covers[0].Event = "/s#e99"
			return l
		}},
		"pushed twice": {want: "e6: ended 2 times", breakIt: func(l pushLog) pushLog {
			again := *about(l, "e6")
			again.SentAt, again.ResponseAt = again.SentAt.Add(48*time.Hour), again.ResponseAt.Add(48*time.Hour)
			return append(l, again)
		}},
		"a part pushed twice": {want: "was pushed before", breakIt: func(l pushLog) pushLog {
			for i := range l {
				if l[i].Covers != nil && l[i].Covers[0].Event == "/s#e2" && &l[i] != about(l, "e2") {
					l[i].Covers[0].Part, l[i].Condition = about(l, "e2").Covers[0].Part, about(l, "e2").Condition
				}
			}
			return l
		}},
		"a part of others": {want: "reaches users that it did not ask for", breakIt: func(l pushLog) pushLog {
			about(l, "e2").Covers[0].Part = tags(`"wish:z"`)
			return l
		}},
		"pushed and superseded": {want: "e6: ended 2 times", breakIt: func(l pushLog) pushLog {
			return append(l, line{Kind: kindDisposition, Event: "/s#e6", Disposition: "superseded", By: "/s#e5", At: l[0].SentAt})
		}},
		"no end": {want: "e7: has no end", breakIt: func(l pushLog) pushLog {
			return slices.DeleteFunc(l, func(x line) bool { return x.Event == "/s#e7" })
		}},
		"expired too soon": {want: "e7: expired at", breakIt: func(l pushLog) pushLog {
			about(l, "e7").At = about(l, "e7").At.Add(-time.Minute)
			return l
		}},
		"pushed after its end": {want: "which lives from", breakIt: func(l pushLog) pushLog {
			about(l, "e6").SentAt = about(l, "e6").SentAt.Add(time.Hour)
			about(l, "e6").ResponseAt = about(l, "e6").ResponseAt.Add(time.Hour)
			return l
		}},
		"pushed before it came": {want: "which lives from", breakIt: func(l pushLog) pushLog {
			about(l, "e0").SentAt = about(l, "e0").SentAt.Add(-time.Minute)
			return l
		}},
		"superseded by another's": {want: "no revision of it", breakIt: func(l pushLog) pushLog {
			about(l, "e5").By = "/s#e0"
			return l
		}},
		"superseded by none": {want: "which is no event", breakIt: func(l pushLog) pushLog {
			about(l, "e5").By = ""
			return l
		}},
		"superseded by what came later": {want: "which is not newer", breakIt: func(l pushLog) pushLog {
			about(l, "e5").At = about(l, "e5").At.Add(-2 * time.Second)
			return l
		}},
		"superseded by an older one": {want: "which is not newer", breakIt: func(l pushLog) pushLog {
			end, call := about(l, "e5"), about(l, "e6")
			end.Event, end.By, call.Covers[0].Event = "/s#e6", "/s#e5", "/s#e5"
			return l
		}},
		"too soon after a response": {want: "not more than 1s after", breakIt: func(l pushLog) pushLog {
			about(l, "e3").SentAt = about(l, "e3").SentAt.Add(-tick)
			return l
		}},
		"one call too many": {want: "the 4 before it are within 24 hours", quota: storyQuota - 1, breakIt: func(l pushLog) pushLog { return l }},
		"answered before it was sent": {want: "answered before", breakIt: func(l pushLog) pushLog {
			about(l, "e6").ResponseAt = about(l, "e6").SentAt.Add(-tick)
			return l
		}},
		"a call that failed": {want: "e6: has no end", breakIt: func(l pushLog) pushLog {
			about(l, "e6").Outcome = "failed"
			return l
		}},
		"an unknown outcome": {want: `outcome "maybe" is unknown`, breakIt: func(l pushLog) pushLog {
			about(l, "e6").Outcome = "maybe"
			return l
		}},
		"an unknown line": {want: "kind", breakIt: func(l pushLog) pushLog { return append(l, line{Kind: "note"}) }},
		"an unknown end":  {want: `disposition "lost"`, breakIt: func(l pushLog) pushLog { about(l, "e7").Disposition = "lost"; return l }},
		"an end of nothing": {want: "e99 is no event", breakIt: func(l pushLog) pushLog {
			return append(l, line{Kind: kindDisposition, Event: "/s#e99", Disposition: "expired"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, log := valid(t)
			quota := storyQuota
			if tt.quota > 0 {
				quota = tt.quota
			}
			if _, err := score(tr, tt.breakIt(log), quota); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("score: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDigestHoldsNoMoreThanItsRuleAllows(t *testing.T) {
	t.Attr("guards", "the judge of the benchmark")
	t.Parallel()
	var events []told
	for i := range 9 {
		events = append(events, told{time.Duration(1+i) * time.Second, "price.drop", fmt.Sprintf(`{"product":"a","price":%d,"text":"a for %d"}`, i, i)})
	}
	tr := story(t, events...)
	log, err := drive(tr, windows{long: time.Minute}, playOptions{quota: 2, seed: 1})
	if err != nil || len(log) != 2 {
		t.Fatalf("%d calls, %v; want 8 messages and 1", len(log), err)
	}
	log[0].Covers, log[0].MsgBody = append(log[0].Covers, log[1].Covers...), append(log[0].MsgBody, log[1].MsgBody...)
	if _, err := score(tr, log[:1], 2); err == nil || !strings.Contains(err.Error(), "among these 9 messages") {
		t.Errorf("score: %v, want a digest that is too large", err)
	}
}

// What the valid story costs, by hand: the alert's revision has the older one's
// age, the notice is lost.
func TestScore(t *testing.T) {
	t.Attr("guards", "the judge of the benchmark")
	t.Parallel()
	tr, log := valid(t)
	f, err := score(tr, log, storyQuota)
	if err != nil {
		t.Fatal(err)
	}
	sent := func(id string) float64 {
		at := time.Duration(0)
		for _, l := range log {
			for _, c := range l.Covers {
				if c.Event == "/s#"+id {
					at = l.SentAt.Sub(tr.start)
				}
			}
		}
		return at.Seconds()
	}
	want := 10 + 0.01*5 + // the notice, the calls
		0.1*((sent("e0")-1)+(sent("e1")-2)+(sent("e2")-3))/3600 +
		0.1*0.2*((sent("e3")-4)+(sent("e4")-5))/14400 +
		0.1*10*(sent("e6")-6)/600 + 0.1*100*(sent("e6")-7)/60
	if math.Abs(f.cost-want) > 1e-9 {
		t.Errorf("cost %g, want %g", f.cost, want)
	}
	weights := 3*1 + 2*0.2 + 10 + 100 + 10
	if math.Abs(f.scores-100*want/weights) > 1e-9 {
		t.Errorf("score %g, want %g", f.scores, 100*want/weights)
	}
	if f.critical != 1 || f.missed != 0 || f.expired != 1 || f.calls != 5 {
		t.Errorf("%d critical, %d missed, %d expired, %d calls; want 1, 0, 1, 5", f.critical, f.missed, f.expired, f.calls)
	}
	if n := len(f.delays[intent.High]); n != 1 {
		t.Errorf("%d delays of high events, want that of the older revision alone", n)
	}
}

func TestLoss(t *testing.T) {
	t.Attr("guards", "the judge of the benchmark")
	t.Parallel()
	a := ask{arrived: 100 * time.Second, due: 200 * time.Second, dies: 400 * time.Second, weight: 10}
	for at, want := range map[time.Duration]float64{
		50 * time.Second: 0, 100 * time.Second: 0, 150 * time.Second: 0.5, 200 * time.Second: 1,
		200*time.Second + 1: 3, 300 * time.Second: 6.5, 400 * time.Second: 10, time.Hour: 10,
	} {
		if got := a.loss(at); math.Abs(got-want) > 1e-6 {
			t.Errorf("loss at %v: %g, want %g", at, got, want)
		}
	}
}

func TestDelay(t *testing.T) {
	t.Attr("guards", "the judge of the benchmark")
	t.Parallel()
	var f figures
	if _, _, ok := f.delay(intent.Low); ok {
		t.Error("a delay of nothing")
	}
	for i := range 200 {
		f.delays[intent.Low] = append(f.delays[intent.Low], time.Duration(200-i)*time.Second)
	}
	mean, p99, _ := f.delay(intent.Low)
	if mean != 100500*time.Millisecond || p99 != 198*time.Second {
		t.Errorf("mean %v and p99 %v, want 100.5 s and 198 s", mean, p99)
	}
}
