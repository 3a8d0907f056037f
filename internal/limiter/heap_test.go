package limiter

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type numbered struct {
	value, id int
	slot      int32
}

func (n *numbered) compare(m *numbered) int {
	return cmp.Or(cmp.Compare(n.value, m.value), cmp.Compare(n.id, m.id))
}

func TestQueueAgreesWithASortedList(t *testing.T) {
	t.Attr("guards", "what goes next")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := queue[*numbered]{slot: func(n *numbered) *int32 { return &n.slot }, less: func(a, b *numbered) bool { return a.compare(b) < 0 }}
		var all []*numbered
		id := 0
		value := rapid.IntRange(0, 9)
		draw := func(t *rapid.T) *numbered {
			if len(all) == 0 {
				t.Skip("it is empty")
			}
			return rapid.SampledFrom(all).Draw(t, "element")
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				id++
				n := &numbered{value: value.Draw(t, "value"), id: id}
				q.add(n)
				all = append(all, n)
			},
			"remove": func(t *rapid.T) {
				n := draw(t)
				q.remove(n)
				all = slices.DeleteFunc(all, func(m *numbered) bool { return m == n })
			},
			"change": func(t *rapid.T) {
				n := draw(t)
				n.value = value.Draw(t, "value")
				q.fix(n)
			},
			"": func(t *rapid.T) {
				if err := ordered(&q); err != nil {
					t.Fatal(err)
				}
				slices.SortFunc(all, (*numbered).compare)
				for n := -1; n <= len(all)+1; n++ {
					if got, want := q.first(n), all[:max(0, min(n, len(all)))]; !slices.Equal(got, want) {
						t.Fatalf("the first %d are %v, want %v", n, got, want)
					}
				}
				if top, ok := q.top(); ok != (len(all) > 0) || (ok && top != all[0]) {
					t.Fatalf("on top is %v", top)
				}
			},
		})
	})
}
