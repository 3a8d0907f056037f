package limiter

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What stands in a table is found under its hash and under no other, whatever has come
// and gone beside it: references may be equal, hashes too, but not both.
func TestATableAgreesWithAList(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	type entry struct {
		hash uint32
		ref  uint32
	}
	hashes := rapid.OneOf(rapid.Uint32Range(0, 3), rapid.Uint32())
	refs := rapid.Uint32Range(1, 5)
	rapid.Check(t, func(t *rapid.T) {
		var table table[uint32]
		var list []entry
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := entry{hashes.Draw(t, "hash"), refs.Draw(t, "ref")}
				if !slices.Contains(list, e) {
					table.add(e.hash, e.ref)
					list = append(list, e)
				}
			},
			"remove": func(t *rapid.T) {
				if len(list) == 0 {
					return
				}
				n := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				table.remove(list[n].hash, list[n].ref)
				list = slices.Delete(list, n, n+1)
			},
			"replace": func(t *rapid.T) {
				if len(list) == 0 {
					return
				}
				n := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				by := entry{list[n].hash, refs.Draw(t, "by")}
				if !slices.Contains(list, by) {
					table.replace(by.hash, list[n].ref, by.ref)
					list[n] = by
				}
			},
			"": func(t *rapid.T) {
				if table.count != len(list) {
					t.Fatalf("%d, counted %d", len(list), table.count)
				}
				for _, e := range list {
					if got := table.find(e.hash, func(ref uint32) bool { return ref == e.ref }); got != e.ref {
						t.Fatalf("%v is not found", e)
					}
				}
				for ref := uint32(1); ref <= 5; ref++ {
					e := entry{hashes.Draw(t, "another hash"), ref}
					if got := table.find(e.hash, func(has uint32) bool { return has == ref }); (got != 0) != slices.Contains(list, e) {
						t.Fatalf("%v is found: %v", e, got != 0)
					}
				}
			},
		})
	})
}
