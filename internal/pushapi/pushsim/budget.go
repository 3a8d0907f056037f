package pushsim

import "time"

// QuotaWindow says how long a counted call uses up quota.
type QuotaWindow uint8

// The page says only "a day". A rolling window is the stricter reading at every
// instant but midnight; a calendar day starts at midnight of Config.Zone.
const (
	Rolling QuotaWindow = iota + 1
	Calendar
)

// Counting says which calls use up quota; the page does not. A call that is
// refused by the interval (90024) or the quota (90047) itself never does.
type Counting uint8

// What uses up quota, from the most generous reading to the hardest.
const (
	CountAccepted Counting = iota + 1 // calls that became a task
	CountValid                        // every call without a mistake: repeats and injected failures too
	CountAll                          // every call with a good signature
)

// day is the rolling window's length.
const day = 24 * time.Hour

// budget is one app's interval and quota. Spans are measured on true time,
// which no skew moves; the calendar is read from the skewed clock.
type budget struct {
	interval time.Duration // not positive: none
	quota    int           // calls in a window; negative: no limit
	window   QuotaWindow
	zone     *time.Location

	last    time.Time // when the latest task was accepted
	counted []counted // oldest first
}

type counted struct{ now, clock time.Time }

// judge says whether a push may become a task: exactly the interval after the
// last one is still too soon.
func (b *budget) judge(now, clock time.Time) refusal {
	if b.interval > 0 && !b.last.IsZero() && now.Sub(b.last) <= b.interval {
		return refuse(codeTooSoon, "less than the interval since the last push")
	}
	if b.quota >= 0 && b.used(now, clock) >= b.quota {
		return refuse(codeQuotaSpent, "the daily quota is spent")
	}
	return refusal{}
}

// used forgets what has left the window and returns how many calls are in it.
// A call exactly 24 hours old is still in it, as exactly one second is not
// more than one second.
func (b *budget) used(now, clock time.Time) int {
	gone := 0
	for gone < len(b.counted) && !b.holds(b.counted[gone], now, clock) {
		gone++
	}
	b.counted = b.counted[gone:]
	return len(b.counted)
}

func (b *budget) holds(c counted, now, clock time.Time) bool {
	switch b.window {
	case Rolling:
		return now.Sub(c.now) <= day
	case Calendar:
		y1, m1, d1 := c.clock.In(b.zone).Date()
		y2, m2, d2 := clock.In(b.zone).Date()
		return y1 == y2 && m1 == m2 && d1 == d2
	}
	panic("pushsim: unknown quota window")
}

// spend uses up one call of the quota.
func (b *budget) spend(now, clock time.Time) {
	b.counted = append(b.counted, counted{now, clock})
}
