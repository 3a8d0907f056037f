package limiter

import (
	"container/heap"
	"slices"
)

// indexed is what an element of a queue knows of its own place in it, so that it
// can be moved or taken out in O(log n).
type indexed interface {
	comparable
	place() *int
}

// queue is a binary heap of elements that know their place.
type queue[E indexed] struct {
	less  func(a, b E) bool
	items []E
}

func (q *queue[E]) Len() int           { return len(q.items) }
func (q *queue[E]) Less(i, j int) bool { return q.less(q.items[i], q.items[j]) }
func (q *queue[E]) Swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	*q.items[i].place(), *q.items[j].place() = i, j
}

// Push is for package heap; use add.
func (q *queue[E]) Push(x any) {
	e := x.(E)
	*e.place() = len(q.items)
	q.items = append(q.items, e)
}

// Pop is for package heap; use remove.
func (q *queue[E]) Pop() any {
	last := len(q.items) - 1
	e := q.items[last]
	var none E
	q.items[last] = none
	q.items = q.items[:last]
	return e
}

func (q *queue[E]) add(e E)    { heap.Push(q, e) }
func (q *queue[E]) fix(e E)    { heap.Fix(q, *e.place()) }
func (q *queue[E]) remove(e E) { heap.Remove(q, *e.place()) }

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
