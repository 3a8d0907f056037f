package journal

import (
	"fmt"
	"testing"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

// A replay of more events than are remembered makes nobody forget what happens now,
// and the other way round; the same event has a print of its own in each replay.
func TestReplaysAreRememberedApart(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	h := newHistory(24*time.Hour, 10)
	h.seen.keepApart("replays")
	keyOf := func(n int, replay string) intent.EventKey {
		return intent.EventKey{Source: "/s", ID: fmt.Sprint(n), Replay: replay}
	}
	see := func(topic string, n int, replay string) {
		t.Helper()
		notes := Notes{Seen: []Sighting{{Position: offset.Position{Partition: offset.Partition{Topic: topic}, Offset: int64(n)}, Print: PrintOf(keyOf(n, replay))}}}
		records, err := encodeNotes(&notes, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range records {
			r, err := parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.add(r, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	see("in", 1, "")
	for n := range 100 {
		see("replays", n, "r1")
	}
	first := func(n int, replay string) string {
		p, ok := h.seen.First(now, PrintOf(keyOf(n, replay)))
		if !ok {
			return "never"
		}
		return p.String()
	}
	for name, tt := range map[string]struct {
		n            int
		replay, want string
	}{
		"what happens now":       {1, "", "in/0@1"},
		"the last of the replay": {99, "r1", "replays/0@99"},
		"the first, forgotten":   {1, "r1", "never"},
		"of another replay":      {99, "r2", "never"},
		"of none":                {99, "", "never"},
	} {
		if got := first(tt.n, tt.replay); got != tt.want {
			t.Errorf("%s: first seen at %s, want %s", name, got, tt.want)
		}
	}
	if n := h.seen.Len(); n != 11 {
		t.Errorf("%d are remembered, want 1 and 10", n)
	}
}
