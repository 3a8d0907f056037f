package pushsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStoredPushReaches200UsersASecond(t *testing.T) {
	t.Attr("guards", "delivery rate")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.users(1001)
		id := w.pushed("").TaskID
		elapsed := time.Duration(0)
		for _, step := range []struct {
			at   time.Duration
			want int
		}{
			{0, 0}, {5*time.Millisecond - 1, 0}, {5 * time.Millisecond, 1}, {time.Second, 200},
			{5 * time.Second, 1000}, {5*time.Second + 5*time.Millisecond, 1001}, {time.Hour, 1001},
		} {
			time.Sleep(step.at - elapsed)
			elapsed = step.at
			if got := len(w.got(id)); got != step.want {
				t.Errorf("after %v: %d delivered, want %d", step.at, got, step.want)
			}
			// The users' own view: the last who has it, and the next who has not.
			if n := step.want; n > 0 && len(w.sim.Received(fmt.Sprintf("u%d", n-1))) != 1 || n < 1001 && len(w.sim.Received(fmt.Sprintf("u%d", n))) != 0 {
				t.Errorf("after %v: u%d has not received it, or u%d has", step.at, n-1, n)
			}
			if got := w.sim.Tasks()[0].Delivered; got != step.want {
				t.Errorf("after %v: Task.Delivered = %d, want %d", step.at, got, step.want)
			}
			if got := w.sim.Summary().Deliveries; got != step.want {
				t.Errorf("after %v: Summary.Deliveries = %d, want %d", step.at, got, step.want)
			}
		}
	})
}

// Each user's own view agrees with the list, whatever the rate rounds to.
func TestDeliveryInstantsAndCountsAgree(t *testing.T) {
	t.Attr("guards", "delivery rate")
	t.Parallel()
	inWorld(t, Config{Rate: 7}, func(w *world) {
		w.users(30)
		w.pushed("")
		time.Sleep(time.Minute)
		for d := range w.sim.Deliveries() {
			a := w.sim.apps[testApp]
			if made := a.tasks[0].made(d.At); made != a.numbers[d.User]+1 {
				t.Errorf("%s at %v: %d made by then, want %d", d.User, d.At, made, a.numbers[d.User]+1)
			}
			if made := a.tasks[0].made(d.At.Add(-1)); made != a.numbers[d.User] {
				t.Errorf("%s just before %v: %d made, want %d", d.User, d.At, made, a.numbers[d.User])
			}
			if got := w.sim.Received(d.User); len(got) != 1 || got[0] != d {
				t.Errorf("Received(%s) = %+v, want %+v", d.User, got, d)
			}
		}
	})
}

func TestOnlineOnlyPushReachesAllAtOnce(t *testing.T) {
	t.Attr("guards", "delivery rate")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.users(1000)
		if got := len(w.got(w.pushed(`"OnlineOnlyFlag":1`).TaskID)); got != 1000 {
			t.Errorf("%d delivered at once, want 1000", got)
		}
	})
}

func TestStoredPushesShareTheRateInTurn(t *testing.T) {
	t.Attr("guards", "delivery rate")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.users(400) // two seconds of delivery each
		start := time.Now()
		w.pushed("")
		time.Sleep(1100 * time.Millisecond)
		w.pushed("")
		time.Sleep(time.Hour)
		var ends []time.Duration
		for _, task := range w.sim.Tasks() {
			ends = append(ends, task.Ends.Sub(start))
		}
		if diff := cmp.Diff([]time.Duration{2 * time.Second, 4 * time.Second}, ends); diff != "" {
			t.Errorf("ends (-want +got):\n%s", diff)
		}
	})
}

func TestRecallStopsWhatIsNotDelivered(t *testing.T) {
	t.Attr("guards", "recall")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.users(1000) // five seconds each
		start := time.Now()
		first := w.pushed("").TaskID
		time.Sleep(1100 * time.Millisecond)
		second := w.pushed("").TaskID
		time.Sleep(900 * time.Millisecond)
		w.api("revoke", `{"TaskId":"`+first+`"}`)
		time.Sleep(time.Hour)
		var taken int
		for d := range w.sim.DeliveriesOf(first) {
			if d.TakenBack {
				taken++
			}
		}
		if got := len(w.got(first)); got != 400 || taken != 400 {
			t.Errorf("the recalled push reached %d and was taken back from %d, want 400 each", got, taken)
		}
		tasks := w.sim.Tasks()
		if got := tasks[1].Ends.Sub(start); got != 7*time.Second || len(w.got(second)) != 1000 {
			t.Errorf("the next push ended at %v with %d users, want 7s and 1000", got, len(w.got(second)))
		}
		if got := w.sim.Summary().Revoked; got != 1 || tasks[0].Revoked.Sub(start) != 2*time.Second {
			t.Errorf("%d recalled, the first at %v", got, tasks[0].Revoked.Sub(start))
		}
	})
}

func TestRecallBeforeItsTurnReachesNobody(t *testing.T) {
	t.Attr("guards", "recall")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.users(1000)
		start := time.Now()
		var ids []string
		for range 3 {
			ids = append(ids, w.pushed("").TaskID)
			time.Sleep(1100 * time.Millisecond)
		}
		w.api("revoke", `{"TaskId":"`+ids[1]+`"}`)
		time.Sleep(time.Hour)
		if got := len(w.got(ids[1])); got != 0 {
			t.Errorf("reached %d", got)
		}
		if got := w.sim.Tasks()[2].Ends.Sub(start); got != 10*time.Second {
			t.Errorf("the third ended at %v, want 10s", got)
		}
		if got := w.sim.Summary().Deliveries; got != 2000 {
			t.Errorf("%d deliveries, want 2000", got)
		}
	})
}

func TestTaskIDNamesTheCallAndIsUnique(t *testing.T) {
	t.Attr("guards", "wire")
	t.Parallel()
	at := time.Unix(1712112711, 0)
	sample := &task{app: &app{App: App{SDKAppID: 1400821802}}, sender: testAdmin, random: 12345678}
	id := sample.name(at, 0)
	parts := strings.Split(id, "_")
	if len(parts) != 5 || parts[0] != "660cc447" || parts[1] != "537ed82a" || !strings.HasPrefix(parts[2], "2000000") || parts[4] != "bc614e" {
		t.Errorf("name = %s, want 660cc447_537ed82a_2000000…_…_bc614e", id)
	}
	seen := make(map[string]bool)
	for n := range uint32(10_000) {
		seen[sample.name(at, n)] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("%d different ids of 10000 tasks", len(seen))
	}
}

func TestSenderFallsBackToTheCaller(t *testing.T) {
	t.Attr("guards", "wire")
	t.Parallel()
	inWorld(t, Config{Interval: -1}, func(w *world) {
		w.users(1)
		for sender, want := range map[string]string{"u0": "u0", "nobody": testAdmin, "": testAdmin} {
			w.pushed(fmt.Sprintf(`"From_Account":%q`, sender))
			calls := w.sim.Calls()
			if got := calls[len(calls)-1].Sender; got != want {
				t.Errorf("sender %q took effect as %q, want %q", sender, got, want)
			}
		}
	})
}

func TestSummary(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	inWorld(t, Config{Quota: -1}, func(w *world) {
		w.users(10)
		for _, gap := range []time.Duration{0, 12 * time.Hour, 12 * time.Hour, 30 * time.Hour, 1500 * time.Millisecond} {
			time.Sleep(gap)
			w.pushed(`"OnlineOnlyFlag":1`)
		}
		w.push("") // too soon
		want := Summary{
			Users: 10, Calls: 6, Tasks: 5, Deliveries: 50, Codes: map[int]int{0: 5, 90024: 1},
			MinInterval: 1500 * time.Millisecond, MaxTasksInDay: 3, MaxCallsInDay: 3,
		}
		if diff := cmp.Diff(want, w.sim.Summary()); diff != "" {
			t.Errorf("Summary (-want +got):\n%s", diff)
		}
	})
}

// Hundreds of calls to thousands of users stay cheap to keep and to ask.
func TestManyCallsToManyUsers(t *testing.T) {
	t.Attr("guards", "compact log")
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim, err := New(Config{Quota: -1, Apps: []App{{SDKAppID: 1, SecretKey: "k", Admins: []string{testAdmin}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Populate(1, 2000); err != nil {
			t.Fatal(err)
		}
		a := sim.apps[1]
		const calls = 500
		for i := range calls {
			a.accept(push{random: uint32(i), who: condition{kind: everyone}}, &request{now: time.Now(), clock: time.Now()}, testAdmin)
			time.Sleep(11 * time.Second)
		}
		if got := len(sim.Received("user-02000")); got != calls {
			t.Errorf("the last user received %d of %d", got, calls)
		}
		all, last := 0, slices.Collect(sim.DeliveriesOf(a.tasks[calls-1].id))
		for range sim.Deliveries() {
			all++
		}
		if all != calls*2000 || len(last) != 2000 {
			t.Errorf("%d deliveries, %d of the last, want %d and 2000", all, len(last), calls*2000)
		}
		if bytes := len(a.tasks[0].audience) * 8; bytes > 256 {
			t.Errorf("one audience takes %d bytes", bytes)
		}
	})
}
