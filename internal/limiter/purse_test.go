package limiter

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// Who has paid for a call first is found at any price, whatever has
// joined or left since: a batch may stand in a grade that is too high, and is not called
// for that.
func TestTheFirstToPayIsFound(t *testing.T) {
	t.Attr("guards", "the price")
	t.Parallel()
	ahead := false
	rapid.Check(t, func(rt *rapid.T) {
		s := newScheduler()
		now := start
		for n := range rapid.IntRange(1, 60).Draw(rt, "intents") {
			now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(rt, "seconds")) * time.Second)
			in := newIntent(t, n, must(audience.OfAnyTag("t")), message(t, fmt.Sprint(rapid.IntRange(0, 5).Draw(rt, "message"))))
			in.Origin.Received, in.Origin.Time = now, now
			in.Policy.MaxDelay = time.Duration(rapid.IntRange(1, 90).Draw(rt, "max delay")) * time.Minute
			in.Policy.Expires = now.Add(2 * in.Policy.MaxDelay)
			in.Policy.Priority = rapid.SampledFrom([]intent.Priority{intent.Low, intent.Normal, intent.High}).Draw(rt, "priority")
			s.Add(now, in)
			s.Idle(now)
			loss := rapid.Float64Range(0.001, 20).Draw(rt, "loss")
			for _, u := range s.purses {
				want, n := never, 0
				s.everyBatch(func(p *pending) {
					if p.state == waiting && s.purses[p.purse] == u {
						n++
						want = min(want, p.paid(loss, 0))
						ahead = ahead || p.grade > gradeOf(p.slope())
					}
				})
				if p, at := u.grades.next(loss, 0); (p == nil) != (n == 0) || p != nil && (at != want || p.paid(loss, 0) != want) {
					rt.Fatalf("of %d batches %+v is first at %v, want %v", n, p, at, want)
				}
			}
		}
	})
	if !ahead {
		t.Error("no batch ever stood in a grade too high")
	}
}
