package limiter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

func newScheduler() *Scheduler {
	return New(Config{Budget: newBudget(time.Second, 24*time.Hour, 100), Settle: 2 * time.Second, Memory: NewMemory(time.Hour, 1<<21)})
}

func newIntent(t testing.TB, n int, to audience.Audience, text intent.Message) intent.Intent {
	t.Helper()
	return intent.Intent{
		Origin:    intent.Origin{Source: "/s", ID: fmt.Sprint(n), Received: start, Time: start},
		Rule:      "r",
		Audiences: []audience.Audience{to},
		Message:   text,
		Policy: intent.Policy{
			Priority: intent.Normal, MaxDelay: time.Minute, Expires: start.Add(time.Hour), Mode: intent.Merge, OnDoubt: intent.Drop,
		},
	}
}

// Each of these would lose an intent, or spend a call, in silence.
func TestBrokenPromisesOfTheCallerPanic(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	budget := newBudget(1, 1, 1)
	fly := func() (*Scheduler, *Batch) {
		s := newScheduler()
		s.Add(start, newIntent(t, 1, audience.All(), message(t, "hello")))
		return s, s.Next(start.Add(time.Minute)).Batch
	}
	for name, tt := range map[string]struct {
		do   func()
		want string
	}{
		"no budget":       {func() { New(Config{Memory: NewMemory(1, 1)}) }, "limiter: incomplete config"},
		"negative settle": {func() { New(Config{Budget: budget, Settle: -1, Memory: NewMemory(1, 1)}) }, "limiter: incomplete config"},
		"no window":       {func() { NewMemory(0, 1) }, "limiter: a memory needs"},
		"no memory":       {func() { New(Config{Budget: budget}) }, "limiter: incomplete config"},
		"no quota":        {func() { newBudget(1, 1, 0) }, "limiter: a budget needs"},
		"no interval":     {func() { newBudget(0, 1, 1) }, "limiter: a budget needs"},
		"for nobody":      {func() { newScheduler().Add(start, intent.Intent{}) }, "limiter: an intent for nobody"},
		"done unasked":    {func() { newScheduler().Done(start, &Batch{}, Verdict{Result: Pushed}) }, "not in flight"},
		"another batch":   {func() { s, _ := fly(); s.Done(start, &Batch{}, Verdict{Result: Pushed}) }, "not in flight"},
		"done twice": {func() {
			s, b := fly()
			s.Done(start, b, Verdict{Result: Pushed})
			s.Done(start, b, Verdict{Result: Pushed})
		}, "not in flight"},
		"no result":      {func() { s, b := fly(); s.Done(start, b, Verdict{}) }, "unknown result 0"},
		"unknown result": {func() { s, b := fly(); s.Done(start, b, Verdict{Result: Doubt + 1}) }, "unknown result 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, tt.want) {
					t.Errorf("panics with %q, want %q", got, tt.want)
				}
			}()
			tt.do()
		})
	}
}

func TestReasons(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for why, want := range map[Why]string{WhyDeadline: "deadline", WhyCritical: "critical", WhyResend: "resend", 0: "unknown"} {
		if why.String() != want {
			t.Errorf("%d prints %q, want %q", why, why, want)
		}
	}
}
