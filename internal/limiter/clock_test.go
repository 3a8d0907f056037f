package limiter

import (
	"testing"
	"time"
	"unsafe"
)

// reading is a time.Time that has both readings: a bit that says so, 33 bits of
// seconds since 1885 and 30 bits of nanoseconds, then the monotonic clock.
type reading struct {
	wall uint64
	mono int64
	loc  *time.Location
}

const (
	nanosOfReading = 1<<30 - 1
	hasMono        = 1 << 63
)

// ticking returns the instant t, which has but its wall clock, with a monotonic reading.
func ticking(t time.Time) time.Time {
	now := time.Now()
	return stepped(now, t.Sub(now.Round(0)))
}

// stepped returns now as it reads where the wall clock has been set by so much, which
// the monotonic one does not notice.
func stepped(now time.Time, by time.Duration) time.Time {
	r := (*reading)(unsafe.Pointer(&now)) // a test cannot set the machine's clock, and no function makes such a time
	if r.wall&hasMono == 0 {
		panic("limiter: this instant has no monotonic reading")
	}
	seconds, nanos := int64(r.wall<<1>>31), int64(r.wall&nanosOfReading)
	at := time.Duration(seconds)*time.Second + time.Duration(nanos) + by
	r.wall = hasMono | uint64(at/time.Second)<<30 | uint64(at%time.Second)
	return now
}

func TestAClockIsSetInATestAsOnAMachine(t *testing.T) {
	t.Attr("guards", "the test of clock steps")
	now := ticking(start)
	if !now.Round(0).Equal(start) {
		t.Fatalf("%v, want %v", now, start)
	}
	for _, by := range []time.Duration{1, -1, time.Second + 1, -90 * time.Minute, 1000 * time.Hour} {
		set := stepped(now, by)
		if got := set.Sub(now); got != 0 {
			t.Errorf("set by %v, %v have passed", by, got)
		}
		if got := set.Round(0).Sub(now.Round(0)); got != by {
			t.Errorf("set by %v, the wall clock moved by %v", by, got)
		}
	}
}
