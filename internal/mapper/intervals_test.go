package mapper

import (
	"testing"
	"time"
)

// TestIntervals reads back, as open hours, what testdata/rules/shares.yaml says.
func TestIntervals(t *testing.T) {
	t.Attr("guards", "time windows hold when they say so")
	t.Parallel()
	r := mustLoad(t, "testdata/rules/shares.yaml")
	active := map[string]func(time.Time) bool{}
	for _, rule := range r.rules {
		g := rule.delivery.policy.Gate
		if c := rule.delivery.clock; c != nil {
			g = &c.held
		}
		if g.Active != nil {
			active[g.Active.Name()] = g.Active.Open
		}
	}
	for _, tt := range []struct {
		name, at string
		want     bool
	}{
		{"daytime, weekend", "2026-03-02T07:59:59+08:00", false}, // a Monday
		{"daytime, weekend", "2026-03-02T08:00:00+08:00", true},
		{"daytime, weekend", "2026-03-02T21:59:59+08:00", true},
		{"daytime, weekend", "2026-03-02T22:00:00+08:00", false},
		{"daytime, weekend", "2026-03-01T23:00:00+08:00", true}, // a Sunday
		{"daytime, weekend", "2026-03-01T23:00:00Z", false},     // Monday in Shanghai
		{"season", "2026-05-01T06:29:00Z", true},                // a Friday
		{"season", "2026-05-01T06:30:00Z", false},
		{"season", "2026-05-01T20:00:00Z", true},
		{"season", "2026-05-02T20:00:00Z", false}, // a Saturday
		{"season", "2026-05-03T23:59:59Z", true},  // a Sunday
		{"season", "2026-05-18T20:00:00Z", true},  // within the 15th to the fifth from the end
		{"season", "2026-05-28T20:00:00Z", false}, // the fourth from the end
		{"season", "2026-05-29T20:00:00Z", true},  // the third
		{"season", "2026-04-15T20:00:00Z", false}, // before may
		{"season", "2026-08-31T20:00:00Z", true},
		{"season", "2026-12-01T20:00:00Z", true},
		{"season", "2027-06-01T20:00:00Z", false},
		{"season", "2028-06-01T20:00:00Z", true},
		{"season", "2030-06-03T20:00:00Z", true},
		{"season", "2031-06-02T20:00:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		open := active[tt.name]
		if open == nil {
			t.Fatalf("no rule is active in %q", tt.name)
		}
		if got := open(at); got != tt.want {
			t.Errorf("%s is open at %s: %t, want %t", tt.name, tt.at, got, tt.want)
		}
	}
}

// BenchmarkLoad is the cost of a reload, whose slowest part is looking for the
// gaps of time intervals.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		mustLoad(b, "testdata/rules/shares.yaml")
	}
}
