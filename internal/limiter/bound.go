package limiter

// Bound is how much may wait before nothing more is read. Reading resumes at three
// quarters of it, so that it does not stop and go with every event.
type Bound struct {
	most   int
	paused bool
}

// NewBound returns a Bound of so many, that does not pause yet.
func NewBound(most int) Bound { return Bound{most: most} }

// Most is the limit.
func (b *Bound) Most() int { return b.most }

// Paused says whether nothing is to be read.
func (b *Bound) Paused() bool { return b.paused }

// Set is told how much waits now, and says whether reading pauses or resumes by that.
func (b *Bound) Set(waiting int) (changed bool) {
	paused := waiting >= b.most || b.paused && waiting > b.most*3/4
	changed, b.paused = paused != b.paused, paused
	return changed
}

// Full says whether reading pauses for what the Schedulers have pending, of which there
// is so much: then they are to hurry.
func (b *Bound) Full(pending int) bool { return b.paused && 2*pending >= b.most }
