package bridge

import (
	"encoding/json"
	"slices"
	"testing"

	"pushbridge/internal/limiter"
	"pushbridge/schemas"
)

// Readers of results are promised a closed list; the words are the scheduler's.
func TestEveryWhyIsInTheSchemas(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	var words []string
	unknown := limiter.Why(0).String()
	for w := limiter.WhyDeadline; w.String() != unknown; w++ {
		words = append(words, w.String())
	}
	if len(words) < 3 {
		t.Fatalf("the scheduler knows the reasons %q", words)
	}
	for _, name := range []string{"bridge.event.disposed.v1.json", "bridge.push.completed.v1.json"} {
		raw, err := schemas.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Properties struct{ Why struct{ Enum []string } }
		}
		if err := json.Unmarshal(raw, &schema); err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !slices.Contains(schema.Properties.Why.Enum, w) {
				t.Errorf("%s knows the reasons %q, not %q", name, schema.Properties.Why.Enum, w)
			}
		}
	}
}
