package limiter

import "math/bits"

// table finds by hash, with open addresses. It keeps hashes and references instead of
// keys: a third of the memory of a map, where there are a million of them. Who looks
// something up tells it from others that have its hash.
type table[R comparable] struct {
	hashes []uint32 // by place; of a power of two, more than a fifth of them free
	refs   []R      // in the same places; the zero R: free
	count  int
}

// home is where what has the hash would stand if it were alone.
func (t *table[R]) home(h uint32) int {
	const golden = 0x9e3779b97f4a7c15 // spreads hashes that are close to each other
	return int(uint64(h) * golden >> (64 - bits.TrailingZeros(uint(len(t.refs)))))
}

func (t *table[R]) next(at int) int { return (at + 1) & (len(t.refs) - 1) }

// find returns what has the hash and is what is looked for, or the zero R.
func (t *table[R]) find(h uint32, is func(R) bool) R {
	var none R
	if t.count == 0 {
		return none
	}
	for at := t.home(h); t.refs[at] != none; at = t.next(at) {
		if t.hashes[at] == h && is(t.refs[at]) {
			return t.refs[at]
		}
	}
	return none
}

// add puts in what is not there yet.
func (t *table[R]) add(h uint32, r R) {
	if 5*(t.count+1) >= 4*len(t.refs) {
		t.grow()
	}
	t.put(h, r)
	t.count++
}

func (t *table[R]) put(h uint32, r R) {
	var none R
	at := t.home(h)
	for t.refs[at] != none {
		at = t.next(at)
	}
	t.hashes[at], t.refs[at] = h, r
}

func (t *table[R]) grow() {
	old := *t
	n := max(8, 2*len(old.refs))
	t.hashes, t.refs = make([]uint32, n), make([]R, n)
	var none R
	for at, r := range old.refs {
		if r != none {
			t.put(old.hashes[at], r)
		}
	}
}

// at is the place of what is there.
func (t *table[R]) at(h uint32, r R) int {
	var none R
	for at := t.home(h); t.refs[at] != none; at = t.next(at) {
		if t.refs[at] == r && t.hashes[at] == h {
			return at
		}
	}
	panic("limiter: a table lacks what it should hold")
}

// replace puts what has the same hash into the place of old, which is there.
func (t *table[R]) replace(h uint32, old, by R) { t.refs[t.at(h, old)] = by }

// remove takes out what is there, and moves up what would not be found behind it.
func (t *table[R]) remove(h uint32, r R) {
	if t.count--; t.count == 0 {
		t.hashes, t.refs = nil, nil
		return
	}
	var none R
	gap := t.at(h, r)
	most := len(t.refs) - 1
	for at := t.next(gap); t.refs[at] != none; at = t.next(at) {
		// What stands here may go where the gap is unless its home lies behind that.
		if home := t.home(t.hashes[at]); (at-home)&most >= (at-gap)&most {
			t.hashes[gap], t.refs[gap] = t.hashes[at], t.refs[at]
			gap = at
		}
	}
	t.refs[gap] = none
}
