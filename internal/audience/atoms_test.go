package audience_test

import (
	"testing"

	"pushbridge/internal/audience"
)

func TestAtomsAreTheTagsOrThePairs(t *testing.T) {
	t.Attr("guards", "audience algebra")
	t.Parallel()
	tags, err := audience.OfAllTags("vip", "gold", "c")
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := audience.OfAnyAttr(map[string]string{"city": "x", "level": "10"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []audience.Audience{tags, pairs, audience.All(), {}} {
		var got []audience.Pair
		for name, value := range a.Atoms() {
			got = append(got, audience.Pair{Name: name, Value: value})
		}
		want := a.Pairs()
		for _, tag := range a.Tags() {
			want = append(want, audience.Pair{Name: tag})
		}
		if len(got) != len(want) {
			t.Fatalf("%v yields %v, want %v", a, got, want)
		}
		for n := range got {
			if got[n] != want[n] {
				t.Errorf("%v yields %v, want %v", a, got, want)
			}
		}
		for range a.Atoms() {
			break // which must be allowed
		}
	}
}
