package pushsim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// operate asks one of the operator's paths.
func (w *world) operate(method, path, body string) (int, string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, "http://sim"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	response, err := w.client.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// see reads one of the operator's paths into v.
func (w *world) see(path string, v any) {
	w.Helper()
	status, text := w.operate("GET", path, "")
	if status != http.StatusOK {
		w.Fatalf("GET %s: %d %s", path, status, text)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		w.Fatalf("GET %s: %v\n%s", path, err, text)
	}
}

func TestOperatorSeesWhoReceivedWhat(t *testing.T) {
	t.Attr("guards", "operator's paths")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.cast()
		all := w.pushed(`"OnlineOnlyFlag":1`).TaskID
		time.Sleep(2 * time.Second)
		some := w.pushed(`"OnlineOnlyFlag":1,"Condition":{"TagsAnd":["a","b"]},"OfflinePushInfo":{"Title":"t"}`).TaskID

		var calls []Call
		w.see("/sim/calls", &calls)
		if len(calls) != 2 || calls[1].TaskID != some || calls[1].Audience != 1 || calls[1].Answered.IsZero() {
			t.Errorf("calls = %+v", calls)
		}
		var condition struct{ TagsAnd []string }
		if err := json.Unmarshal(calls[1].Condition, &condition); err != nil || len(condition.TagsAnd) != 2 {
			t.Errorf("condition = %s, %v", calls[1].Condition, err)
		}
		var user struct {
			Users    []User
			Received []Delivery
		}
		w.see("/sim/users/ab", &user)
		if len(user.Users) != 1 || user.Users[0].Attrs["city"] != "x" || len(user.Received) != 2 || user.Received[1].TaskID != some {
			t.Errorf("user = %+v", user)
		}
		if status, text := w.operate("GET", "/sim/users/nobody", ""); status != http.StatusNotFound {
			t.Errorf("an unknown user: %d %s", status, text)
		}
		var page struct {
			Total      int
			Deliveries []Delivery
		}
		w.see("/sim/deliveries?limit=2&skip=4", &page)
		if page.Total != 6 || len(page.Deliveries) != 2 || page.Deliveries[0].User != "none" || page.Deliveries[1].TaskID != some {
			t.Errorf("page = %+v", page)
		}
		w.see("/sim/deliveries?task="+all, &page)
		if page.Total != 5 {
			t.Errorf("of one task: %+v", page)
		}
		if status, _ := w.operate("GET", "/sim/deliveries?limit=x", ""); status != http.StatusBadRequest {
			t.Errorf("limit x: %d", status)
		}
		var summary Summary
		w.see("/sim/summary", &summary)
		if diff := cmp.Diff(w.sim.Summary(), summary); diff != "" {
			t.Errorf("summary (-want +got):\n%s", diff)
		}
		var users []User
		w.see("/sim/users", &users)
		var tasks []Task
		w.see("/sim/tasks", &tasks)
		if len(users) != 5 || len(tasks) != 2 || tasks[0].ID != all || tasks[0].Delivered != 5 {
			t.Errorf("%d users, tasks = %+v", len(users), tasks)
		}
	})
}

func TestOperatorInjectsFaults(t *testing.T) {
	t.Attr("guards", "operator's paths")
	t.Parallel()
	inWorld(t, Config{Interval: -1}, func(w *world) {
		status, text := w.operate("POST", "/sim/faults", `[{"kind":"code","code":91000,"delay":"2s"},{"kind":"skew","skew":"-1h","from":2,"count":-1}]`)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		want := []Fault{
			{Endpoint: "push", From: 1, Count: 1, Kind: FaultCode, Code: 91000, Delay: 2 * time.Second},
			{Endpoint: "push", From: 2, Count: Always, Kind: FaultSkew, Skew: -time.Hour},
		}
		if diff := cmp.Diff(want, w.sim.Faults()); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
		start := time.Now()
		if r := w.push(""); r.ErrorCode != 91000 || time.Since(start) != 2*time.Second {
			t.Errorf("after %v: %+v", time.Since(start), r)
		}
		for body, want := range map[string]string{
			`[{"kind":"cod"}]`:                 `unknown fault "cod"`,
			`[{"kind":"stall","dealy":"1s"}]`:  `unknown field "dealy"`,
			`[{"kind":"delay","delay":"1"}]`:   "missing unit",
			`[{"kind":"skew","skew":"later"}]`: "invalid duration",
			`[{"kind":"status","status":200}]`: "status 200",
			`{}`:                               "array of faults",
		} {
			if status, text := w.operate("POST", "/sim/faults", body); status != http.StatusBadRequest || !strings.Contains(text, want) {
				t.Errorf("%s: %d %s, want %q", body, status, text, want)
			}
		}
		if status, _ := w.operate("DELETE", "/sim/faults", ""); status != http.StatusNoContent {
			t.Errorf("DELETE: %d", status)
		}
		if _, text := w.operate("GET", "/sim/faults", ""); strings.TrimSpace(text) != "[]" {
			t.Errorf("faults after DELETE: %s", text)
		}
	})
}
