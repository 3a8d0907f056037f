package limiter

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// Promise: nothing twice. What is remembered is what came within the window, and of
// that the newest, whatever has been forgotten before.
func TestMemoryAgreesWithAList(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	type sighting struct {
		event, offset int
		at            time.Duration
	}
	rapid.Check(t, func(t *rapid.T) {
		const window = time.Minute
		most := rapid.SampledFrom([]int{1, 5, 3000}).Draw(t, "most")
		events := rapid.SampledFrom([]int{4, 5000}).Draw(t, "events")
		m := NewMemory(window, most)
		m.before = rapid.SampledFrom([]uint64{0, 2*ordinals - 2000}).Draw(t, "seen in earlier years")
		var list []sighting
		at := time.Duration(0)
		see := func(event, position int) {
			for len(list) > 0 && list[0].at < at-window {
				list = list[1:]
			}
			want := false
			if n := slices.IndexFunc(list, func(s sighting) bool { return s.event == event }); n >= 0 {
				want = list[n].offset != position
			} else {
				if len(list) == most {
					list = list[1:]
				}
				list = append(list, sighting{event, position, at})
			}
			o := intent.Origin{Source: "/s", ID: fmt.Sprint(event), Position: offset.Position{Offset: int64(position)}}
			if got := m.Repeats(start.Add(at), &o); got != want {
				t.Fatalf("event %d at offset %d repeats: %v, want %v of %d", event, position, got, want, len(list))
			}
			if m.seen.count != len(list) {
				t.Fatalf("%d are remembered, want %d", m.seen.count, len(list))
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			at += time.Duration(rapid.IntRange(0, int(window)).Draw(t, "time passes"))
			from := rapid.IntRange(0, events).Draw(t, "from")
			for n := range rapid.SampledFrom([]int{1, 7, 900}).Draw(t, "come") {
				see((from+n)%events, rapid.IntRange(0, 1).Draw(t, "offset"))
			}
		}
	})
}
