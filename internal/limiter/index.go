package limiter

import (
	"iter"
	"math/bits"
	"slices"

	"pushbridge/internal/audience"
)

// index finds a group's units by the atoms that they name and by the room that they
// have for more. It knows them by slot. A list may hold slots whose unit is gone or
// does not belong there any more: those are dropped when it is looked through.
type index struct {
	masks []uint64 // by slot: the bits of its atoms; 0: gone, or everyone
	rooms []uint16 // by slot: where in roomy, from 1 on, or noRoom or isNarrow

	atoms   table[mention] // by the hash of an atom, which is all that tells it from others
	namings []naming
	blurred bool // several atoms may have one bit
	roomy   []room

	lone [atomsMost]uint32 // what the lists are made of that need none of their own
}

const (
	noRoom   = 0
	isNarrow = 1<<16 - 1 // of an all kind
	roomMost = 256       // more kinds of room are not worth to be looked through
)

// maskBits is how many atoms have a bit of their own.
const maskBits = 64

// atomsMost is how many an audience may name.
const atomsMost = max(audience.MaxTags, audience.MaxPairs)

// mention is a naming or, while but one unit names the atom, its slot; 0 is none.
type mention uint32

func byNaming(n int) mention     { return mention(n+1)<<1 | 1 }
func bySlot(slot uint32) mention { return mention(slot+1) << 1 }

func (m mention) isNaming() bool { return m&1 == 1 }
func (m mention) at() uint32     { return uint32(m>>1) - 1 }

// naming lists the units whose audience names one atom.
type naming struct {
	slots []uint32
	bit   uint64
}

// room lists the units of an any kind that name so many tags or pairs, fewer than
// they may, and of pairs so that a value of each of these attributes is taken.
type room struct {
	kind  audience.Kind
	size  int
	names uint64 // bits of attributes; 0 of tags
	slots []uint32
}

func hashOf(texts ...string) uint32 {
	const prime, end = 16777619, 0xff // which no text of UTF-8 holds
	h := uint32(2166136261)
	for _, text := range texts {
		for n := range len(text) {
			h = (h ^ uint32(text[n])) * prime
		}
		h = (h ^ end) * prime
	}
	return h
}

// sharedBit is that of an atom which has none of its own.
func sharedBit(hash uint32) uint64 {
	const golden = 0x9e3779b9 // short texts have hashes that are close to each other
	return 1 << (hash * golden >> 26)
}

// insert enters the unit of the next slot under all that its audience names, and where
// those look that have room; drop takes it out.
func (x *index) insert(slot uint32, a audience.Audience) {
	x.masks = append(x.masks, 0)
	x.rooms = append(x.rooms, noRoom)
	for name, value := range a.Atoms() {
		x.masks[slot] |= x.enlist(hashOf(name, value), slot)
	}
	x.setRoom(slot, a)
}

func (x *index) drop(slot uint32) { x.masks[slot], x.rooms[slot] = 0, noRoom }

// insertMore is insert for what the unit of a slot names since it has grown by more.
func (x *index) insertMore(slot uint32, before, after, more audience.Audience) {
	for name, value := range more.Atoms() {
		if !names(before, name, value) {
			x.masks[slot] |= x.enlist(hashOf(name, value), slot)
		}
	}
	x.setRoom(slot, after)
}

func names(a audience.Audience, name, value string) bool {
	for n, v := range a.Atoms() {
		if n == name && v == value {
			return true
		}
	}
	return false
}

// enlist enters a slot under an atom and returns the atom's bit. Two atoms of one unit
// may have one hash: then it is there twice, which costs a look.
func (x *index) enlist(hash, slot uint32) uint64 {
	switch m := x.mention(hash); {
	case m == 0 && len(x.namings) < maskBits:
		bit := uint64(1) << len(x.namings)
		x.atoms.add(hash, byNaming(len(x.namings)))
		x.namings = append(x.namings, naming{slots: []uint32{slot}, bit: bit})
		return bit
	case m == 0:
		x.blurred = true
		x.atoms.add(hash, bySlot(slot))
		return sharedBit(hash)
	case m.isNaming():
		n := &x.namings[m.at()]
		n.slots = append(n.slots, slot)
		return n.bit
	case x.masks[m.at()] == 0: // gone
		x.atoms.replace(hash, m, bySlot(slot))
	default:
		x.atoms.replace(hash, m, byNaming(len(x.namings)))
		x.namings = append(x.namings, naming{slots: []uint32{m.at(), slot}, bit: sharedBit(hash)})
	}
	return sharedBit(hash)
}

func (x *index) mention(hash uint32) mention {
	return x.atoms.find(hash, func(mention) bool { return true })
}

func (x *index) setRoom(slot uint32, a audience.Audience) {
	x.rooms[slot] = noRoom
	if narrow(a) == narrowest {
		x.rooms[slot] = isNarrow
		return
	}
	r := room{kind: a.Kind(), size: a.Len(), names: attributes(a)}
	if r.kind == audience.Everyone || r.size == atomsMost {
		return
	}
	at := slices.IndexFunc(x.roomy, func(has room) bool { return has.kind == r.kind && has.size == r.size && has.names == r.names })
	if at < 0 {
		if at = x.newRoom(r); at < 0 {
			return
		}
	}
	x.rooms[slot] = uint16(at + 1)
	x.roomy[at].slots = append(x.roomy[at].slots, slot)
}

// newRoom makes a kind of room, in the place of one that is empty where there are many,
// and returns its place, or -1 where all of many are in use.
func (x *index) newRoom(r room) int {
	if len(x.roomy) < roomMost {
		x.roomy = append(x.roomy, r)
		return len(x.roomy) - 1
	}
	for at := range x.roomy {
		if x.pruneRoom(at); len(x.roomy[at].slots) == 0 {
			x.roomy[at] = r
			return at
		}
	}
	return -1
}

func (x *index) pruneRoom(at int) {
	r := &x.roomy[at]
	r.slots = prune(r.slots, func(slot uint32) bool { return x.rooms[slot] == uint16(at+1) })
}

// attributes has a bit for each attribute that a names; several may have the same.
func attributes(a audience.Audience) uint64 {
	var mask uint64
	if a.Kind() == audience.AnyAttr {
		for name := range a.Atoms() {
			mask |= sharedBit(hashOf(name))
		}
	}
	return mask
}

// withRoom yields units that name none of a's atoms and may have room for them, the
// fullest first.
func (g *group) withRoom(a audience.Audience) iter.Seq[*unit] {
	return func(yield func(*unit) bool) {
		if narrow(a) == narrowest {
			return // it unites with what it has an atom in common with, or not at all
		}
		taken, tried := attributes(a), 0
		for size := atomsMost - a.Len(); size > 0; size-- {
			for n := range g.roomy {
				r := &g.roomy[n]
				if r.kind != a.Kind() || r.size != size {
					continue
				}
				g.pruneRoom(n)
				most := candidates
				if r.names&taken != 0 {
					most = 1 // is as good as all: they have another value of one attribute, unless two have one bit
				}
				for _, slot := range r.slots[:min(len(r.slots), most)] {
					if tried++; tried > candidates || !yield(g.units[slot]) {
						return
					}
				}
			}
		}
	}
}

// prune drops what does not belong to a list from so much of its front as holds
// candidates that do. What is dropped was looked at once.
func prune(list []uint32, belongs func(uint32) bool) []uint32 {
	kept, n := 0, 0
	for ; n < len(list) && kept < candidates; n++ {
		if !belongs(list[n]) {
			continue
		}
		if kept < n {
			list[kept] = list[n]
		}
		kept++
	}
	if kept == n {
		return list
	}
	copy(list[n-kept:n], list[:kept])
	return list[n-kept:]
}

// look is an audience as an index sees it.
type look struct {
	lists  [atomsMost][]uint32 // of units that name an atom of it
	n      int
	mask   uint64 // the bits of those atoms
	fresh  int    // atoms that no unit names
	narrow bool
}

// lookFor finds the units that name an atom of a.
func (x *index) lookFor(l *look, a audience.Audience) {
	l.narrow = narrow(a) == narrowest
	for name, value := range a.Atoms() {
		hash := hashOf(name, value)
		m := x.mention(hash)
		switch {
		case m == 0 || !m.isNaming() && x.masks[m.at()] == 0:
			l.fresh++
			continue
		case m.isNaming():
			n := &x.namings[m.at()]
			for _, slot := range n.slots[:min(len(n.slots), candidates)] {
				if x.masks[slot] == 0 { // which is rare
					n.slots = prune(n.slots, func(slot uint32) bool { return x.masks[slot] != 0 })
					break
				}
			}
			l.lists[l.n] = n.slots[:min(len(n.slots), candidates)]
			l.mask |= n.bit
		default:
			x.lone[l.n] = m.at()
			l.lists[l.n] = x.lone[l.n : l.n+1]
			l.mask |= sharedBit(hash)
		}
		l.n++
	}
}

// tells says whether masks alone tell how the units of an any kind grow by a.
func (x *index) tells(a audience.Audience) bool { return !x.blurred && a.Kind() == audience.AnyTag }

// growth is by how much a unit grows, where masks tell it.
func (l *look) growth(mask uint64) int { return bits.OnesCount64(l.mask&^mask) + l.fresh }

// unlike says whether the audience looked for surely neither unites with a unit's nor
// is in it.
func (l *look) unlike(mask uint64, narrow bool) bool {
	switch {
	case l.narrow && narrow: // one must name all that the other does
		return (l.mask&^mask != 0 || l.fresh > 0) && mask&^l.mask != 0
	case l.narrow || narrow: // one that is about any of the other's atoms contains it
		return false
	}
	return bits.OnesCount64(l.mask|mask)+l.fresh > atomsMost // so many atoms the union has at least
}

// beyond says whether a unit cannot be in the audience looked for.
func (l *look) beyond(mask uint64, narrow bool) bool {
	switch {
	case l.narrow && narrow:
		return l.mask&^mask != 0 || l.fresh > 0
	case l.narrow:
		return true
	case narrow:
		return false
	}
	return mask&^l.mask != 0
}
