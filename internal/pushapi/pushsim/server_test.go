package pushsim

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewNamesEveryMistake(t *testing.T) {
	t.Attr("guards", "configuration")
	t.Parallel()
	good := App{SDKAppID: 1, SecretKey: "secret-of-one", Admins: []string{"a"}}
	for name, tt := range map[string]struct {
		cfg  Config
		want []string
	}{
		"nothing": {Config{}, []string{"no app"}},
		"apps": {
			Config{Apps: []App{good, good, {SDKAppID: 2}, {SDKAppID: 3, SecretKey: "k", Admins: []string{"a b"}}}},
			[]string{"app 1: sdkappid 1 is there twice", "app 2: needs", "app 3: an administrator is no user id"},
		},
		"numbers": {Config{Apps: []App{good}, Rate: -1}, []string{"rate"}},
		"window":  {Config{Apps: []App{good}, Window: 3}, []string{"unknown quota window"}},
		"faults":  {Config{Apps: []App{good}, Faults: []Fault{{}}}, []string{"fault 0: unknown kind"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tt.cfg)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("New: %v, want %q in it", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), good.SecretKey) {
				t.Errorf("New tells a secret: %v", err)
			}
		})
	}
}

func TestAppsAreApart(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	apps := []App{{SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin}}, {SDKAppID: 7, SecretKey: "k", Admins: []string{"x"}}}
	inWorld(t, Config{Apps: apps, Quota: 1}, func(w *world) {
		if err := w.sim.Set(User{ID: "both"}, User{App: 7, ID: "seven"}); err != nil {
			t.Fatal(err)
		}
		w.pushed(`"OnlineOnlyFlag":1`)
		q := query()
		q.Set("sdkappid", "7")
		q.Set("identifier", "x")
		q.Set("usersig", sign(7, "k", "x", time.Now(), 60))
		r := w.post(pushPath, q.Encode(), w.body(`"OnlineOnlyFlag":1`)) // its own interval, quota and users
		if diff := cmp.Diff([]string{"both", "seven"}, w.got(r.TaskID)); diff != "" {
			t.Errorf("%+v reached (-want +got):\n%s", r, diff)
		}
		if got := w.sim.Received("both"); len(got) != 2 || got[0].App != 7 || got[1].App != testApp {
			t.Errorf("Received = %+v", got)
		}
	})
}

func TestPopulateIsSeeded(t *testing.T) {
	t.Attr("guards", "demo's users")
	t.Parallel()
	populate := func(seed uint64) []User {
		sim, err := New(Config{Apps: []App{{SDKAppID: 1, SecretKey: "k", Admins: []string{"a"}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Populate(seed, 2000); err != nil {
			t.Fatal(err)
		}
		return sim.Users()
	}
	users := populate(1)
	if diff := cmp.Diff(users, populate(1)); diff != "" {
		t.Errorf("the same seed gives others:\n%s", diff)
	}
	if cmp.Equal(users, populate(2)) {
		t.Error("another seed gives the same")
	}
	have := make(map[string]int)
	for _, u := range users {
		for _, tag := range u.Tags {
			have[tag]++
		}
		have["level="+u.Attrs["level"]]++
		have["city="+u.Attrs["city"]]++
	}
	for _, level := range Levels {
		if have[level] == 0 || have[level] != have["level="+level] {
			t.Errorf("%d users tagged %s, %d by attribute", have[level], level, have["level="+level])
		}
	}
	for _, city := range Cities {
		if have[city] == 0 || have[city] != have["city="+city] {
			t.Errorf("%d users tagged %s, %d by attribute", have[city], city, have["city="+city])
		}
	}
	if have["press"] == 0 || have["beta"] == 0 || len(users) != 2000 {
		t.Errorf("%d users, press %d, beta %d", len(users), have["press"], have["beta"])
	}
}

func TestSetRefusesWhatTheEndpointsWould(t *testing.T) {
	t.Attr("guards", "demo's users")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		for name, u := range map[string]User{
			"no id":             {},
			"bad id":            {ID: strings.Repeat("x", 33)},
			"empty tag":         {ID: "a", Tags: []string{""}},
			"long tag":          {ID: "a", Tags: []string{strings.Repeat("x", 51)}},
			"unknown attribute": {ID: "a", Attrs: map[string]string{"shoe": "1"}},
		} {
			if err := w.sim.Set(User{ID: "good"}, u); err == nil {
				t.Errorf("%s passes", name)
			}
		}
		if got := w.sim.Users(); len(got) != 0 {
			t.Errorf("some were set: %+v", got)
		}
		if err := w.sim.NameAttributes("a", "a"); err == nil {
			t.Error("a repeated attribute name passes")
		}
	})
}

// Whatever arrives, the answer is the envelope with a code, and only a push
// that was accepted has a task.
func FuzzPush(f *testing.F) {
	for _, v := range violations {
		f.Add([]byte(v.body), "")
		f.Add([]byte(`{"MsgRandom":1,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"x"}}],`+v.members+`}`), "")
	}
	for kind, content := range goodContents {
		f.Add([]byte(`{"MsgRandom":1,"MsgBody":[{"MsgType":"`+kind+`","MsgContent":`+content+`}]}`), "")
	}
	f.Add([]byte(`{}`), "sdkappid=1400000000&identifier=administrator&random=1&contenttype=json&usersig=eJwBAAD__wAAAAE_")
	f.Fuzz(func(t *testing.T, body []byte, rawQuery string) {
		sim, err := New(Config{Apps: []App{{SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Populate(1, 20); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", pushPath, strings.NewReader(string(body)))
		if r.URL.RawQuery = rawQuery; rawQuery == "" {
			r.URL.RawQuery = query().Encode()
		}
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		var got struct {
			ActionStatus, ErrorInfo *string
			ErrorCode               *int
			TaskID                  *string `json:"TaskId"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.ActionStatus == nil || got.ErrorInfo == nil || got.ErrorCode == nil || got.TaskID == nil {
			t.Fatalf("answer %q: %v", w.Body, err)
		}
		if w.Code != 200 || (*got.ErrorCode == 0) != (*got.TaskID != "") || (*got.ErrorCode == 0) != (len(sim.Tasks()) == 1) {
			t.Fatalf("HTTP %d, answer %s, tasks %+v", w.Code, w.Body, sim.Tasks())
		}
		if _, err := json.Marshal(sim.Calls()); err != nil {
			t.Fatalf("the log does not marshal: %v", err)
		}
	})
}
