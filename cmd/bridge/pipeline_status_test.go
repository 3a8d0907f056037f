package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pushbridge/internal/audience"
	"pushbridge/internal/bridge"
	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
)

// What a batch waits for is passed on in the scheduler's words, and nothing is said of
// a lane of which nothing is known.
func TestLaneStatusSaysWhatItWaitsFor(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	gold, err := audience.OfAnyTag("gold")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 22, 13, 0, 0, 0, time.FixedZone("", 3600))
	got, err := json.MarshalIndent([]laneStatus{
		laneStatusOf(&bridge.LaneStatus{
			Name: "alerts", App: 7, Calls: 100, Known: true, LastHour: 10, Blocked: "push: code 90009",
			Freed: bridge.Freed{After: noon.Add(-time.Hour), By: noon},
			Pools: []limiter.PoolUse{{Pool: intent.Pool{Name: "storms", AtLeast: 3}, Used: 1}},
			Pending: limiter.Snapshot{
				Used: 90, NextCall: noon, Batches: 1, Pending: map[intent.Priority]int{intent.High: 2},
				Waiting: []limiter.Waiting{{Rule: "storm", Audience: gold, Intents: 2, Priority: intent.High, For: "any words", Until: noon}},
			},
		}),
		laneStatusOf(&bridge.LaneStatus{App: 8, Calls: 100}),
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {
  "lane": "alerts",
  "sdkappid": 7,
  "blocked": "push: code 90009",
  "breaker": "closed",
  "quota": 100,
  "used": 90,
  "remaining": 10,
  "exhausted_in_seconds": 3600,
  "pools": [
   {
    "pool": "storms",
    "used": 1,
    "at_least": 3
   }
  ],
  "next_call": "2026-11-22T12:00:00Z",
  "quota_freed": {
   "after": "2026-11-22T11:00:00Z",
   "by": "2026-11-22T12:00:00Z"
  },
  "pending": {
   "critical": 0,
   "high": 2,
   "low": 0,
   "normal": 0
  },
  "batches": 1,
  "waiting": [
   {
    "rule": "storm",
    "audience": "tags_any[gold]",
    "events": 2,
    "priority": "high",
    "waits_for": "any words",
    "until_at_the_latest": "2026-11-22T12:00:00Z"
   }
  ]
 },
 {
  "lane": "default",
  "sdkappid": 8,
  "breaker": "closed",
  "quota": 100
 }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
