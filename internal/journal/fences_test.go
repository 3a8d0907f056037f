package journal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFences(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	a := &Attempt{ID: "p", Number: 2}
	for name, tt := range map[string]struct {
		metadata []string
		want     fences
	}{
		"none":                        {nil, fences{}},
		"a fence":                     {[]string{a.FencedAs(1200 * time.Microsecond)}, fences{"p.2": 2 * time.Millisecond}},
		"at once":                     {[]string{a.FencedAs(0)}, fences{"p.2": 0}},
		"of an older bridge":          {[]string{a.Name()}, fences{"p.2": -1}},
		"of a foreign hand":           {[]string{"p.2+-5"}, fences{"p.2": -1}},
		"too long to be":              {[]string{"p.2+99999999999"}, fences{"p.2": -1}},
		"two, the later counts":       {[]string{"p.2+7", "p.2+5"}, fences{"p.2": 7 * time.Millisecond}},
		"one is not known":            {[]string{"p.2+7", "p.2"}, fences{"p.2": -1}},
		"one is not known, the other": {[]string{"p.2", "p.2+7"}, fences{"p.2": -1}},
		"of two attempts":             {[]string{"p.2+7", "q.1+1"}, fences{"p.2": 7 * time.Millisecond, "q.1": time.Millisecond}},
	} {
		if diff := cmp.Diff(tt.want, parseFences(tt.metadata)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
