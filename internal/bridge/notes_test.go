package bridge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/consume"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

// Two writes may be under way, and whichever the journal takes has the timestamps of
// the records that it speaks of: without them a record would look younger than all
// that were read, and its topic made anew.
func TestTimestampsStayUntilTheJournalHasThem(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	n := newNotes()
	read := func(at time.Time) {
		n.read(consume.Batch{Partition: parts, Records: []consume.Record{{Time: at}, {Time: at.Add(-time.Minute)}}})
	}
	want := func(what string, got journal.Notes, at time.Time) {
		t.Helper()
		newest := map[offset.Partition]time.Time{parts: at}
		if at.IsZero() {
			newest = nil
		}
		if diff := cmp.Diff(newest, got.Newest); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	read(noon)
	first := n.take()
	want("the first write", first, noon)
	want("a second beside it", n.take(), noon)
	read(noon.Add(time.Second))
	n.acknowledged(first)
	second := n.take()
	want("what was read since", second, noon.Add(time.Second))
	n.acknowledged(second)
	n.acknowledged(first) // late
	want("nothing new", n.take(), time.Time{})
	n.madeAnew(parts)
	read(noon.Add(-time.Hour))
	anew := n.take()
	want("of a log made anew", anew, noon.Add(-time.Hour))
	if len(anew.Rewound) != 1 {
		t.Errorf("rewound %v, want %v", anew.Rewound, parts)
	}
}

// First records that may not have been written are written again, before later ones.
func TestFirstRecordsOfACallThatWasNotMadeAreNotLost(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	n := newNotes()
	n.seen = []journal.Sighting{{Position: at(1)}}
	call := n.take()
	n.seen = []journal.Sighting{{Position: at(2)}}
	n.putBack(call)
	if diff := cmp.Diff([]journal.Sighting{{Position: at(1)}, {Position: at(2)}}, n.take().Seen); diff != "" {
		t.Errorf("first records (-want +got):\n%s", diff)
	}
}
