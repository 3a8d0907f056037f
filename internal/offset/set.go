package offset

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
)

// Range is the offsets from First to Last, both included. Its JSON form is
// [first,last].
type Range struct{ First, Last int64 }

// MarshalJSON returns [first,last].
func (r Range) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", r.First, r.Last), nil
}

// UnmarshalJSON reads [first,last] and refuses a range that ends before it
// starts or starts below 0.
func (r *Range) UnmarshalJSON(data []byte) error {
	var pair [2]int64
	var all []int64
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("decode offset range: %w", err)
	}
	if len(all) != 2 || all[0] < 0 || all[1] < all[0] {
		return fmt.Errorf("decode offset range: %s: want [first,last] with 0 <= first <= last", data)
	}
	copy(pair[:], all)
	*r = Range{First: pair[0], Last: pair[1]}
	return nil
}

// Set is a set of offsets of one partition, kept as disjoint ranges that do not
// touch, in order. The zero Set is empty and ready. Its JSON form is an array of
// ranges, which costs bytes by the run, not by the offset.
type Set struct{ ranges []Range }

// Add puts one offset into the set. Adding in ascending order is O(1).
func (s *Set) Add(offset int64) { s.AddRange(Range{First: offset, Last: offset}) }

// AddRange puts all offsets of r into the set.
func (s *Set) AddRange(r Range) {
	// The first range that r touches or overlaps, and the first beyond r. Offsets
	// start at 0, so one less than a First does not overflow.
	from := sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].Last >= r.First-1 })
	to := sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].First-1 > r.Last })
	if from < to {
		r.First = min(r.First, s.ranges[from].First)
		r.Last = max(r.Last, s.ranges[to-1].Last)
	}
	s.ranges = slices.Replace(s.ranges, from, to, r)
}

// Contains says whether the offset is in the set, in O(log ranges).
func (s *Set) Contains(offset int64) bool {
	i := sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].Last >= offset })
	return i < len(s.ranges) && s.ranges[i].First <= offset
}

// Ranges returns the ranges in order; the caller must not change them.
func (s *Set) Ranges() []Range { return s.ranges }

// Len returns the number of offsets.
func (s *Set) Len() int64 {
	var n int64
	for _, r := range s.ranges {
		n += r.Last - r.First + 1
	}
	return n
}

// MarshalJSON returns the array of ranges.
func (s Set) MarshalJSON() ([]byte, error) {
	if s.ranges == nil {
		return []byte("[]"), nil
	}
	b, err := json.Marshal(s.ranges)
	if err != nil {
		return nil, fmt.Errorf("encode offset set: %w", err)
	}
	return b, nil
}

// UnmarshalJSON reads an array of ranges in any order.
func (s *Set) UnmarshalJSON(data []byte) error {
	var ranges []Range
	if err := json.Unmarshal(data, &ranges); err != nil {
		return fmt.Errorf("decode offset set: %w", err)
	}
	var got Set
	for _, r := range ranges {
		got.AddRange(r)
	}
	*s = got
	return nil
}
