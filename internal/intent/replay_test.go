package intent

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// However a file writes its pools, replays have one with a ceiling.
func TestReplaysHaveAShareAndNoMore(t *testing.T) {
	t.Attr("guards", "no replay can take the calls of what happens now")
	t.Parallel()
	for name, tt := range map[string]struct {
		calls int
		pools []Pool
		want  []Pool
	}{
		"a tenth":             {100, nil, []Pool{{Name: ReplayPool, AtMost: 10}}},
		"at least one":        {3, nil, []Pool{{Name: ReplayPool, AtMost: 1}}},
		"behind others":       {100, []Pool{{Name: "crm", AtLeast: 5}}, []Pool{{Name: "crm", AtLeast: 5}, {Name: ReplayPool, AtMost: 10}}},
		"as written":          {100, []Pool{{Name: ReplayPool, AtMost: 30, Borrow: true}}, []Pool{{Name: ReplayPool, AtMost: 30, Borrow: true}}},
		"a floor, no ceiling": {100, []Pool{{Name: ReplayPool, AtLeast: 20}}, []Pool{{Name: ReplayPool, AtLeast: 20, AtMost: 20}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			terms := Terms{Calls: tt.calls, Pools: tt.pools}
			if diff := cmp.Diff(tt.want, terms.AllPools()); diff != "" {
				t.Errorf("pools (-want +got):\n%s", diff)
			}
		})
	}
}
