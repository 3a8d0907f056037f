package limiter

import (
	"time"

	"pushbridge/internal/intent"
)

// Repeats says whether another record carried the same event within the window,
// and remembers this one otherwise. Who takes an event in whose intents no
// Scheduler sees, such as one that an earlier life called for, says so by it.
func (m *Memory) Repeats(now time.Time, o *intent.Origin) bool { return m.repeated(now, o) }
