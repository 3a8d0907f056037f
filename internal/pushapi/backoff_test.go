package pushapi

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPausesGrowAndEnd(t *testing.T) {
	t.Attr("guards", "a struggling API is called less and less, and at full pace once it answers")
	t.Parallel()
	const interval = 1100 * time.Millisecond
	for name, tt := range map[string]struct {
		class Class
		code  int
		least []time.Duration // of the first calls, and of all after them
		most  []time.Duration
	}{
		"retry": {
			class: ClassRetry,
			least: []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, 64 * time.Second, 128 * time.Second, 150 * time.Second},
			most:  []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, 64 * time.Second, 128 * time.Second, 256 * time.Second, 300 * time.Second},
		},
		"doubt":    {class: ClassDoubt, least: []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 0}, most: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Minute}},
		"interval": {class: ClassWait, code: 90024, least: []time.Duration{interval}, most: []time.Duration{interval}},
		"frequent": {class: ClassWait, code: 60007, least: []time.Duration{1 * time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour},
			most: []time.Duration{75 * time.Second, 150 * time.Second, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, 75 * time.Minute}},
		"quota":  {class: ClassQuota, least: []time.Duration{0}, most: []time.Duration{0}},
		"resign": {class: ClassResign, least: []time.Duration{0}, most: []time.Duration{0}},
		"reject": {class: ClassReject, least: []time.Duration{0}, most: []time.Duration{0}},
		"config": {class: ClassConfig, least: []time.Duration{time.Hour}, most: []time.Duration{time.Hour}},
		"ok":     {class: ClassOK, least: []time.Duration{0}, most: []time.Duration{0}},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				random := rapid.Uint32()
				var s streak
				for i := range rapid.IntRange(1, 80).Draw(t, "calls") {
					got := s.pause(tt.class, tt.code, interval, random.Draw(t, "random"))
					j := min(i, len(tt.least)-1)
					if got < tt.least[j] || got > tt.most[j] {
						t.Fatalf("pause %d is %v, want %v to %v", i+1, got, tt.least[j], tt.most[j])
					}
				}
				s.pause(ClassOK, 0, interval, 0)
				if got := s.pause(tt.class, tt.code, interval, 0); got != tt.least[0] {
					t.Fatalf("after a success the pause is %v, want %v", got, tt.least[0])
				}
			})
		})
	}
}

func TestPauseUsesTheWholeRange(t *testing.T) {
	t.Attr("guards", "callers that failed together do not come back together")
	t.Parallel()
	low := (&streak{}).pause(ClassRetry, 0, 0, 0)
	middle := (&streak{}).pause(ClassRetry, 0, 0, 1<<31)
	high := (&streak{}).pause(ClassRetry, 0, 0, 1<<32-1)
	if low != 500*time.Millisecond || middle != 750*time.Millisecond || high < 999*time.Millisecond || high >= time.Second {
		t.Errorf("pauses %v, %v, %v", low, middle, high)
	}
}

// What is tried once more and what is not, call by call.
func TestSettle(t *testing.T) {
	t.Attr("guards", "a person is called when, and only when, trying again is no use")
	t.Parallel()
	code := func(n int) answer { return answer{rule: ruleOf(n), code: n, answered: true} }
	lost := answer{rule: rule{class: ClassDoubt}}
	for name, tt := range map[string]struct {
		answers []answer
		want    []Class
	}{
		"signature twice":                  {[]answer{code(70001), code(70003), code(70001)}, []Class{ClassResign, ClassConfig, ClassConfig}},
		"signature, success, signature":    {[]answer{code(70001), code(0), code(70001)}, []Class{ClassResign, ClassOK, ClassResign}},
		"signature, refusal, signature":    {[]answer{code(70001), code(90033), code(70001)}, []Class{ClassResign, ClassReject, ClassResign}},
		"silence does not accept it":       {[]answer{code(70001), lost, code(70001)}, []Class{ClassResign, ClassDoubt, ClassConfig}},
		"stranger twice":                   {[]answer{code(60099), code(60099), code(60099)}, []Class{ClassRetry, ClassConfig, ClassConfig}},
		"two strangers":                    {[]answer{code(60099), code(70099), code(60099)}, []Class{ClassRetry, ClassRetry, ClassRetry}},
		"stranger, success, stranger":      {[]answer{code(60099), code(0), code(60099)}, []Class{ClassRetry, ClassOK, ClassRetry}},
		"stranger, silence, stranger":      {[]answer{code(60099), lost, code(60099)}, []Class{ClassRetry, ClassDoubt, ClassConfig}},
		"an internal error is no stranger": {[]answer{code(91000), code(91000), code(91000)}, []Class{ClassRetry, ClassRetry, ClassRetry}},
	} {
		t.Run(name, func(t *testing.T) {
			var s streak
			for i, a := range tt.answers {
				got, do := s.settle(a)
				if got != tt.want[i] || (do != "") != (got == ClassConfig) {
					t.Errorf("answer %d: %v (%q), want %v", i+1, got, do, tt.want[i])
				}
			}
		})
	}
}
