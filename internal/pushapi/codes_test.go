package pushapi

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/pushapi/pushsim"
)

// Every row of push-api.md's table, answered by the simulator: the class of the
// first answer, of the same answer again, whether it counts, and the least and
// most pause.
func TestEveryCodeOverHTTP(t *testing.T) {
	t.Attr("guards", "every documented answer has its documented consequence")
	t.Parallel()

	type row struct {
		codes         []int
		first, second Class
		uncounted     bool
		pause         [2]time.Duration
		do            string // part of what a person is told, at the second answer
	}
	retry := [2]time.Duration{500 * time.Millisecond, time.Second}
	probe := [2]time.Duration{time.Hour, time.Hour}
	for name, tt := range map[string]row{
		"JSON did not parse":       {codes: []int{90001}, first: ClassReject, second: ClassReject},
		"MsgBody":                  {codes: []int{90002, 90007, 90010}, first: ClassReject, second: ClassReject},
		"MsgRandom":                {codes: []int{90005}, first: ClassReject, second: ClassReject},
		"no administrator":         {codes: []int{90009, 70403}, first: ClassConfig, second: ClassConfig, pause: probe, do: "BRIDGE_PUSH_IDENTIFIER"},
		"tags":                     {codes: []int{90020, 90022, 90032, 90039, 90040}, first: ClassReject, second: ClassReject},
		"interval":                 {codes: []int{90024}, first: ClassWait, second: ClassWait, uncounted: true, pause: [2]time.Duration{3 * time.Second, 3 * time.Second}},
		"life time":                {codes: []int{90026}, first: ClassReject, second: ClassReject},
		"attribute":                {codes: []int{90033}, first: ClassReject, second: ClassReject},
		"not enabled":              {codes: []int{90045}, first: ClassConfig, second: ClassConfig, pause: probe, do: "enable"},
		"quota":                    {codes: []int{90047}, first: ClassQuota, second: ClassQuota},
		"recall":                   {codes: []int{90049, 90050, 90051, 90052}, first: ClassReject, second: ClassReject},
		"too large":                {codes: []int{90056}, first: ClassReject, second: ClassReject},
		"internal error":           {codes: []int{91000, 70500}, first: ClassRetry, second: ClassRetry, pause: retry},
		"HTTP or JSON not parsed":  {codes: []int{60002, 60003}, first: ClassReject, second: ClassReject},
		"who calls":                {codes: []int{60004, 60005, 60010, 60012, 70107, 70402}, first: ClassConfig, second: ClassConfig, pause: probe, do: "BRIDGE_PUSH_SDKAPPID"},
		"app or plan":              {codes: []int{60006, 60016, 60017, 60020}, first: ClassConfig, second: ClassConfig, pause: probe, do: "plan"},
		"too frequent":             {codes: []int{60007, 60011, 60018, 60019, 70050, 70051}, first: ClassWait, second: ClassWait, pause: [2]time.Duration{time.Minute, 75 * time.Second}},
		"backend timed out":        {codes: []int{60008, 60014, 70169, 70202, 70206}, first: ClassDoubt, second: ClassDoubt, pause: retry},
		"no such resource":         {codes: []int{60009}, first: ClassConfig, second: ClassConfig, pause: probe, do: "BRIDGE_PUSH_URL"},
		"address not allowed":      {codes: []int{60021}, first: ClassConfig, second: ClassConfig, pause: probe, do: "address"},
		"signature":                {codes: []int{70001, 70002, 70003, 70005, 70009, 70013, 70014, 70016, 70020}, first: ClassResign, second: ClassConfig, do: "clock"},
		"strangers about the call": {codes: []int{60001, 60099, 70346, 79999, 80001, 20004, 1}, first: ClassRetry, second: ClassConfig, pause: retry, do: "documentation"},
		"strangers about the push": {codes: []int{90000, 90018, 90990, 99999}, first: ClassReject, second: ClassReject},
	} {
		for _, code := range tt.codes {
			t.Run(fmt.Sprintf("%s/%d", name, code), func(t *testing.T) {
				t.Parallel()
				sim := simulator(t, pushsim.Config{Faults: []pushsim.Fault{{Kind: pushsim.FaultCode, Code: code, Info: "because", Count: 2}}})
				reg := prometheus.NewRegistry()
				log, logText := logged()
				c := newClient(t, Config{URL: serve(t, sim), Interval: 3 * time.Second, Registerer: reg, Logger: log})

				o := c.Push(t.Context(), hello(t, 1))
				want := Outcome{Class: tt.first, Code: code, Info: "because", Sent: true, Counted: !tt.uncounted}
				if diff := cmp.Diff(want, Outcome{Class: o.Class, Code: o.Code, Info: o.Info, Sent: o.Sent, Counted: o.Counted, TaskID: o.TaskID}); diff != "" {
					t.Error(diff)
				}
				if o.RetryAfter < tt.pause[0] || o.RetryAfter > tt.pause[1] {
					t.Errorf("pause %v, want %v to %v", o.RetryAfter, tt.pause[0], tt.pause[1])
				}
				if want := o.Ended.Add(map[bool]time.Duration{true: 10 * time.Second}[tt.first == ClassDoubt]); !o.SafeAfter.Equal(want) {
					t.Errorf("safe %v after the end", o.SafeAfter.Sub(o.Ended))
				}
				e, ok := errors.AsType[*Error](error(o.Err))
				if !ok || e.Class != tt.first || e.Code != code || !strings.Contains(e.Error(), fmt.Sprintf("code %d: because", code)) {
					t.Errorf("error %v", o.Err)
				}
				if got := strings.Contains(logText.String(), fmt.Sprintf("code=%d", code)); got != strings.Contains(name, "stranger") {
					t.Errorf("warned about the code: %v\n%s", got, logText)
				}

				o = c.Push(t.Context(), hello(t, 1))
				if o.Class != tt.second || !strings.Contains(o.Err.Error(), tt.do) || (tt.do == "") != (o.Err.Do == "") {
					t.Errorf("again: %v, %v; want %v", o.Class, o.Err, tt.second)
				}
				if tt.second == ClassConfig && o.RetryAfter != time.Hour {
					t.Errorf("pause %v before a probe", o.RetryAfter)
				}

				if o := c.Push(t.Context(), hello(t, 1)); o.Class != ClassOK || o.TaskID == "" || o.Err != nil || !o.Counted || o.RetryAfter != 0 {
					t.Errorf("then: %+v", o)
				}
				wantCounts := map[string]float64{}
				for _, class := range Classes {
					wantCounts[class.String()] = 0
				}
				for _, class := range []Class{tt.first, tt.second, ClassOK} {
					wantCounts[class.String()]++
				}
				got, timed := counts(t, reg)
				if diff := cmp.Diff(wantCounts, got); diff != "" || timed != 3 {
					t.Errorf("%d calls timed, counted:\n%s", timed, diff)
				}
			})
		}
	}
}

// The same from the other side: what has to be wrong for the API to say it.
func TestMistakesOverHTTP(t *testing.T) {
	t.Attr("guards", "the client's calls are understood, and refused for the right reason")
	t.Parallel()
	app := func(change func(*pushsim.App)) pushsim.Config {
		a := pushsim.App{SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin}}
		change(&a)
		return pushsim.Config{Apps: []pushsim.App{a}}
	}
	right := Credentials{SDKAppID: testApp, Identifier: testAdmin, Key: NewKey(testKey)}

	for name, tt := range map[string]struct {
		sim         pushsim.Config
		credentials Credentials
		path        string
		want        []Class
	}{
		"nothing":              {credentials: right, want: []Class{ClassOK, ClassOK}},
		"wrong key":            {credentials: Credentials{SDKAppID: testApp, Identifier: testAdmin, Key: NewKey("x")}, want: []Class{ClassResign, ClassConfig, ClassConfig}},
		"no administrator":     {credentials: Credentials{SDKAppID: testApp, Identifier: "some&one", Key: NewKey(testKey)}, want: []Class{ClassConfig}},
		"another app":          {credentials: Credentials{SDKAppID: 1, Identifier: testAdmin, Key: NewKey(testKey)}, want: []Class{ClassResign, ClassConfig}},
		"disabled":             {sim: app(func(a *pushsim.App) { a.Disabled = true }), credentials: right, want: []Class{ClassConfig}},
		"no plan":              {sim: app(func(a *pushsim.App) { a.PlanExpired = true }), credentials: right, want: []Class{ClassConfig}},
		"push off":             {sim: app(func(a *pushsim.App) { a.PushOff = true }), credentials: right, want: []Class{ClassConfig}},
		"address":              {sim: app(func(a *pushsim.App) { a.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }), credentials: right, want: []Class{ClassConfig}},
		"too fast":             {sim: pushsim.Config{Interval: time.Hour}, credentials: right, want: []Class{ClassOK, ClassWait}},
		"quota of two":         {sim: pushsim.Config{Quota: 2}, credentials: right, want: []Class{ClassOK, ClassOK, ClassQuota}},
		"the API's clock runs": {sim: pushsim.Config{Faults: []pushsim.Fault{{Kind: pushsim.FaultSkew, Skew: 25 * time.Hour}}}, credentials: right, want: []Class{ClassResign, ClassOK}},
		"wrong path":           {path: "/elsewhere", credentials: right, want: []Class{ClassConfig}},
		"full path":            {path: "/v4/timpush/push/", credentials: right, want: []Class{ClassOK}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, Config{URL: serve(t, simulator(t, tt.sim)) + tt.path, Credentials: tt.credentials})
			var got []Class
			for i := range tt.want {
				o := c.Push(t.Context(), hello(t, uint32(i)))
				got = append(got, o.Class)
				if o.Err != nil {
					t.Log(o.Err)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
