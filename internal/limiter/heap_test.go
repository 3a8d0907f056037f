package limiter

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type numbered struct{ value, slot int }

func (n *numbered) place() *int { return &n.slot }

func TestQueueAgreesWithASortedList(t *testing.T) {
	t.Attr("guards", "what goes next")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := queue[*numbered]{less: func(a, b *numbered) bool { return a.value < b.value }}
		var all []*numbered
		values := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}).Draw(t, "values")
		draw := func(t *rapid.T) *numbered {
			if len(all) == 0 {
				t.Skip("it is empty")
			}
			return rapid.SampledFrom(all).Draw(t, "element")
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if len(values) == 0 {
					t.Skip("no values are left")
				}
				n := &numbered{value: values[0]}
				values = values[1:]
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
				n.value += 100 * rapid.IntRange(-3, 3).Draw(t, "hundreds")
				q.fix(n)
			},
			"": func(t *rapid.T) {
				if err := ordered(&q); err != nil {
					t.Fatal(err)
				}
				slices.SortFunc(all, func(a, b *numbered) int { return cmp.Compare(a.value, b.value) })
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
