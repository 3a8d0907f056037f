package pushsim

import (
	"iter"
	"math/bits"
	"slices"
)

// bitset is a set of user numbers. The audience of one push to 2,000 users is
// 250 bytes, so hundreds of pushes are remembered whole.
type bitset []uint64

func (b *bitset) add(i int) {
	for len(*b) <= i/64 {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bitset) remove(i int) {
	if i/64 < len(b) {
		b[i/64] &^= 1 << (i % 64)
	}
}

func (b bitset) has(i int) bool {
	return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0
}

// rank returns how many members of b are below i.
func (b bitset) rank(i int) int {
	n := 0
	for w := range min(i/64, len(b)) {
		n += bits.OnesCount64(b[w])
	}
	if i/64 < len(b) {
		n += bits.OnesCount64(b[i/64] & (1<<(i%64) - 1))
	}
	return n
}

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// or returns a new set of the members of either.
func (b bitset) or(c bitset) bitset {
	if len(b) < len(c) {
		b, c = c, b
	}
	out := slices.Clone(b)
	for i, w := range c {
		out[i] |= w
	}
	return out
}

// and returns a new set of the members of both.
func (b bitset) and(c bitset) bitset {
	if len(b) > len(c) {
		b, c = c, b
	}
	out := slices.Clone(b)
	for i := range out {
		out[i] &= c[i]
	}
	return out
}

// all yields the members in ascending order.
func (b bitset) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}
