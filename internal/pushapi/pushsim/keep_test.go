package pushsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What the log loses after a week it goes on counting, and nothing that the API
// does changes by it: five weeks with and without a bound look alike.
func TestLogThatIsBoundedCountsOn(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	const keep = 7 * day
	sums, answers, recent := map[time.Duration]Summary{}, map[time.Duration][]int{}, map[time.Duration][]Call{}
	for _, bound := range []time.Duration{0, keep} {
		inWorld(t, Config{Quota: 20, Keep: bound, DedupWindow: keep}, func(w *world) {
			w.users(300)
			longest := 0
			for n := range 35 * 24 {
				time.Sleep(time.Hour)
				if n%200 == 199 {
					time.Sleep(300 * time.Millisecond)
					if err := w.sim.Inject(Fault{Kind: FaultClose, After: n%2 == 0}); err != nil {
						t.Fatal(err)
					}
				}
				// Some numbers come again after four days, some pushes are stored.
				number := 1_000_000 + n
				if n%3 == 0 {
					number = n % 99
				}
				body := strings.Replace(w.body(fmt.Sprintf(`"OnlineOnlyFlag":%d`, n%2)), fmt.Sprint(w.random), fmt.Sprint(number), 1)
				r := w.post(pushPath, query().Encode(), body)
				answers[bound] = append(answers[bound], r.ErrorCode)
				if n%100 == 0 && r.TaskID != "" {
					answers[bound] = append(answers[bound], w.tryAPI("revoke", fmt.Sprintf(`{"TaskId":%q}`, r.TaskID)).ErrorCode)
				}
				if n%50 == 0 {
					answers[bound] = append(answers[bound], w.push("").ErrorCode)
				}
				longest = max(longest, len(w.sim.calls))
			}
			sums[bound] = w.sim.Summary()
			recent[bound] = slices.DeleteFunc(w.sim.Calls(), func(c Call) bool { return time.Since(c.Received) > 6*day })
			a := w.sim.apps[testApp]
			if most := 8 * 25; bound > 0 && (longest > most || len(a.tasks) > most || len(a.byID) > most || len(a.lastOf) > most || len(w.sim.randoms) > most) {
				t.Errorf("the log held %d calls, and in the end %d tasks, %d by name, %d by number; %d numbers; want at most %d",
					longest, len(a.tasks), len(a.byID), len(a.lastOf), len(w.sim.randoms), most)
			}
		})
	}
	// Each of the 33 numbers that come again does so with other content.
	if want := (35*24 - 99) / 3; sums[0].Reuses != want {
		t.Errorf("%d numbers were reused within a week, want %d", sums[0].Reuses, want)
	}
	if diff := cmp.Diff(sums[0], sums[keep]); diff != "" {
		t.Errorf("Summary, without and with a bound:\n%s", diff)
	}
	if diff := cmp.Diff(answers[0], answers[keep]); diff != "" {
		t.Errorf("answers, without and with a bound:\n%s", diff)
	}
	if diff := cmp.Diff(recent[0], recent[keep]); diff != "" || len(recent[keep]) < 6*24 {
		t.Errorf("the last %d calls, without and with a bound:\n%s", len(recent[keep]), diff)
	}
}
