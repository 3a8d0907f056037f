package journal

import (
	"iter"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/offset"
)

// State is what a reading of the journal restores.
type State struct {
	// Calls holds the calls of all lanes that ended in the last Window, oldest
	// first; see CallsOf.
	Calls []Call

	// Disposed holds the events that have ended, under all their rules.
	Disposed map[offset.Partition]*offset.Set
	// ByRule holds, by rule, the events that have ended under that rule while
	// others of their rules were open.
	ByRule map[string]map[offset.Partition]*offset.Set

	// InDoubt holds the pushes of which it is not known whether the API took them:
	// an attempt has no outcome or ClassDoubt, none has ClassOK, and some event has
	// not ended. Of each it holds the latest attempt; oldest push first.
	InDoubt []Attempt
	// Partial holds the pushes that the API took, or refused for good, while some
	// event they carry has not ended: it waits for its other parts, or the
	// dispositions were lost. What such a push carried must not be pushed again. The
	// latest attempt of each.
	Partial []Completed

	// Seen is the events that were taken in within ReadFrom.Remember.
	Seen *Seen
	// Newest holds, by partition, the latest timestamp among the records that were
	// read before: one with a later one is none of those that the journal speaks of.
	Newest map[offset.Partition]time.Time

	// Approvals holds what people approved of, oldest first.
	Approvals []Approval

	// Unended holds the attempts that nobody has written an outcome of, oldest
	// first, each with the one that it must be given: ClassVoid if it was surely not
	// made, otherwise ClassDoubt.
	Unended []Completed
	// Untold holds what may not be on the results topic, oldest first: how events
	// ended, and how calls did. What is surely there is below Told.
	Untold      []End
	UntoldCalls []Completed
	Told        int64

	Records int   // records read
	Next    int64 // the offset after the last one
}

// Call is a call that was made, or may have been.
type Call struct {
	Lane    string    // that made it
	App     uint32    // whose budget it drew on; 0: of the default lane, before there were others
	Pool    string    // whose share of it; empty: none's, or not known
	Start   time.Time // zero where it is not known
	End     time.Time // of a call of unknown end: its deadline
	Counted bool      // against the quota; otherwise only the interval runs from its end
	Class   string    // the outcome's; empty: unknown
	Random  uint32    // its MsgRandom; 0: not known
	// Condition is whom the API may have reached by it; zero: nobody, or not known.
	Condition audience.Audience
}

// CallsOf returns the calls of one app, oldest first: a lane that was given
// another name, or an app that moved to another lane, keeps its budget. An old
// record without an app is the default lane's.
func (s *State) CallsOf(lane string, app uint32) iter.Seq[Call] {
	return func(yield func(Call) bool) {
		for _, c := range s.Calls {
			if SameBudget(c.Lane, c.App, lane, app) && !yield(c) {
				return
			}
		}
	}
}

// SameBudget says whether a record of this lane and app is one of the other's
// present app. Only records of before there were lanes have no app.
func SameBudget(recordLane string, recordApp uint32, lane string, app uint32) bool {
	if recordApp == 0 {
		return recordLane == lane
	}
	return recordApp == app
}

// Ended says whether the event at p has ended, under all its rules.
func (s *State) Ended(p offset.Position) bool { return contains(s.Disposed, p) }

// EndedUnder says whether the event at p has ended, under all its rules or under
// this one.
func (s *State) EndedUnder(p offset.Position, rule string) bool {
	return s.Ended(p) || contains(s.ByRule[rule], p)
}

// EndedAtAll says whether the event at p has ended under one of its rules or more.
func (s *State) EndedAtAll(p offset.Position) bool { return endedAtAll(s.Disposed, s.ByRule, p) }

func endedAtAll(whole map[offset.Partition]*offset.Set, byRule map[string]map[offset.Partition]*offset.Set, p offset.Position) bool {
	if contains(whole, p) {
		return true
	}
	for _, sets := range byRule {
		if contains(sets, p) {
			return true
		}
	}
	return false
}

func contains(sets map[offset.Partition]*offset.Set, p offset.Position) bool {
	set := sets[p.Partition]
	return set != nil && set.Contains(p.Offset)
}
