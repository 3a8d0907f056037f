package limiter

import (
	"hash/maphash"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// topic is what units must have in common to unite.
type topic struct {
	message intent.Message
	class   *class
}

func (u *unit) topic() topic { return topic{u.message, u.class()} }

// hasher makes the hashes of the Scheduler's tables.
type hasher struct {
	seed maphash.Seed
	mask uint32 // of a hash; a test narrows it
}

func newHasher() hasher { return hasher{seed: maphash.MakeSeed(), mask: ^uint32(0)} }

func (h hasher) hashTopic(t topic) uint32 { return uint32(maphash.Comparable(h.seed, t)) & h.mask }

func (h hasher) hashAudience(a audience.Audience) uint32 {
	return uint32(maphash.Comparable(h.seed, a)) & h.mask
}

// doors leads from a topic to one of its units, and from there to the others.
type doors struct {
	hasher
	table[*unit]
}

func newDoors() doors { return doors{hasher: newHasher()} }

func (d *doors) find(t topic) *unit {
	return d.table.find(d.hashTopic(t), func(u *unit) bool { return u.topic() == t })
}

// set makes u the door of its topic, which has none.
func (d *doors) set(u *unit) { d.add(d.hashTopic(u.topic()), u) }

// close forgets u where it is the door of its topic, and opens that of other, which
// is of the same topic, if there is one.
func (d *doors) close(u, other *unit) {
	t := u.topic()
	switch {
	case d.find(t) != u:
	case other != nil:
		d.replace(d.hashTopic(t), u, other)
	default:
		d.remove(d.hashTopic(t), u)
	}
}
