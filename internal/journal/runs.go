package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"pushbridge/internal/offset"
)

// runs is a set of offsets as the journal stores it: the first offset, the
// length of its run, then by turns the gap to the next run and that run's
// length. Differences are short where offsets are long: 200,000 events with
// holes between all of them take a quarter of what ranges would.
type runs struct{ offset.Set }

// MarshalJSON returns [first, length, gap, length, …]; the empty set is [].
func (r runs) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	end := int64(0)
	for i, run := range r.Ranges() {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, run.First-end, 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, run.Last-run.First+1, 10)
		end = run.Last + 1
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and refuses runs that are empty,
// touch each other or leave the numbers that offsets can be.
func (r *runs) UnmarshalJSON(data []byte) error {
	var n []int64
	if err := json.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("decode offsets: %w", err)
	}
	if len(n)%2 != 0 {
		return errors.New("decode offsets: want pairs of a gap and a length")
	}
	var got offset.Set
	end := int64(0)
	for i := 0; i < len(n); i += 2 {
		gap, length := n[i], n[i+1]
		if gap < 0 || gap == 0 && i > 0 || length < 1 || gap > math.MaxInt64-end || length > math.MaxInt64-end-gap {
			return fmt.Errorf("decode offsets: pair %d: gap %d and length %d are no run after offset %d", i/2, gap, length, end)
		}
		got.AddRange(offset.Range{First: end + gap, Last: end + gap + length - 1})
		end += gap + length
	}
	r.Set = got
	return nil
}

// setOf returns the offsets as a set, and sorts them. Adding them one by one
// would move half of the set for each, as batches are not in Kafka's order.
func setOf(offsets []int64) *offset.Set {
	slices.Sort(offsets)
	set := new(offset.Set)
	for i := 0; i < len(offsets); {
		j := i + 1
		for j < len(offsets) && offsets[j] <= offsets[j-1]+1 {
			j++
		}
		set.AddRange(offset.Range{First: offsets[i], Last: offsets[j-1]})
		i = j
	}
	return set
}
