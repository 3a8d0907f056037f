package journal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// Classes of an Outcome that the journal itself tells apart; all others are the
// API's error classes, which it passes through.
const (
	ClassOK     = "ok"     // the API took the push
	ClassReject = "reject" // the API refused it for good
	ClassDoubt  = "doubt"  // the call was made, and nobody knows what came of it
	ClassVoid   = "void"   // the call was not made, and will not be
)

// Attempt is one call that is about to be made. It holds all that is needed to
// make the same call again after a crash.
type Attempt struct {
	ID     string // the push's id, the same in all its attempts
	Number int    // 1 for the first call of the push

	Lane string // as the rules name it; empty: the default lane
	App  uint32 // whose budget it draws on; 0: of the default lane, before there were others

	Pool string // whose share of the lane's calls it draws on; empty: what is common

	At time.Time // when it was decided
	// Deadline is the last instant at which the call can still be under way. A
	// call whose end is unknown counts as ended then.
	Deadline time.Time
	// UnderWay is how long after its fence began the call can be under way; 0: the
	// Deadline is all that is known. See FencedAs.
	UnderWay time.Duration

	Random    uint32 // MsgRandom; a resend keeps it
	Condition audience.Audience
	Messages  []intent.Message // more than one: a digest

	RulesVersion string
	OnDoubt      intent.OnDoubt
	Why          string
	Covers       []Cover

	// Approvals are those that let it go, one a person; none: nobody had to approve.
	Approvals []Approval
}

// Cover is the events of one rule in one partition that an Attempt carries.
type Cover struct {
	Rule      string
	Partition offset.Partition
	Offsets   *offset.Set
	// Part says that the call reaches only a part of these events' audience: they
	// are pushed when their last part is.
	Part bool
}

// Name tells the attempt from all others.
func (a *Attempt) Name() string { return callKey{a.ID, a.Number}.String() }

// FencedAs is the metadata of the commit that fences the attempt's call: its Name, and
// how long after At that commit was begun. A call in doubt is thus over when it can
// be, and not only at the Deadline, which allows for slow writes.
func (a *Attempt) FencedAs(after time.Duration) string {
	return fmt.Sprintf("%s+%d", a.Name(), wholeMilliseconds(after))
}

// wholeMilliseconds rounds up: what is told is no shorter than what is meant.
func wholeMilliseconds(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

// fences is what stands beside the committed offsets: attempts' names, each with how
// long after its attempt the fence was begun; negative: not known.
type fences map[string]time.Duration

func parseFences(metadata []string) fences {
	f := fences{}
	for _, m := range metadata {
		name, text, _ := strings.Cut(m, "+")
		after := time.Duration(-1)
		if ms, err := strconv.ParseUint(text, 10, 31); err == nil {
			after = time.Duration(ms) * time.Millisecond
		}
		// Of two fences of one attempt, in two partitions, the later counts.
		if known, ok := f[name]; ok && known >= 0 && after >= 0 {
			after = max(known, after)
		} else if ok {
			after = -1
		}
		f[name] = after
	}
	return f
}

// Events returns how many events the attempt carries, one under two rules twice.
func (a *Attempt) Events() int64 {
	var n int64
	for _, c := range a.Covers {
		n += c.Offsets.Len()
	}
	return n
}

// Rules names the rules whose events the attempt carries, in order.
func (a *Attempt) Rules() []string {
	rules := make([]string, 0, len(a.Covers))
	for _, c := range a.Covers {
		rules = append(rules, c.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// Outcome is how an Attempt ended.
type Outcome struct {
	ID     string // the Attempt's
	Number int    // the Attempt's
	Lane   string // the Attempt's, which a reading may begin after
	App    uint32 // the Attempt's

	Class  string // ClassOK, ClassDoubt, ClassVoid, or another class of the API's errors
	Code   int    // the API's ErrorCode; 0 where it took the push or gave no answer
	Info   string // the API's ErrorInfo
	TaskID string // the API's id of the push

	Started time.Time // zero where Class is ClassVoid
	// Ended is what the interval and the window are measured from: when the answer
	// was read or, where there was none, when the request was surely no longer on
	// its way.
	Ended   time.Time
	Counted bool // it used one of the window's calls
}

// Completed is an Attempt and how it ended.
type Completed struct {
	Attempt Attempt
	Outcome Outcome
}
