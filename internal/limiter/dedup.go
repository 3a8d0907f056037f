package limiter

import (
	"hash/maphash"
	"time"

	"pushbridge/internal/intent"
)

// dedup remembers which events were seen, by CloudEvents source and id, within a
// window of time and up to a number of them. It keeps two 64-bit hashes under
// seeds of its own instead of the texts, which bounds an entry at some 60 bytes;
// among a million events two share both by chance once in 10^26.
type dedup struct {
	window time.Duration
	max    int
	seeds  [2]maphash.Seed
	seen   map[fingerprint]sighting
	order  []sightingKey // oldest first, from head on
	head   int
}

type (
	fingerprint [2]uint64
	sighting    struct {
		position uint64 // hash of the record's position
		at       int64  // Unix nanoseconds
	}
	sightingKey struct {
		event fingerprint
		at    int64
	}
)

func newDedup(window time.Duration, limit int) *dedup {
	return &dedup{window: window, max: limit, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, seen: make(map[fingerprint]sighting)}
}

// repeated says whether another record carried the same event within the
// window, and remembers this one otherwise. Intents of one record under several
// rules are not repeats of each other.
func (d *dedup) repeated(now time.Time, o *intent.Origin) bool {
	at := now.UnixNano()
	for d.head < len(d.order) && d.order[d.head].at < at-int64(d.window) {
		d.forget()
	}
	key := fingerprint{maphash.Comparable(d.seeds[0], o.EventKey()), maphash.Comparable(d.seeds[1], o.EventKey())}
	position := maphash.Comparable(d.seeds[0], o.Position)
	if s, ok := d.seen[key]; ok {
		return s.position != position
	}
	if len(d.seen) >= d.max {
		d.forget()
	}
	d.seen[key] = sighting{position: position, at: at}
	d.order = append(d.order, sightingKey{event: key, at: at})
	return false
}

// forget drops the oldest sighting.
func (d *dedup) forget() {
	delete(d.seen, d.order[d.head].event)
	d.head++
	if d.head > len(d.order)/2 && d.head > 1024 {
		d.order = append(d.order[:0], d.order[d.head:]...)
		d.head = 0
	}
}
