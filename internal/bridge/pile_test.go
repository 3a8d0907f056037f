package bridge

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/offset"
)

// A pile against a slice, with pieces short enough to be many.
func TestPileKeepsAllInOrder(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := pile{max: 5}
		var twin []int64
		var written [][]journal.Disposition
		next := int64(0)
		add := func(n int) {
			for range n {
				p.add(journal.Disposition{Origin: originAt(next)})
				twin = append(twin, next)
				next++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add a few":  func(t *rapid.T) { add(rapid.IntRange(1, 3).Draw(t, "n")) },
			"add a heap": func(t *rapid.T) { add(9) },
			"take": func(t *rapid.T) {
				piece := p.take()
				if got := offsets(piece); !slices.Equal(got, twin[:len(got)]) || len(got) > p.max || len(got) == 0 && len(twin) > 0 {
					t.Fatalf("took %d of %d", len(got), len(twin))
				}
				twin = twin[len(piece):]
				written = append(written, piece)
			},
			"take from": func(t *rapid.T) {
				n := rapid.IntRange(0, len(twin)).Draw(t, "n")
				if got := offsets(p.takeFrom(n)); !slices.Equal(got, twin[n:]) {
					t.Fatalf("from %d of %d: took %d", n, len(twin), len(got))
				}
				twin = twin[:n]
			},
			"give back": func(t *rapid.T) {
				if len(written) == 0 {
					t.Skip("nothing was taken")
				}
				p.giveBack(written[0])
				written = written[1:]
			},
			"": func(t *rapid.T) {
				if p.len() != len(twin) {
					t.Fatalf("len %d, want %d", p.len(), len(twin))
				}
			},
		})
	})
}

func originAt(at int64) (o intent.Origin) {
	o.Position = offset.Position{Offset: at}
	return o
}

func offsets(ds []journal.Disposition) []int64 {
	all := make([]int64, len(ds))
	for i := range ds {
		all[i] = ds[i].Origin.Position.Offset
	}
	return all
}
