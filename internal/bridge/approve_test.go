package bridge

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
)

const readRules = `
version: 1
rules:
  - name: promo
    match: {type: promo}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    approve: {by: 1, within: 30m}
    delivery: {max_delay: 10s, expire_after: 6h}
  - name: twice
    match: {type: grave}
    audience: {tags_any: "${data.tags}"}
    message: [{text: "${data.text}"}]
    online_only: true
    approve: {by: 2, within: 30m}
    delivery: {max_delay: 10s, expire_after: 6h}
`

// plainAlert is a rule that asks nobody.
const plainAlert = `
  - name: alert
    match: {type: alert}
    audience: {attrs_any: {city: "${data.city}"}}
    message: [{text: "${data.text}"}]
    online_only: true
    delivery: {priority: critical, max_delay: 4s, expire_after: 6h}
`

// waits returns what waits for approval, by text.
func (i *instance) waits() map[string]Unread {
	i.w.t.Helper()
	list, total, err := i.bridge.Unread(context.Background())
	if err != nil || total != len(list) {
		i.w.t.Fatalf("list: %d of %d, %v", len(list), total, err)
	}
	got := map[string]Unread{}
	for _, x := range list {
		got[x.Message.Text()] = x
	}
	return got
}

// grant approves of a text that waits.
func (i *instance) grant(text, author string) Granted {
	i.w.t.Helper()
	x, ok := i.waits()[text]
	if !ok {
		i.w.t.Fatalf("%q does not wait for approval", text)
	}
	done, err := i.bridge.Approve(context.Background(), x.ID, author, "read it")
	if err != nil {
		i.w.t.Fatalf("approve %q by %s: %v", text, author, err)
	}
	return done
}

func (w *world) wantReason(event, want string) {
	w.t.Helper()
	events, _ := w.results()
	for _, e := range events {
		if e.Data.EventID == event {
			if e.Data.Reason != want {
				w.t.Errorf("reason of %s: %q, want %q", event, e.Data.Reason, want)
			}
			return
		}
	}
	w.t.Errorf("%s has no disposition", event)
}

func TestApprovedIsPushedAndTheRestExpires(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: readRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("good", "gold"), promo("good", "silver"), promo("bad", "silver"))
		sleep(10 * time.Minute)
		w.wantDispositions(map[string]string{})
		if x := i.waits()["good"]; x.Events != 2 || x.By != 1 || cmp.Diff([]string{"tags_any[gold]", "tags_any[silver]"}, x.Audience) != "" {
			t.Errorf("what waits: %+v", x)
		}
		if s := i.status(); len(s.Pending.Waiting) != 2 || s.Pending.Waiting[0].For != "approval by 1 until "+i.waits()["bad"].Until.Format(time.RFC3339) {
			t.Errorf("status: %+v", s.Pending.Waiting)
		}
		if got := i.grant("good", "ann"); got != (Granted{Released: 2}) {
			t.Errorf("granted: %+v", got)
		}
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed"})
		w.wantClasses("ok")

		// The same text within the time needs nobody; later it does.
		w.emit(promo("good", "beta"))
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e4": "pushed"})
		sleep(20 * time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "expired", "e4": "pushed"})
		w.wantReason("e3", "not approved by 1 within 30m0s")
		sleep(time.Hour)
		w.emit(promo("good", "gold"))
		sleep(31 * time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "pushed", "e3": "expired", "e4": "pushed", "e5": "expired"})
		w.wantReceived(map[string]int{"ann": 2, "bob": 1, "eve": 1})
		w.wantCommitted()
	})
}

func TestTwoMustApprove(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: readRules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(happening{Type: "grave", Data: map[string]any{"text": "one", "tags": []string{"gold"}}},
			happening{Type: "grave", Data: map[string]any{"text": "two", "tags": []string{"gold"}}})
		sleep(time.Minute)
		if got := i.grant("one", "ann"); got != (Granted{Missing: 1}) {
			t.Errorf("first: %+v", got)
		}
		id := i.waits()["one"].ID
		if _, err := i.bridge.Approve(t.Context(), id, "ann", "again"); !errors.Is(err, ErrTwice) {
			t.Errorf("the same once more: %v", err)
		}
		i.grant("two", "bob")
		if got := i.grant("one", "bob"); got != (Granted{Released: 1}) {
			t.Errorf("second: %+v", got)
		}
		if _, err := i.bridge.Approve(t.Context(), id, "eve", "late"); !errors.Is(err, ErrNotWaiting) {
			t.Errorf("what waits no longer: %v", err)
		}
		sleep(time.Hour)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "expired"})
		w.wantReason("e2", "not approved by 2 within 30m0s, only by bob")
	})
}

// An approval outlives who took it: the next writer needs no other, also where it
// comes when the time for approval is over.
func TestApprovalSurvivesARestart(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	inBubble(t, setup{rules: readRules, users: people}, func(t *testing.T, w *world) {
		w.refuseAPI()
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("good", "gold"), promo("bad", "silver"), happening{Type: "grave", Data: map[string]any{"text": "half", "tags": []string{"gold"}}})
		sleep(time.Minute)
		i.grant("good", "ann")
		i.grant("half", "ann")
		i.leave()
		i = w.start()
		sleep(time.Minute)
		if got := i.waits(); len(got) != 2 || len(got["half"].Given) != 1 || got["half"].Given[0].Author != "ann" {
			t.Errorf("what waits after a restart: %+v", got)
		}
		if got := i.grant("half", "bob"); got.Released != 1 {
			t.Errorf("second approval after a restart: %+v", got)
		}
		i.leave()
		if _, err := i.bridge.Approve(t.Context(), "", "ann", ""); !errors.Is(err, ErrNotWriter) {
			t.Errorf("approval by who is no writer: %v", err)
		}
		w.serveAPI()
		time.Sleep(2 * time.Hour)
		w.start()
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "expired", "e3": "pushed"})
		w.wantReason("e2", "not approved by 1 within 30m0s")
		w.wantReceived(map[string]int{"ann": 2})
		w.wantCommitted()
	})
}

// wantApprovedBy compares who is told to have approved, of events by id and of pushes by
// their class, told again or not.
func (w *world) wantApprovedBy(want map[string][]string) {
	w.t.Helper()
	got := map[string][]string{}
	events, pushes := w.results()
	for _, e := range events {
		got[e.Data.EventID] = e.Data.ApprovedBy
	}
	for n, p := range pushes {
		got[fmt.Sprintf("push %d", n+1)] = p.Data.ApprovedBy
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("approved by (-want +got):\n%s", diff)
	}
}

func TestResultsSayWhoApproved(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	rules := readRules + plainAlert
	inBubble(t, setup{rules: rules, users: people}, func(t *testing.T, w *world) {
		i := w.start()
		sleep(5 * time.Second)
		w.emit(promo("good", "gold"), promo("bad", "silver"), happening{Type: "grave", Data: map[string]any{"text": "one", "tags": []string{"gold"}}})
		sleep(time.Minute)
		i.grant("good", "ann")
		i.grant("one", "bob")
		sleep(time.Minute)
		i.grant("one", "ann")
		sleep(time.Minute)
		w.emit(alert("storm", "paris"))
		sleep(time.Hour)
		w.wantDispositions(map[string]string{"e1": "pushed", "e2": "expired", "e3": "pushed", "e4": "pushed"})
		w.wantApprovedBy(map[string][]string{"e1": {"ann"}, "e2": nil, "e3": {"bob", "ann"}, "e4": nil, "push 1": {"ann"}, "push 2": {"bob", "ann"}, "push 3": nil})
	})
}

// What a crash left untold is told with the people too: of the event by the approvals
// that the journal has, of the call by those that stand beside its attempt.
func TestWhoApprovedIsToldAfterACrash(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	inBubble(t, setup{rules: readRules, users: people}, func(t *testing.T, w *world) {
		i := w.start(func(o *options) { o.limits.StopWithin = 5 * time.Second })
		sleep(5 * time.Second)
		w.emit(promo("good", "gold"))
		sleep(time.Minute)
		dead := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: resultsTopic, Err: kerr.NotEnoughReplicas, Count: -1})
		i.grant("good", "ann")
		sleep(time.Minute)
		w.wantDispositions(map[string]string{})
		w.crash(i)
		dead.Remove()
		w.start()
		sleep(time.Minute)
		w.wantDispositions(map[string]string{"e1": "pushed"})
		w.wantApprovedBy(map[string][]string{"e1": {"ann"}, "push 1": {"ann"}})
		w.wantReceived(map[string]int{"ann": 1})
	})
}

// Who approves is counted once, and only near the event's arrival.
func TestWhoseApprovalCovers(t *testing.T) {
	t.Attr("guards", "nothing is pushed that nobody has read where somebody must")
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	message, err := intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: "rain"}}})
	if err != nil {
		t.Fatal(err)
	}
	in := intent.Intent{Rule: "news", Message: message, Origin: intent.Origin{Received: at}, Policy: intent.Policy{Approve: &intent.Approval{By: 2, Within: 30 * time.Minute}}}
	state := &journal.State{}
	for _, a := range []struct {
		author string
		after  time.Duration
	}{{"late", 31 * time.Minute}, {"early", -31 * time.Minute}, {"ann", -30 * time.Minute}, {"ann", 0}, {"bob", 30 * time.Minute}} {
		state.Approvals = append(state.Approvals, journal.Approval{ID: in.ApprovalID(), Rule: in.Rule, Author: a.author, At: at.Add(a.after)})
	}
	all := newUnread(state)
	if diff := cmp.Diff([]string{"ann", "bob"}, all.authors(&in)); diff != "" || !all.covers(&in) {
		t.Errorf("approved by (-want +got):\n%s", diff)
	}
	state.Approvals = state.Approvals[:4]
	if u := newUnread(state); u.covers(&in) {
		t.Errorf("two approvals of one person cover: %v", u.authors(&in))
	}
}
