package consume

import (
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	start := time.Now()
	for name, tt := range map[string]struct {
		beats []time.Duration // since the start
		want  bool
	}{
		"all the time":          {beats: []time.Duration{4 * time.Second, 8 * time.Second, 13 * time.Second}, want: true},
		"half a session":        {beats: []time.Duration{5 * time.Second}, want: true},
		"over half a session":   {beats: []time.Duration{5*time.Second + 1}},
		"once, and well again":  {beats: []time.Duration{time.Second, 7 * time.Second, 8 * time.Second}},
		"from the start of all": {beats: []time.Duration{time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			p, got := newPulse(10*time.Second, start), true
			for _, at := range tt.beats {
				got = p.beat(start.Add(at))
			}
			if got != tt.want {
				t.Errorf("after beats at %v: ran all the time: %v, want %v", tt.beats, got, tt.want)
			}
		})
	}
}
