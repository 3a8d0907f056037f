package bridge

import (
	"fmt"
	"math"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// knownGaps are the gaps that docs/design.md lists under "What is not promised yet".
// A failure that one of them explains is counted and printed, and does not fail
// the soak; an entry goes when its gap is closed.
var knownGaps = map[string]string{
	"untold":          "a session that ends between the journal and the results, by a crash or because results are unwritable, leaves result events untold",
	"forgotten":       "the memory that tells duplicates is lost with the writer: a repeat is pushed again",
	"topic anew":      "a topic that is deleted and made anew gives old offsets to new records",
	"other number":    "a resend after a crash that others joined, or that lost some, is another call with another MsgRandom",
	"doubt forgotten": "an attempt without an outcome is taken for never made as soon as a later one stands beside the offsets: the call does not count, and what it carried under drop is pushed again",
	"refused part":    "an event of several calls, of which the API refused one, ends as rejected by the last of them, with its code",
	"part in doubt":   "an event of several calls, of which one is in doubt since before a restart, ends as pushed without a word of doubt",
	"clock ahead":     "the journal's stamps are wall clocks: one that is set forward makes calls look older than they are",
}

// failure is a promise that a run broke.
type failure struct {
	promise, gap, text string
}

// fail notes a broken promise, and which known gap explains it; empty: none.
func (s *soak) fail(promise, gap, format string, args ...any) {
	s.failures = append(s.failures, failure{promise, gap, fmt.Sprintf(format, args...)})
}

// ifUntold is the gap of an end between the journal and the results, where one
// came soon after: results can be unwritable for 20 minutes.
func (s *soak) ifUntold(written time.Time) string {
	for _, x := range s.starts {
		if x.end && x.at.After(written.Add(-time.Second)) && x.at.Before(written.Add(25*time.Minute)) {
			return "untold"
		}
	}
	return ""
}

// clockStep is a slot's clock being set.
type clockStep struct {
	at    time.Time
	slot  int
	ahead time.Duration
}

func (s *soak) setClock(slot *soakSlot, ahead time.Duration) {
	slot.ahead.Store(int64(ahead))
	s.clocks = append(s.clocks, clockStep{time.Now(), slot.n, ahead})
}

// ifAhead is the gap of the clocks, where one of them came to be so much further
// ahead, until the later call, than that of the earlier call's maker was.
func (s *soak) ifAhead(first, last pushsim.Call, by time.Duration) string {
	then := time.Duration(0)
	now := map[int]time.Duration{}
	most := time.Duration(math.MinInt64)
	for n := range s.slots {
		now[n] = 0
	}
	for _, x := range s.clocks {
		if x.at.After(last.Received) {
			break
		}
		if x.at.Before(first.Received) {
			now[x.slot] = x.ahead
			if x.slot == s.slotOf[first.Identifier] {
				then = x.ahead
			}
			continue
		}
		most = max(most, x.ahead)
	}
	for _, ahead := range now {
		most = max(most, ahead)
	}
	if most-then >= by {
		return "clock ahead"
	}
	return ""
}

// ifAnew is the gap of a topic that was made anew, where it was.
func (s *soak) ifAnew() string {
	if s.life > 0 {
		return "topic anew"
	}
	return ""
}
