package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// The API's day is one of a zone and begins at 02:00 UTC; we count more calls than
// it gives. When it gives some again is found out to the hour, also where the
// bridge starts anew between the refusals and the success.
func TestWhenTheQuotaIsFreedIsRecorded(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, restart := range map[string]bool{"one life": false, "a restart between": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := pushsim.Config{Quota: 2, Window: pushsim.Calendar, Zone: time.FixedZone("UTC-2", -2*60*60)}
			inBubble(t, setup{rules: twoRules, users: people, sim: sim}, func(t *testing.T, w *world) {
				i := w.start()
				sleep(30 * time.Minute)
				want := map[string]string{}
				for n := range 3 {
					want[w.emit(promo(fmt.Sprint(n), "gold"))[0]] = "pushed"
					sleep(time.Minute)
				}
				if got := i.status(); got.Blocked == "" || !got.Freed.By.IsZero() {
					t.Errorf("after the refusal: blocked %q, freed %+v", got.Blocked, got.Freed)
				}
				sleep(62 * time.Minute)
				if restart {
					i.leave()
					time.Sleep(40 * time.Minute) // the last refusal was in an earlier life
					i = w.start()
				}
				sleep(80 * time.Minute)

				w.wantDispositions(want)
				year, month, day := time.Now().UTC().Date()
				midnight := time.Date(year, month, day, 2, 0, 0, 0, time.UTC)
				freed := i.status().Freed
				if !freed.After.Before(midnight) || freed.By.Before(midnight) || freed.By.Sub(freed.After) > time.Hour+time.Minute {
					t.Errorf("freed after %v, by %v; the day began at %v", freed.After, freed.By, midnight)
				}
				if got := i.metric("bridge_quota_freed_timestamp_seconds", "lane", "default"); got < float64(midnight.Unix()) || got > float64(midnight.Add(time.Hour).Unix()) {
					t.Errorf("bridge_quota_freed_timestamp_seconds is %v, want the hour from %d", got, midnight.Unix())
				}
				for _, part := range []string{"the API gives calls of the quota again", "lane=default", `hour_utc="01 to 02"`, freed.After.UTC().Format("15:04"), freed.By.UTC().Format("15:04")} {
					if !strings.Contains(i.log.String(), part) {
						t.Errorf("the log lacks %s", part)
					}
				}
				w.wantCommitted()
			})
		})
	}
}

func TestHoursOfABoundary(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	at := func(hour, minute int) time.Time {
		return time.Date(2026, 11, 22, hour, minute, 0, 0, time.FixedZone("", 3600))
	}
	for want, f := range map[string]Freed{
		"15":       {at(16, 0), at(16, 59)},
		"15 to 16": {at(16, 59), at(17, 0)},
		"23 to 01": {at(0, 30), at(2, 0)},
	} {
		if got := f.hours(); got != want {
			t.Errorf("%+v: %s, want %s", f, got, want)
		}
	}
}
