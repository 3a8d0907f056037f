package offset

import "testing"

// Whatever is a position prints as what was read; a topic's name may hold any sign.
func FuzzParsePosition(f *testing.F) {
	for _, text := range []string{"in/0@1", "a.b/2@9223372036854775807", "a/b@c/1@2", "in/0", "in@0", "/0@1", "in/-1@1", "in/1@-1", "in/99999999999@1", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		if err != nil {
			return
		}
		again, err := ParsePosition(p.String())
		if err != nil || again != p {
			t.Errorf("%q is %+v, which prints as %s, which is %+v, %v", text, p, p, again, err)
		}
	})
}
