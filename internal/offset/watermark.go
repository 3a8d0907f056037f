package offset

import "slices"

// Watermark says how far one partition may be committed: everything below it
// has been read and is done. Its memory grows with the records that are not
// done, not with those that are.
//
//	Begin ──► open ──► Done ──► the mark moves up to the lowest open offset
type Watermark struct {
	next  int64 // one above the highest offset begun; where the partition started
	open  map[int64]struct{}
	order []int64 // the open offsets ascending, among some that are done already
}

// NewWatermark returns the mark of a partition whose first record will be at
// start or later.
func NewWatermark(start int64) *Watermark {
	return &Watermark{next: start, open: make(map[int64]struct{})}
}

// Begin notes that the record at offset has been read and is not done. Offsets
// must ascend; what lies between two of them does not exist (compaction,
// transaction markers) and counts as done. A repeated offset is a fault of the
// caller, and panics: it would be committed before it is done.
func (w *Watermark) Begin(offset int64) {
	if offset < w.next {
		panic("offset: records must be begun in ascending order")
	}
	w.next = offset + 1
	w.open[offset] = struct{}{}
	w.order = append(w.order, offset)
}

// Skip notes that there is nothing to do below next: records that were lost, or
// were done in an earlier life.
func (w *Watermark) Skip(next int64) { w.next = max(w.next, next) }

// Done notes that the record at offset has its disposition. It says whether the
// record was open: a second Done of one record changes nothing.
func (w *Watermark) Done(offset int64) bool {
	if _, ok := w.open[offset]; !ok {
		return false
	}
	delete(w.open, offset)
	first := 0
	for first < len(w.order) && !w.isOpen(w.order[first]) {
		first++
	}
	w.order = w.order[first:]
	if len(w.order) > 2*len(w.open)+64 {
		// One old record may hold the mark while millions pass above it.
		w.order = slices.DeleteFunc(w.order, func(o int64) bool { return !w.isOpen(o) })
	}
	return true
}

// Commit returns the offset to commit: that of the next record to read after a
// restart. It never falls.
func (w *Watermark) Commit() int64 {
	if len(w.order) > 0 {
		return w.order[0]
	}
	return w.next
}

// Open returns the number of records that are not done.
func (w *Watermark) Open() int { return len(w.open) }

func (w *Watermark) isOpen(offset int64) bool {
	_, ok := w.open[offset]
	return ok
}
