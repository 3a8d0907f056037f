package limiter

import "math/bits"

// table finds by hash, with open addresses. It keeps hashes and references instead of
// keys: a third of the memory of a map, where there are a million of them. Who looks
// something up tells it from others that have its hash.
type table[R comparable] struct {
	entries []entry[R] // of a power of two, more than a fifth of them free
	count   int
}

// entry is free where its reference is the zero R.
type entry[R comparable] struct {
	hash uint32
	ref  R
}

func (e *entry[R]) isFree() bool {
	var none R
	return e.ref == none
}

// home is where what has the hash would stand if it were alone.
func (t *table[R]) home(h uint32) int {
	const golden = 0x9e3779b97f4a7c15 // spreads hashes that are close to each other
	return int(uint64(h) * golden >> (64 - bits.TrailingZeros(uint(len(t.entries)))))
}

func (t *table[R]) next(at int) int { return (at + 1) & (len(t.entries) - 1) }

// find returns what has the hash and is what is looked for, or the zero R.
func (t *table[R]) find(h uint32, is func(R) bool) R {
	if t.count > 0 {
		for at := t.home(h); !t.entries[at].isFree(); at = t.next(at) {
			if e := &t.entries[at]; e.hash == h && is(e.ref) {
				return e.ref
			}
		}
	}
	var none R
	return none
}

// add puts in what is not there yet.
func (t *table[R]) add(h uint32, r R) {
	if 5*(t.count+1) >= 4*len(t.entries) {
		t.grow()
	}
	t.put(entry[R]{h, r})
	t.count++
}

func (t *table[R]) put(e entry[R]) {
	at := t.home(e.hash)
	for !t.entries[at].isFree() {
		at = t.next(at)
	}
	t.entries[at] = e
}

func (t *table[R]) grow() {
	old := t.entries
	t.entries = make([]entry[R], max(8, 2*len(old)))
	for _, e := range old {
		if !e.isFree() {
			t.put(e)
		}
	}
}

// at is the place of what is there.
func (t *table[R]) at(h uint32, r R) int {
	for at := t.home(h); !t.entries[at].isFree(); at = t.next(at) {
		if t.entries[at] == (entry[R]{h, r}) {
			return at
		}
	}
	panic("limiter: a table lacks what it should hold")
}

// replace puts what has the same hash into the place of old, which is there.
func (t *table[R]) replace(h uint32, old, by R) { t.entries[t.at(h, old)].ref = by }

// remove takes out what is there, and moves up what would not be found behind it.
func (t *table[R]) remove(h uint32, r R) {
	gap := t.at(h, r)
	if t.count--; t.count == 0 {
		t.entries = nil
		return
	}
	most := len(t.entries) - 1
	for at := t.next(gap); !t.entries[at].isFree(); at = t.next(at) {
		// What stands here may go where the gap is unless its home lies behind that.
		if home := t.home(t.entries[at].hash); (at-home)&most >= (at-gap)&most {
			t.entries[gap] = t.entries[at]
			gap = at
		}
	}
	t.entries[gap] = entry[R]{}
}
