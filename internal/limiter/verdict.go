package limiter

import (
	"time"

	"pushbridge/internal/intent"
)

// Result is how a call ended, as far as the scheduler must know.
type Result uint8

// The results.
const (
	Pushed   Result = iota + 1 // done
	Rejected                   // refused for good
	Again                      // certainly not done: pending again, merging on
	Doubt                      // unknown: Batch.OnDoubt decides
)

// Verdict is what the scheduler is told of a call that ended.
type Verdict struct {
	Result    Result
	End       time.Time // when the response was received, or when none can come any more
	Counted   bool      // draws on the quota
	Reached   bool      // the API saw it, or may have: the interval runs from End
	NotBefore time.Time // no call at all before this instant; zero: no such limit
}

// EndKind is how an intent ended.
type EndKind uint8

// The ends that the scheduler decides.
const (
	EndPushed EndKind = iota + 1
	EndRejected
	EndExpired
	EndSuperseded
	EndDuplicate
)

// Ended is an intent that is no longer the scheduler's.
type Ended struct {
	Intent *intent.Intent
	Kind   EndKind
	Batch  *Batch         // the last call that carried it; nil where none did
	By     *intent.Origin // of what superseded it, nil otherwise
	Doubt  bool           // pushed, as far as is known
}
