package limiter

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// Who has paid for a call first is found at any price, whatever has joined or left since: a
// batch may stand in a grade that is too high, and is not called for that. So it is after
// months, when many begin to lose at what is one instant for a rank.
func TestTheFirstToPayIsFound(t *testing.T) {
	t.Attr("guards", "the price")
	t.Parallel()
	for name, tt := range map[string]struct {
		up               time.Duration // before the first event
		gap              time.Duration // between events at most
		messages, delays int
	}{
		"minutes apart": {gap: 2 * time.Minute, messages: 6, delays: 90},
		"at once":       {up: 300 * 24 * time.Hour, gap: 200 * time.Millisecond, messages: 40, delays: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ahead := false
			rapid.Check(t, func(rt *rapid.T) {
				s := newScheduler()
				s.Idle(start)
				now := start.Add(tt.up)
				for n := range rapid.IntRange(1, 150).Draw(rt, "intents") {
					now = now.Add(time.Duration(rapid.IntRange(0, int(tt.gap)).Draw(rt, "time passes")))
					in := newIntent(t, n, must(audience.OfAnyTag("t")), message(t, fmt.Sprint(rapid.IntRange(0, tt.messages).Draw(rt, "message"))))
					in.Origin.Received, in.Origin.Time = now, now
					in.Policy.MaxDelay = time.Duration(rapid.IntRange(1, tt.delays).Draw(rt, "max delay")) * time.Minute
					in.Policy.Expires = now.Add(2 * in.Policy.MaxDelay)
					in.Policy.Priority = rapid.SampledFrom([]intent.Priority{intent.Low, intent.Normal, intent.High}).Draw(rt, "priority")
					s.Add(now, in)
					ahead = ahead || slices.ContainsFunc(waitingIn(s, s.purses[0]), func(p *pending) bool { return p.grade == gradeOf(p.slope())+gradesAhead })
					s.Idle(now)
					loss := rapid.Float64Range(0.001, 20).Draw(rt, "loss")
					for _, u := range s.purses {
						want := never
						for _, p := range waitingIn(s, u) {
							want = min(want, p.paid(loss, 0))
						}
						if p, at := u.grades.next(loss, 0); p != nil && at != want || p == nil && want != never {
							rt.Fatalf("%+v is first at %v, want %v", p, at, want)
						}
						if err := s.checkPlaces(); err != nil {
							rt.Fatal(err)
						}
					}
				}
			})
			if !ahead {
				t.Error("no batch ever stood in a grade too high")
			}
		})
	}
}

// waitingIn lists the batches of a purse that wait until they have paid.
func waitingIn(s *Scheduler, u *purse) []*pending {
	var found []*pending
	s.everyBatch(func(p *pending) {
		if p.state == waiting && s.purses[p.purse] == u {
			found = append(found, p)
		}
	})
	return found
}
