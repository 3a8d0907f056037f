package bridge

import (
	"fmt"
	"time"

	"pushbridge/internal/journal"
	"pushbridge/internal/pushapi"
)

// Freed is when the API gave calls of its quota back, which nothing documents:
// after one instant and no later than another. The zero Freed: not seen yet.
type Freed struct {
	After time.Time // when the last call began that was refused with 90047
	By    time.Time // when the first call was answered that was not
}

// hours names the hours of the day in UTC that the boundary can lie in.
func (f Freed) hours() string {
	first, last := f.After.UTC().Truncate(time.Hour), f.By.UTC().Truncate(time.Hour)
	if first.Equal(last) {
		return fmt.Sprintf("%02d", first.Hour())
	}
	return fmt.Sprintf("%02d to %02d", first.Hour(), last.Hour())
}

// boundary watches for the end of a spell of 90047.
type boundary struct {
	refused time.Time // start of the last call refused so, if none was taken since
	freed   Freed
}

// recall takes in a call of an earlier life; they come oldest first.
func (b *boundary) recall(c journal.Call) {
	switch c.Class {
	case pushapi.ClassQuota.String():
		b.refused = c.Start
	case journal.ClassOK:
		if !b.refused.IsZero() && c.End.After(b.refused) {
			b.freed, b.refused = Freed{After: b.refused, By: c.End}, time.Time{}
		}
	}
}

// judge takes in a call, and says whether it ended a spell.
func (b *boundary) judge(o pushapi.Outcome) bool {
	switch o.Class {
	case pushapi.ClassQuota:
		b.refused = o.Started
	case pushapi.ClassOK:
		if b.refused.IsZero() {
			return false
		}
		b.freed, b.refused = Freed{After: b.refused, By: o.Ended}, time.Time{}
		return true
	case pushapi.ClassRetry, pushapi.ClassWait, pushapi.ClassResign, pushapi.ClassReject, pushapi.ClassConfig, pushapi.ClassDoubt:
	}
	return false
}
