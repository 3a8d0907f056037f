package limiter

import (
	"hash/maphash"
	"math"
	"time"

	"pushbridge/internal/intent"
)

// Memory remembers which events were seen, by CloudEvents source and id, within a
// window of time and up to a number of them. It may outlive a Scheduler, but only
// as long as nobody else decides about the same events: of two records of one
// event each would otherwise end as the other's duplicate. It keeps two 64-bit hashes under
// seeds of its own instead of the texts, some 50 bytes an entry; among a million events
// two share both by chance once in 10^26.
type Memory struct {
	window time.Duration
	max    int
	since  time.Time // the first instant that it was told
	seeds  [2]maphash.Seed
	seen   table[ordinal]
	order  []sighting // oldest first, from head on
	head   int
	before uint64 // how many stood before order

	// Events that come again have room of their own, so that a large replay makes
	// nobody forget what happens now; nil: none has come.
	replayed *Memory
}

type fingerprint [2]uint64

// ordinal is the number of a sighting modulo ordinals, from 1 on; 0 is none. Far fewer are
// remembered at a time, so it tells one of them.
type ordinal uint32

const ordinals = math.MaxUint32

func ordinalOf(n uint64) ordinal { return ordinal(n%ordinals) + 1 }

type sighting struct {
	event    fingerprint
	position uint64 // hash of the record's position
	at       int64  // nanoseconds since the first, by the monotonic clock where there is one
}

// NewMemory returns a Memory of nothing. It panics unless both are positive: they
// come from checked configuration.
func NewMemory(window time.Duration, limit int) *Memory {
	if window <= 0 || limit <= 0 {
		panic("limiter: a memory needs a positive window and size")
	}
	return &Memory{window: window, max: limit, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// Repeats says whether another record carried the same event within the window,
// and remembers this one otherwise. Who takes an event in whose intents no
// Scheduler sees, such as one that an earlier life called for, says so by it.
func (m *Memory) Repeats(now time.Time, o *intent.Origin) bool { return m.repeated(now, o) }

// repeated says whether another record carried the same event within the
// window, and remembers this one otherwise. Intents of one record under several
// rules are not repeats of each other.
func (m *Memory) repeated(now time.Time, o *intent.Origin) bool {
	if o.ReplayID != "" {
		if m.replayed == nil {
			m.replayed = NewMemory(m.window, m.max)
		}
		m = m.replayed
	}
	if m.since.IsZero() {
		m.since = now
	}
	at := int64(now.Sub(m.since))
	for m.head < len(m.order) && m.order[m.head].at < at-int64(m.window) {
		m.forget()
	}
	key := fingerprint{maphash.Comparable(m.seeds[0], o.EventKey()), maphash.Comparable(m.seeds[1], o.EventKey())}
	position := maphash.Comparable(m.seeds[0], o.Position)
	if n := m.seen.find(uint32(key[0]), func(n ordinal) bool { return m.numbered(n).event == key }); n > 0 {
		return m.numbered(n).position != position
	}
	if m.seen.count >= m.max {
		m.forget()
	}
	m.seen.add(uint32(key[0]), ordinalOf(m.before+uint64(len(m.order))))
	m.order = append(m.order, sighting{event: key, position: position, at: at})
	return false
}

func (m *Memory) numbered(n ordinal) *sighting {
	return &m.order[(uint64(n-1)+ordinals-m.before%ordinals)%ordinals]
}

// forget drops the oldest sighting.
func (m *Memory) forget() {
	m.seen.remove(uint32(m.order[m.head].event[0]), ordinalOf(m.before+uint64(m.head)))
	m.head++
	if m.head > len(m.order)/2 && m.head > 1024 {
		m.before += uint64(m.head)
		m.order = append(m.order[:0], m.order[m.head:]...)
		m.head = 0
	}
}
