package limiter

import (
	"hash/maphash"
	"math/bits"

	"pushbridge/internal/intent"
)

// topic is what units must have in common to unite.
type topic struct {
	message intent.Message
	class   *class
}

func (u *unit) topic() topic { return topic{u.message, u.class()} }

// doors leads from a topic to one of its units, and from there to the others. It is a
// table of open addresses that keeps hashes instead of topics: a third of the memory
// of a map, where there are a million messages.
type doors struct {
	seed   maphash.Seed
	mask   uint32   // of a hash; a test narrows it
	hashes []uint32 // by place; of a power of two, more than a fifth of them free
	units  []*unit  // in the same places; nil: free
	count  int
}

func newDoors() doors { return doors{seed: maphash.MakeSeed(), mask: ^uint32(0)} }

func (d *doors) hash(t topic) uint32 { return uint32(maphash.Comparable(d.seed, t)) & d.mask }

// home is where what has the hash would stand if it were alone.
func (d *doors) home(h uint32) int {
	const golden = 0x9e3779b97f4a7c15 // spreads hashes that are close to each other
	return int(uint64(h) * golden >> (64 - bits.TrailingZeros(uint(len(d.units)))))
}

func (d *doors) next(at int) int { return (at + 1) & (len(d.units) - 1) }

// place is where the unit of a topic stands, or where it would, which is free.
func (d *doors) place(t topic, h uint32) int {
	at := d.home(h)
	for d.units[at] != nil && (d.hashes[at] != h || d.units[at].topic() != t) {
		at = d.next(at)
	}
	return at
}

func (d *doors) find(t topic) *unit {
	if d.count == 0 {
		return nil
	}
	return d.units[d.place(t, d.hash(t))]
}

// set makes u the door of its topic.
func (d *doors) set(u *unit) {
	if 5*(d.count+1) >= 4*len(d.units) {
		d.grow()
	}
	t := u.topic()
	h := d.hash(t)
	at := d.place(t, h)
	if d.units[at] == nil {
		d.count++
	}
	d.hashes[at], d.units[at] = h, u
}

func (d *doors) grow() {
	hashes, units := d.hashes, d.units
	n := max(8, 2*len(units))
	d.hashes, d.units = make([]uint32, n), make([]*unit, n)
	for from, u := range units {
		if u == nil {
			continue
		}
		at := d.home(hashes[from])
		for d.units[at] != nil {
			at = d.next(at)
		}
		d.hashes[at], d.units[at] = hashes[from], u
	}
}

// close forgets u where it is the door of its topic, and opens that of other, which
// is of the same topic, if there is one.
func (d *doors) close(u, other *unit) {
	t := u.topic()
	at := d.place(t, d.hash(t))
	switch {
	case d.units[at] != u:
	case other != nil:
		d.units[at] = other
	case d.count == 1:
		d.hashes, d.units, d.count = nil, nil, 0
	default:
		d.free(at)
	}
}

// free empties a place and moves up what would not be found behind it.
func (d *doors) free(gap int) {
	d.count--
	most := len(d.units) - 1
	for at := d.next(gap); d.units[at] != nil; at = d.next(at) {
		// What stands here may go where the gap is unless its home lies behind that.
		if home := d.home(d.hashes[at]); (at-home)&most >= (at-gap)&most {
			d.hashes[gap], d.units[gap] = d.hashes[at], d.units[at]
			gap = at
		}
	}
	d.units[gap] = nil
}
