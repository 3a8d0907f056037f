package offset

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWatermarkAgreesWithAMap(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 5).Draw(t, "start")
		w := NewWatermark(start)
		next, commit := start, start
		open := map[int64]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				o := next + rapid.Int64Range(0, 3).Draw(t, "gap")
				w.Begin(o)
				open[o], next = true, o+1
			},
			"begin again": func(t *rapid.T) {
				if next == start {
					t.Skip("nothing was begun")
				}
				o := rapid.Int64Range(start, next-1).Draw(t, "offset")
				defer func() {
					if recover() == nil {
						t.Fatalf("%d was begun after %d", o, next-1)
					}
				}()
				w.Begin(o)
			},
			"skip": func(t *rapid.T) {
				to := next + rapid.Int64Range(-3, 5).Draw(t, "to")
				w.Skip(to)
				next = max(next, to)
			},
			"done": func(t *rapid.T) {
				o := rapid.Int64Range(start-1, next+1).Draw(t, "offset")
				if got := w.Done(o); got != open[o] {
					t.Fatalf("done %d: %v, want %v", o, got, open[o])
				}
				delete(open, o)
			},
			"": func(t *rapid.T) {
				want := next
				for o := range open {
					want = min(want, o)
				}
				if got := w.Commit(); got != want || got < commit {
					t.Fatalf("commit %d, want %d, not below %d; open: %v", got, want, commit, open)
				}
				if commit = w.Commit(); w.Open() != len(open) {
					t.Fatalf("%d open, want %d", w.Open(), len(open))
				}
			},
		})
	})
}

// One old record holds the mark while a million pass above it.
func TestWatermarkMemoryFollowsWhatIsOpen(t *testing.T) {
	t.Attr("guards", "bounded memory")
	t.Parallel()
	w := NewWatermark(0)
	w.Begin(0)
	longest := 0
	for o := int64(1); o < 1_000_000; o++ {
		w.Begin(o)
		if o > 100 {
			w.Done(o - 100)
		}
		longest = max(longest, cap(w.order))
	}
	if w.Commit() != 0 || w.Open() != 101 {
		t.Fatalf("commit %d with %d open, want 0 with 101", w.Commit(), w.Open())
	}
	if longest > 2000 {
		t.Errorf("the order of 101 open records took %d entries", longest)
	}
	w.Done(0)
	if got := w.Commit(); got != 1_000_000-100 {
		t.Errorf("the old record is done: commit %d, want %d", got, 1_000_000-100)
	}
}

func BenchmarkWatermark(b *testing.B) {
	for name, order := range map[string]func([]int64){
		"in order":  func([]int64) {},
		"backwards": slices.Reverse[[]int64],
		"in random order": func(o []int64) {
			r := rand.New(rand.NewPCG(1, 2))
			r.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
		},
		"the oldest last": func(o []int64) { o[0], o[len(o)-1] = o[len(o)-1], o[0] },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := NewWatermark(0)
			batch := make([]int64, 10_000)
			for n := 0; n < b.N; n += len(batch) {
				for i := range batch {
					batch[i] = w.next
					w.Begin(w.next)
				}
				order(batch)
				for _, o := range batch {
					w.Done(o)
				}
			}
			if w.Open() != 0 {
				b.Fatalf("%d are open", w.Open())
			}
		})
	}
}
