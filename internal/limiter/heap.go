package limiter

import "slices"

// queue is a binary heap of elements that know their place in it, so that they can
// be moved or taken out in O(log n).
type queue[E comparable] struct {
	less  func(a, b E) bool
	slot  func(E) *int32 // where an element keeps its place
	items []E
}

func (q *queue[E]) size() int { return len(q.items) }

func (q *queue[E]) set(at int, e E) {
	q.items[at] = e
	*q.slot(e) = int32(at)
}

// up moves e from a free place towards the top, and says whether it did.
func (q *queue[E]) up(at int, e E) bool {
	from := at
	for at > 0 {
		parent := (at - 1) / 2
		if !q.less(e, q.items[parent]) {
			break
		}
		q.set(at, q.items[parent])
		at = parent
	}
	q.set(at, e)
	return at < from
}

func (q *queue[E]) down(at int, e E) {
	for {
		child := 2*at + 1
		if child >= len(q.items) {
			break
		}
		if right := child + 1; right < len(q.items) && q.less(q.items[right], q.items[child]) {
			child = right
		}
		if !q.less(q.items[child], e) {
			break
		}
		q.set(at, q.items[child])
		at = child
	}
	q.set(at, e)
}

func (q *queue[E]) add(e E) {
	q.items = append(q.items, e)
	q.up(len(q.items)-1, e)
}

func (q *queue[E]) fix(e E) {
	if at := int(*q.slot(e)); !q.up(at, e) {
		q.down(at, e)
	}
}

func (q *queue[E]) remove(e E) {
	at, last := int(*q.slot(e)), len(q.items)-1
	moved := q.items[last]
	var none E
	q.items[last] = none
	q.items = q.items[:last]
	*q.slot(e) = away
	if at < last && !q.up(at, moved) {
		q.down(at, moved)
	}
}

func (q *queue[E]) top() (E, bool) {
	if len(q.items) == 0 {
		var none E
		return none, false
	}
	return q.items[0], true
}

// first returns the n elements that come first, in order, and leaves them where
// they are. It looks only at those and their children.
func (q *queue[E]) first(n int) []E {
	var found []E
	next := []int{0} // whose parents are found
	for len(found) < min(n, len(q.items)) {
		at := slices.MinFunc(next, func(i, j int) int {
			if q.less(q.items[i], q.items[j]) {
				return -1
			}
			return 1
		})
		found = append(found, q.items[at])
		next = slices.DeleteFunc(next, func(i int) bool { return i == at })
		for _, child := range [...]int{2*at + 1, 2*at + 2} {
			if child < len(q.items) {
				next = append(next, child)
			}
		}
	}
	return found
}
