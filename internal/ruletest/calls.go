package ruletest

import (
	"fmt"
	"slices"
)

func (r *trial) compareCalls() {
	got := make([]facts, len(r.got.calls))
	for i := range r.got.calls {
		got[i] = r.callFacts(&r.got.calls[i])
	}
	pairs := align(len(r.test.calls), len(got), func(i, j int) int { return r.test.calls[i].likeness(got[j]) })
	edit := change{node: r.callList, items: []item{}}
	changed := false
	for _, p := range pairs {
		switch {
		case p.got < 0:
			w := &r.test.calls[p.want]
			r.fail(w.node, Failure{Of: fmt.Sprintf("call %d", p.want+1), Want: flow(w.node.Value()), Why: r.missing(w)})
			changed = true
		case p.want < 0:
			text := callText(got[p.got])
			r.fail(r.callList, Failure{Of: "call at " + got[p.got]["at"].shown(), Got: text, Why: r.unexpected(p.got)})
			edit.items = append(edit.items, item{text: text})
			changed = true
		default:
			w := &r.test.calls[p.want]
			before := len(r.out.changes)
			r.compareKeys(fmt.Sprintf("call %d", p.want+1), w.keys, got[p.got], r.differs(p.got))
			edit.items = append(edit.items, item{node: w.node, changes: slices.Clone(r.out.changes[before:])})
		}
	}
	if changed {
		r.rewrite(edit)
	}
}

// rewrite takes the changes of a list's items into one of the list.
func (r *trial) rewrite(list change) {
	for _, i := range list.items {
		r.out.changes = slices.DeleteFunc(r.out.changes, func(c change) bool {
			return slices.ContainsFunc(i.changes, func(own change) bool { return own.node == c.node })
		})
	}
	r.out.changes = append(r.out.changes, list)
}

// likeness is how much of what is wanted the call is, its events above all.
func (w *wantCall) likeness(got facts) int {
	n := 0
	if w.events != nil {
		for _, name := range got["events"].value.([]string) {
			if slices.Contains(w.events, name) {
				n += 4
			}
		}
	}
	return n + likeness(w.keys, got)
}

// differs says of the keys of a call why they are not as they were wanted. Why it
// does not reach the people of another call is said once.
func (r *trial) differs(i int) func(*wanted) []string {
	c := &r.got.calls[i]
	alone := false
	return func(k *wanted) []string {
		switch k.key {
		case "at":
			var why []string
			if !k.at.IsZero() && k.at.Before(c.Sent) {
				if waited := r.got.waitedFor(c.Batch.ID, c.Lane, k.at); waited != "" {
					why = append(why, waited)
				}
			}
			return append(why, "it went for this: "+whyWords(c.Batch))
		case "events", "condition", "audience":
			if alone {
				return nil
			}
			alone = true
			return r.apartFrom(i, len(r.got.calls))
		}
		return nil
	}
}

// apartFrom says why a call was not one with the first n others.
func (r *trial) apartFrom(i, n int) []string {
	var why []string
	for j := range n {
		if j == i {
			continue
		}
		if reason := r.apart(&r.got.calls[min(i, j)], &r.got.calls[max(i, j)]); reason != "" {
			why = append(why, fmt.Sprintf("not one call with that at %s: %s", span(r.got.calls[j].Sent.Sub(r.test.start)), reason))
		}
	}
	return atMost(why, 4)
}

// missing says what became of the events of a call that was not made.
func (r *trial) missing(w *wantCall) []string {
	var why []string
	for i := range r.events {
		if w.events == nil || slices.Contains(w.events, r.events[i].fullName()) {
			why = append(why, r.fate(&r.got, int64(i+1))...)
		}
	}
	return atMost(why, 8)
}

// unexpected says why a call was made that nobody wanted.
func (r *trial) unexpected(i int) []string {
	return append([]string{"it went for this: " + whyWords(r.got.calls[i].Batch)}, r.apartFrom(i, i)...)
}

func atMost(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(list[:n:n], fmt.Sprintf("and %d more", len(list)-n))
}
