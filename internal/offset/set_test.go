package offset

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSetAgreesWithAMap(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var set Set
		twin := map[int64]bool{}
		at := rapid.Int64Range(0, 40)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				o := at.Draw(t, "offset")
				set.Add(o)
				twin[o] = true
			},
			"add range": func(t *rapid.T) {
				first := at.Draw(t, "first")
				last := first + rapid.Int64Range(0, 10).Draw(t, "more")
				set.AddRange(Range{first, last})
				for o := first; o <= last; o++ {
					twin[o] = true
				}
			},
			"store": func(t *rapid.T) {
				raw, err := json.Marshal(set)
				var got Set
				if err == nil {
					err = json.Unmarshal(raw, &got)
				}
				if err != nil || !slices.Equal(got.Ranges(), set.Ranges()) {
					t.Fatalf("%s comes back as %v, %v; want %v", raw, got.Ranges(), err, set.Ranges())
				}
				set = got
			},
			"": func(t *rapid.T) {
				for o := int64(-1); o <= 51; o++ {
					if set.Contains(o) != twin[o] {
						t.Fatalf("%v contains %d: %v, want %v", set.Ranges(), o, !twin[o], twin[o])
					}
				}
				if set.Len() != int64(len(twin)) {
					t.Fatalf("%v has %d offsets, want %d", set.Ranges(), set.Len(), len(twin))
				}
				if want := runs(twin); !slices.Equal(set.Ranges(), want) {
					t.Fatalf("ranges %v, want the fewest: %v", set.Ranges(), want)
				}
			},
		})
	})
}

// runs returns the offsets as the fewest ranges.
func runs(offsets map[int64]bool) []Range {
	var ranges []Range
	for _, o := range slices.Sorted(maps.Keys(offsets)) {
		if n := len(ranges); n > 0 && ranges[n-1].Last == o-1 {
			ranges[n-1].Last = o
			continue
		}
		ranges = append(ranges, Range{o, o})
	}
	return ranges
}

func TestSetJSON(t *testing.T) {
	t.Attr("guards", "the form of ranges in the journal")
	t.Parallel()
	for name, tt := range map[string]struct {
		in, want string
		wantErr  string
	}{
		"empty":               {in: `[]`, want: `[]`},
		"null":                {in: `null`, want: `[]`},
		"one":                 {in: `[[3,3]]`, want: `[[3,3]]`},
		"out of order":        {in: `[[7,9],[0,3]]`, want: `[[0,3],[7,9]]`},
		"touching":            {in: `[[4,6],[0,3]]`, want: `[[0,6]]`},
		"overlapping":         {in: `[[0,5],[2,9],[20,21]]`, want: `[[0,9],[20,21]]`},
		"up to the last":      {in: `[[0,1],[9223372036854775807,9223372036854775807]]`, want: `[[0,1],[9223372036854775807,9223372036854775807]]`},
		"the last in a range": {in: `[[9223372036854775806,9223372036854775807],[5,9223372036854775806]]`, want: `[[5,9223372036854775807]]`},
		"backwards":           {in: `[[3,2]]`, wantErr: "decode offset set: decode offset range: [3,2]: want [first,last] with 0 <= first <= last"},
		"negative":            {in: `[[-1,2]]`, wantErr: "want [first,last]"},
		"three numbers":       {in: `[[1,2,3]]`, wantErr: "want [first,last]"},
		"no numbers":          {in: `[["a","b"]]`, wantErr: "decode offset range"},
		"too large":           {in: `[[0,9223372036854775808]]`, wantErr: "decode offset range"},
		"no array":            {in: `{"First":1}`, wantErr: "decode offset set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set Set
			err := json.Unmarshal([]byte(tt.in), &set)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("%s: %v, err = %v, want %q", tt.in, set.Ranges(), err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(set)
			if diff := cmp.Diff(tt.want, string(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	var zero Set
	zero.Add(math.MaxInt64)
	if !zero.Contains(math.MaxInt64) || zero.Contains(math.MaxInt64-1) || zero.Len() != 1 {
		t.Errorf("the highest offset alone: %v", zero.Ranges())
	}
}

func TestPosition(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	ordered := []Position{
		{Partition{"a", 2}, 9}, {Partition{"b", 0}, 7}, {Partition{"b", 1}, 3}, {Partition{"b", 1}, 4}, {Partition{"b", 10}, 0},
	}
	for i, p := range ordered {
		for j, q := range ordered {
			if got, want := p.Compare(q), min(1, max(-1, i-j)); got != want {
				t.Errorf("%v against %v: %d, want %d", p, q, got, want)
			}
		}
	}
	if got := ordered[4].String() + " in " + ordered[4].Partition.String(); got != "b/10@0 in b/10" {
		t.Errorf("prints as %s", got)
	}
}

func BenchmarkSetAdd(b *testing.B) {
	b.Run("ascending", func(b *testing.B) {
		var set Set
		b.ReportAllocs()
		for i := range int64(b.N) {
			set.Add(i + i/1000) // a gap every thousand
		}
	})
	b.Run("every second, backwards", func(b *testing.B) {
		const most = 1 << 13
		var set Set
		b.ReportAllocs()
		for i := range b.N {
			if i%most == 0 {
				set = Set{}
			}
			set.Add(int64(2 * (most - i%most)))
		}
	})
}
