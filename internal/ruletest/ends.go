package ruletest

import (
	"fmt"
	"slices"
	"strings"

	"pushbridge/internal/simulate"
)

func (r *trial) compareCounts() {
	got := r.got.counts()
	for _, word := range dispositions {
		if got[word] == r.test.counts[word] {
			continue
		}
		var why []string
		for i := range r.events {
			for _, e := range r.got.ends {
				if e.Line == int64(i+1) && e.Disposition == word {
					why = append(why, r.fate(&played{ends: []simulate.End{e}}, e.Line)...)
				}
			}
		}
		n := r.countNode
		if v := n.Get(word); !v.IsZero() {
			n = v
		}
		r.fail(n, Failure{Of: "dispositions", Key: word, Want: fmt.Sprint(r.test.counts[word]), Got: fmt.Sprint(got[word]), Why: atMost(why, 8)})
	}
	if !sameCounts(got, r.test.counts) {
		r.out.changes = append(r.out.changes, change{node: r.countNode, text: countsText(got)})
	}
}

func (p *played) counts() map[string]int {
	n := map[string]int{}
	for _, e := range p.ends {
		n[e.Disposition]++
	}
	return n
}

func sameCounts(a, b map[string]int) bool {
	return !slices.ContainsFunc(dispositions, func(word string) bool { return a[word] != b[word] })
}

// countsText writes the dispositions that there are, in their usual order.
func countsText(n map[string]int) string {
	var all []string
	for _, word := range dispositions {
		if n[word] > 0 {
			all = append(all, fmt.Sprintf("%s: %d", word, n[word]))
		}
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func (r *trial) compareEnds() {
	for i := range r.test.ends {
		w := &r.test.ends[i]
		best, most := -1, -1
		for j := range r.got.ends {
			if r.events[r.got.ends[j].Line-1].fullName() != w.event {
				continue
			}
			if met := likeness(w.keys, r.endFacts(&r.got.ends[j])); met > most {
				best, most = j, met
			}
		}
		of := fmt.Sprintf("end %d, of event %s", i+1, r.shortName(w.event))
		if best < 0 {
			r.fail(w.node, Failure{Of: of, Want: flow(w.node.Value())})
			continue
		}
		r.compareKeys(of, w.keys, r.endFacts(&r.got.ends[best]), func(*wanted) []string { return r.fate(&r.got, r.got.ends[best].Line) })
	}
}
