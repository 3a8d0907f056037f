package mapper

import (
	"encoding/binary"
	"hash/maphash"
)

// Bounds of a memo: the audiences and messages of a burst are few and short, and
// a scope shall not hold much of what streams without repeats leave in it.
const (
	memoSlots = 512
	memoBytes = 512 // of a key
)

// memo remembers what was built of which texts for which spec of a rule. Events
// of a burst say few different things, and building one, with its checks and its
// encoding, costs several times the rendering of its texts. A later text of the
// same slot takes it over, so a memo neither grows nor needs clearing.
type memo[S comparable, V any] struct {
	seed  maphash.Seed
	slots []memoSlot[S, V] // nil: nothing is remembered yet
}

type memoSlot[S comparable, V any] struct {
	spec  S
	texts string // "": empty
	value V
}

// get returns what put was told of the spec and these texts, which are no
// longer than memoBytes.
func (m *memo[S, V]) get(spec S, texts []byte) (v V, ok bool) {
	if m.slots == nil {
		return v, false
	}
	if s := m.slot(texts); s.spec == spec && s.texts == string(texts) {
		return s.value, true
	}
	return v, false
}

// put remembers a value, which is shared from now on and must not change.
func (m *memo[S, V]) put(spec S, texts []byte, v V) {
	if len(texts) > memoBytes {
		return
	}
	if m.slots == nil {
		m.seed, m.slots = maphash.MakeSeed(), make([]memoSlot[S, V], memoSlots)
	}
	*m.slot(texts) = memoSlot[S, V]{spec, string(texts), v}
}

func (m *memo[S, V]) slot(texts []byte) *memoSlot[S, V] {
	return &m.slots[maphash.Bytes(m.seed, texts)%memoSlots]
}

// appendKey appends the template's text, and its length behind it: so two lists
// of texts are equal where their keys are. It returns false where the text would
// cost more than a look-up, since it is rendered again for what is not known.
func (t *template) appendKey(dst []byte, s *scope, exact bool) ([]byte, bool) {
	for _, p := range t.parts {
		if p.expr != nil && p.expr.path == nil {
			return dst, false
		}
	}
	before := len(dst)
	dst, err := t.append(dst, s, exact)
	if err != nil {
		return dst, false
	}
	return binary.BigEndian.AppendUint32(dst, uint32(len(dst)-before)), true
}
