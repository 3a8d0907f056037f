package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// changesOf checks the changes of quotas and puts them in order.
func changesOf(changes []Change, lanes []*lane) ([]Change, error) {
	for _, c := range changes {
		l := laneOf(lanes, c.Lane)
		if l == nil {
			return nil, fmt.Errorf("simulate: quota of lane %q after %v: there is no such lane", c.Lane, c.After)
		}
		if c.After < 0 {
			return nil, fmt.Errorf("simulate: quota of lane %q after %v: want 0 or more", c.Lane, c.After)
		}
		terms := l.terms
		terms.Calls = c.Calls
		if err := terms.Check(); err != nil {
			return nil, fmt.Errorf("simulate: quota of lane %q after %v: %w", c.Lane, c.After, err)
		}
	}
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.After, b.After) })
	return changes, nil
}

// changeAt is when the next change is due.
func (r *run) changeAt() time.Time { return whole(r.start.Add(r.changes[0].After), r.grain) }

// change puts the lane under another quota. What was spent stays spent.
func (l *lane) change(calls int) {
	l.terms.Calls = calls
	l.budget.SetTerms(l.terms)
}
