package bridge

import (
	"fmt"
	"slices"
)

// knownGaps are gaps that docs/design.md and docs/journal.md list as not promised.
// A failure that one of them explains is counted and printed, and does not fail
// the soak; an entry goes when its gap is closed.
var knownGaps = map[string]string{
	"topic anew": "what had not ended of a topic that was made anew is lost without a word where no new record tells that it was",
}

// failure is a promise that a run broke.
type failure struct {
	promise, gap, text string
}

// fail notes a broken promise, and which known gap explains it; empty: none.
func (s *soak) fail(promise, gap, format string, args ...any) {
	s.failures = append(s.failures, failure{promise, gap, fmt.Sprintf(format, args...)})
}

// ifAnew is the gap of a topic that was made anew, where nothing can tell what
// became of the record: the new one has stayed empty, nothing of the old one was
// read, or both had at this offset what is no event.
func (s *soak) ifAnew(o *outside, r *soakRecord) string {
	newer, twin, read := false, false, false
	for _, x := range s.records {
		switch {
		case x.partition != r.partition:
		case x.life == r.life:
			read = read || x.event != nil && slices.ContainsFunc(o.events, func(e told) bool {
				return e.Data.EventID == x.event.id && e.Data.Partition == x.partition && e.Data.Offset == x.offset
			})
		default:
			newer = newer || x.life > r.life
			twin = twin || x.offset == r.offset && x.event == nil && r.event == nil
		}
	}
	if twin || r.life < s.life && (!newer || !read) {
		return "topic anew"
	}
	return ""
}
