package journal

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCallsOfFollowTheApp(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	s := &State{Calls: []Call{
		{End: at(1)}, // before there were lanes
		{End: at(2), App: 7},
		{End: at(3), App: 8, Lane: "alerts"},
	}}
	for name, tt := range map[string]struct {
		lane string
		app  uint32
		want []int64
	}{
		"the default lane":            {"", 7, []int64{1, 2}},
		"another app for it":          {"", 9, []int64{1}},
		"a lane":                      {"alerts", 8, []int64{3}},
		"the same app, another name":  {"storms", 8, []int64{3}},
		"the default's app moved":     {"promo", 7, []int64{2}},
		"a new app under an old name": {"alerts", 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []int64
			for c := range s.CallsOf(tt.lane, tt.app) {
				got = append(got, c.End.Unix())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("calls that ended at (-want +got):\n%s", diff)
			}
			for range s.CallsOf(tt.lane, tt.app) {
				break // leaving early is allowed
			}
		})
	}
	if all := slices.Collect(s.CallsOf("", 7)); len(all) != 2 {
		t.Errorf("%d calls, want 2", len(all))
	}
}
