package mapper

import "testing"

func TestNearest(t *testing.T) {
	t.Attr("guards", "did you mean: of slips, and of nothing that is another word")
	t.Parallel()
	for word, tt := range map[string]struct {
		known []string
		want  string
	}{
		"hihg":     {[]string{"high", "low"}, "high"},
		"jgp":      {[]string{"bmp", "jpg"}, "jpg"},
		"bar":      {[]string{"jpg", "bmp"}, ""},
		"NORMAL":   {[]string{"low", "normal"}, "normal"},
		"urgent":   {[]string{"critical", "high", "normal", "low"}, ""},
		"lo":       {[]string{"low"}, "low"},
		"":         {[]string{"on"}, ""},
		"dya":      {[]string{"24h", "day"}, "day"},
		"digset":   {[]string{"latest", "digest"}, "digest"},
		"märz":     {[]string{"may", "märz"}, "märz"},
		"mreges":   {[]string{"merge"}, ""},
		"mondayss": {[]string{"monday"}, "monday"},
	} {
		if got := nearest(word, tt.known); got != tt.want {
			t.Errorf("nearest(%q, %q) = %q, want %q", word, tt.known, got, tt.want)
		}
	}
}
