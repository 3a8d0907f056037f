package consume

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What one event leaves in the Parser is in none of the next: every case after
// every other, and events that share some of their texts.
func TestParserReadsEachEventAsIfAlone(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()

	var texts []string
	for _, name := range slices.Sorted(maps.Keys(quickCases)) {
		texts = append(texts, quickCases[name].value)
	}
	for i := range 40 {
		texts = append(texts, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s%d","type":"t%d","subject":"s%d","x%d":"v%d","recordedtime":"%d"}`,
			i, i%2, i%3, i%4, i%5, i%3, i))
	}
	texts = append(texts, `{"specversion":"1.0","id":"1","source":"http://a b","type":"t"}`, `{"specversion":"1.0","id":"1","source":"//s","type":"t"}`)
	const seed = 7
	random := rand.New(rand.NewPCG(seed, 0))
	var p Parser
	for round := range 50 {
		random.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		for _, text := range texts {
			want, wantErr := ParseEvent([]byte(text))
			got, err := p.Parse([]byte(text))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, round %d: %s (-alone +after others):\n%s", seed, round, text, diff)
			}
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("seed %d, round %d: %s: %v, want %v", seed, round, text, err, wantErr)
			}
		}
	}
}
