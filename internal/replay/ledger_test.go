package replay

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/offset"
)

// What is worth another time, told as ends are: rule, disposition, minute, replay.
func TestLedger(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	of := offset.Position{Partition: offset.Partition{Topic: "in"}, Offset: 1}
	expired := Wanted{Kinds: []string{"expired"}}
	for name, tt := range map[string]struct {
		ends []string
		want Wanted
		not  string
		no   bool // not wanted
	}{
		"expired":                        {ends: []string{"a expired 0"}, want: expired},
		"pushed":                         {ends: []string{"a pushed 0"}, want: expired, no: true},
		"under one of two":               {ends: []string{"a expired 0", "b pushed 1"}, want: expired, not: "b"},
		"of a rule":                      {ends: []string{"a expired 0", "b expired 1"}, want: Wanted{Kinds: []string{"expired"}, Rule: "b"}, not: "a"},
		"of another rule":                {ends: []string{"a expired 0"}, want: Wanted{Kinds: []string{"expired"}, Rule: "b"}, no: true},
		"pushed by a replay":             {ends: []string{"a expired 0", "a pushed 5 r1"}, want: expired, no: true},
		"told again, later":              {ends: []string{"a pushed 5 r1", "a expired 0"}, want: expired, no: true},
		"expired again":                  {ends: []string{"a expired 0", "a expired 5 r1"}, want: expired},
		"brought twice":                  {ends: []string{"a expired 0", "a pushed 5 r1", "a duplicate 6 r1"}, want: Wanted{Kinds: []string{"duplicate"}}, no: true},
		"brought twice, the copy first":  {ends: []string{"a expired 0", "a duplicate 4 r1", "a pushed 5 r1"}, want: expired, no: true},
		"unmatched":                      {ends: []string{"- unmatched 0"}, want: Wanted{Kinds: []string{"unmatched"}}},
		"unmatched, then taken":          {ends: []string{"- unmatched 0", "a expired 5 r1"}, want: Wanted{Kinds: []string{"unmatched"}}, no: true},
		"unmatched, then taken, expired": {ends: []string{"- unmatched 0", "a expired 5 r1"}, want: Wanted{Kinds: []string{"unmatched", "expired"}}},
		"within the time":                {ends: []string{"a expired 3"}, want: Wanted{Kinds: []string{"expired"}, From: at.Add(3 * time.Minute), To: at.Add(4 * time.Minute)}},
		"at the end of the time":         {ends: []string{"a expired 4"}, want: Wanted{Kinds: []string{"expired"}, From: at.Add(3 * time.Minute), To: at.Add(4 * time.Minute)}, no: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l Ledger
			for _, text := range slices.Concat(tt.ends, tt.ends) {
				words := strings.Fields(text)
				minute, err := time.ParseDuration(words[2] + "m")
				if err != nil {
					t.Fatal(err)
				}
				e := End{Of: of, Rule: strings.Trim(words[0], "-"), Kind: words[1], Decided: at.Add(minute)}
				if len(words) > 3 {
					e.Replay = words[3]
				}
				l.Add(e)
			}
			n := 0
			for p, not := range l.Select(tt.want) {
				if n++; p != of || strings.Join(not, ",") != tt.not {
					t.Errorf("%v without %q, want %v without %q", p, not, of, tt.not)
				}
			}
			if wanted := n == 1; wanted == tt.no {
				t.Errorf("wanted: %v", wanted)
			}
		})
	}
}
