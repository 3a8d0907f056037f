package limiter

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// What is withdrawn ends, and what it shared a call with goes on without it; what is
// in flight ends with its call.
func TestWithdraw(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	s := New(Config{Budget: NewBudgetOf(intent.Terms{Calls: 1000, Interval: time.Second}), Settle: time.Second, Memory: NewMemory(time.Hour, 100)})
	gate := &intent.Gate{Pool: intent.ReplayPool}
	now := start
	add := func(id int64, replay, text, tag string) {
		tags := must(audience.OfAnyTag(tag))
		s.Add(now, intent.Intent{
			Rule: "r", Message: must(intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: text}}})), Audiences: []audience.Audience{tags},
			Origin: intent.Origin{
				Position: offset.Position{Partition: offset.Partition{Topic: "replays"}, Offset: id}, Source: "/s", ID: fmt.Sprint(id),
				Received: now, Time: now, ReplayID: replay, ReplayOf: fmt.Sprintf("in/0@%d", id),
			},
			Policy: intent.Policy{Priority: intent.High, MaxDelay: time.Minute, Expires: now.Add(time.Hour), OnDoubt: intent.Drop, Mode: intent.Merge, Gate: gate},
		})
	}
	add(1, "r1", "gone", "a")
	var flying *Batch
	for flying == nil {
		d := s.Next(now)
		if flying = d.Batch; flying == nil {
			now = d.WakeAt
		}
	}
	add(2, "r1", "shared", "a")
	add(3, "r2", "shared", "b")
	add(4, "r1", "alone", "c")
	ended := s.Withdraw(now, intent.ReplayPool, func(o *intent.Origin) bool { return o.ReplayID == "r1" })
	var got []int64
	for _, e := range ended {
		if e.Kind != EndExpired || e.Intent.Origin.ReplayID != "r1" || e.Intent.Origin.ReplayOf != fmt.Sprintf("in/0@%d", e.Intent.Origin.Position.Offset) {
			t.Errorf("ended %+v, want expired, of r1 and with its original", e)
		}
		got = append(got, e.Intent.Origin.Position.Offset)
	}
	if !slices.Equal(got, []int64{2, 4}) {
		t.Errorf("withdrawn %v, want 2 and 4", got)
	}
	if ended := s.Done(now, flying, Verdict{Result: Pushed, End: now, Counted: true}); len(ended) != 1 || ended[0].Kind != EndPushed {
		t.Errorf("the call in flight ended %+v, want pushed", ended)
	}
	if n := s.Total(); n != 1 {
		t.Errorf("%d intents wait, want that of r2", n)
	}
	for {
		d := s.Next(now)
		if d.Batch != nil {
			if d.Batch.Audience != must(audience.OfAnyTag("b")) {
				t.Errorf("the call goes to %v, want b alone", d.Batch.Audience)
			}
			return
		}
		now = d.WakeAt
	}
}
