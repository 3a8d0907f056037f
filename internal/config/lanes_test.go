package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// twoLanes is the smallest environment with lanes on top of complete.
var twoLanes = []string{
	"BRIDGE_LANES=alerts, promo-eu", "BRIDGE_LANE_ALERTS_SDKAPPID=1400000001", "BRIDGE_LANE_ALERTS_SECRET_KEY=s3cret-of-alerts",
	"BRIDGE_LANE_PROMO_EU_SDKAPPID=1400000002", "BRIDGE_LANE_PROMO_EU_SECRET_KEY=s3cret-of-promo",
}

func TestLanesTakeWhatTheyDoNotSayFromPush(t *testing.T) {
	t.Attr("guards", "lanes")
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := Load(with(slices.Concat(complete, twoLanes), []string{
		"BRIDGE_PUSH_QUOTA=500", "BRIDGE_PUSH_INTERVAL=2s", "BRIDGE_PUSH_TIMEOUT=7s", "BRIDGE_PUSH_MAX_REQUEST_BYTES=9000",
		"BRIDGE_LANE_ALERTS_INTERVAL=1500ms", "BRIDGE_LANE_ALERTS_IDENTIFIER=other", "BRIDGE_LANE_ALERTS_URL=https://other.example",
		"BRIDGE_LANE_PROMO_EU_SECRET_KEY", "BRIDGE_LANE_PROMO_EU_SECRET_KEY_FILE=" + file, "BRIDGE_LANE_PROMO_EU_QUOTA=10",
	}))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load: %v, warnings %q", err, warnings)
	}
	alerts, promo := c.Push, c.Push
	alerts.SDKAppID, alerts.Identifier, alerts.SecretKey = 1400000001, "other", NewSecret("s3cret-of-alerts")
	alerts.Region, alerts.URL, alerts.Interval, alerts.Quota = "", "https://other.example", 1500*time.Millisecond, 100
	promo.SDKAppID, promo.SecretKey, promo.Quota = 1400000002, NewSecret("from file"), 10
	want := []Lane{{"alerts", alerts}, {"promo-eu", promo}}
	if diff := cmp.Diff(want, c.Lanes, cmp.Comparer(func(a, b Secret) bool { return a.Reveal() == b.Reveal() })); diff != "" {
		t.Errorf("lanes (-want +got):\n%s", diff)
	}
	if c.Push.Quota != 500 || c.Push.Interval != 2*time.Second || c.Push.SecretKey.Reveal() != "s3cret" {
		t.Errorf("the default lane has changed: %+v", c.Push)
	}
}

func TestLanesTellAllProblems(t *testing.T) {
	t.Attr("guards", "lanes")
	t.Parallel()
	for name, tt := range map[string]struct {
		set  []string // on top of complete and twoLanes
		want []string
	}{
		"no app":             {[]string{"BRIDGE_LANE_ALERTS_SDKAPPID"}, []string{"BRIDGE_LANE_ALERTS_SDKAPPID: required and not set"}},
		"never another key":  {[]string{"BRIDGE_LANE_ALERTS_SECRET_KEY"}, []string{"BRIDGE_LANE_ALERTS_SECRET_KEY: required and not set"}},
		"no number":          {[]string{"BRIDGE_LANE_ALERTS_QUOTA=x"}, []string{`BRIDGE_LANE_ALERTS_QUOTA: "x": want a whole number`}},
		"no calls":           {[]string{"BRIDGE_LANE_ALERTS_QUOTA=0"}, []string{"BRIDGE_LANE_ALERTS_QUOTA: 0: want 1 or more"}},
		"region and url":     {[]string{"BRIDGE_LANE_PROMO_EU_REGION=china", "BRIDGE_LANE_PROMO_EU_URL=https://x"}, []string{"BRIDGE_LANE_PROMO_EU_REGION: BRIDGE_LANE_PROMO_EU_URL is set too"}},
		"interval":           {[]string{"BRIDGE_LANE_ALERTS_INTERVAL=0s"}, []string{"BRIDGE_LANE_ALERTS_INTERVAL: 0s: want more than 0"}},
		"outlives the lease": {[]string{"BRIDGE_LANE_ALERTS_TIMEOUT=28s"}, []string{"BRIDGE_LANE_ALERTS_TIMEOUT: 28s plus 2s must be under 30s"}},
		"the default's app":  {[]string{"BRIDGE_LANE_ALERTS_SDKAPPID=1400000000"}, []string{"BRIDGE_LANE_ALERTS_SDKAPPID: 1400000000 is BRIDGE_PUSH_SDKAPPID too"}},
		"another lane's app": {[]string{"BRIDGE_LANE_PROMO_EU_SDKAPPID=1400000001"}, []string{"BRIDGE_LANE_PROMO_EU_SDKAPPID: 1400000001 is BRIDGE_LANE_ALERTS_SDKAPPID too"}},
		"twice":              {[]string{"BRIDGE_LANES=alerts,alerts"}, []string{`BRIDGE_LANES: "alerts" is there twice`}},
		"no name":            {[]string{"BRIDGE_LANES=Alerts"}, []string{`BRIDGE_LANES: "Alerts": want names of a to z`}},
		"a comma too many":   {[]string{"BRIDGE_LANES=alerts,"}, []string{`BRIDGE_LANES: "": want names`}},
		"the default's name": {[]string{"BRIDGE_LANES=default"}, []string{"BRIDGE_LANES: default is the lane of BRIDGE_PUSH_*"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Load(with(slices.Concat(complete, twoLanes), tt.set))
			if err == nil {
				t.Fatalf("Load with %q: no error, want %q", tt.set, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Load with %q:\n%v\nwant %q in it", tt.set, err, part)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestVariablesOfNoLaneAreNamed(t *testing.T) {
	t.Attr("guards", "lanes")
	t.Parallel()
	_, warnings, err := Load(with(slices.Concat(complete, twoLanes), []string{
		"BRIDGE_LANE_ALERTS_QOUTA=5", "BRIDGE_LANE_SOMETHING_ELSE_ALTOGETHER=1",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"BRIDGE_LANE_ALERTS_QOUTA: unknown variable, ignored; did you mean BRIDGE_LANE_ALERTS_QUOTA?",
		"BRIDGE_LANE_SOMETHING_ELSE_ALTOGETHER: unknown variable, ignored; is its lane in BRIDGE_LANES?",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
