package mapper

import (
	"testing"
	"time"
)

func TestLongestExpiry(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	rules, err := Parse("rules.yaml", []byte(`
version: 1
rules:
  - {name: usual, match: {type: a}, audience: {everyone: true}, message: [{text: a}]}
  - {name: long, match: {type: b}, audience: {everyone: true}, message: [{text: a}], delivery: {expire_after: 72h}}
  - {name: dated, match: {type: c}, audience: {everyone: true}, message: [{text: a}], delivery: {expire_after: 96h, expire_at: "2026-12-24T18:00:00Z"}}
`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := rules.LongestExpiry(); got != 72*time.Hour {
		t.Errorf("longest expiry %v, want 72h", got)
	}
}
