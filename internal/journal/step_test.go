package journal

import (
	"time"
	"unsafe"
)

// stepped is the instant t as it were read if the wall clock had been set forward by
// so many whole seconds: its monotonic reading is the same. Nothing exported makes
// such a value, which time.Now returns after each step.
func stepped(t time.Time, by time.Duration) time.Time {
	if t.Round(0) == t {
		return t.Add(by)
	}
	// time.Time begins with a word that holds the seconds of the wall clock above 30
	// bits of nanoseconds.
	*(*uint64)(unsafe.Pointer(&t)) += uint64(by/time.Second) << 30
	return t
}
