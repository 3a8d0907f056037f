package helm

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
	core "k8s.io/api/core/v1"
)

// Values that cannot run a bridge end the installation and say what to do,
// instead of a pod that restarts.
func TestValuesThatCannotRun(t *testing.T) {
	t.Attr("guards", "a wrong value is refused before anything is installed")
	t.Parallel()
	for name, tt := range map[string]struct {
		base string   // a values file; empty: none
		set  string   // as for helm --set
		want []string // parts of the message
	}{
		"nothing given: everything is listed": {want: []string{
			"kafka.brokers: name", "kafka.topics: name", "push.sdkappid: give", "push.identifier: give",
			"push.region: name a region, or give push.url", "push.secretKey: give", "rules: give",
		}},
		"region and url":           {base: "minimal", set: "push.url=https://a.example.com", want: []string{"push.region and push.url: keep one"}},
		"rules twice":              {base: "minimal", set: "existingRulesConfigMap=r", want: []string{"rules and existingRulesConfigMap"}},
		"secret twice":             {base: "minimal", set: "existingSecret=s", want: []string{"existingSecret: it would hide"}},
		"sasl without a user":      {base: "minimal", set: "kafka.sasl.mechanism=PLAIN", want: []string{"kafka.sasl.username", "kafka.sasl.password"}},
		"user without a mechanism": {base: "minimal", set: "kafka.sasl.username=alice", want: []string{"kafka.sasl.mechanism: required"}},
		"ca without tls":           {base: "minimal", set: "kafka.tls.ca=x", want: []string{"kafka.tls.enabled: must be true"}},
		"ca twice":                 {base: "full", set: "kafka.tls.existingCASecret=x", want: []string{"kafka.tls.ca and"}},
		"unknown value":            {base: "minimal", set: "kafka.broker=x", want: []string{"broker"}},
		"unknown region":           {base: "minimal", set: "push.region=mars", want: []string{"region"}},
		"broker without a port":    {base: "minimal", set: "kafka.brokers={kafka}", want: []string{"brokers"}},
		"interval without a unit":  {base: "minimal", set: "push.interval=1", want: []string{"interval"}},
		"quota of none":            {base: "minimal", set: "push.quota=0", want: []string{"quota"}},
		"lane without an app":      {base: "minimal", set: "push.lanes.alerts.secretKey=x", want: []string{"sdkappid"}},
		"lane without a key":       {base: "minimal", set: "push.lanes.alerts.sdkappid=7", want: []string{"push.lanes.alerts.secretKey: give", "push-secret-key-alerts"}},
		"lane's key twice":         {base: "existing", set: "push.lanes.alerts.secretKey=x", want: []string{"existingSecret: it would hide push.lanes.alerts.secretKey"}},
		"lane's region and url":    {base: "minimal", set: "push.lanes.a.sdkappid=7,push.lanes.a.secretKey=x,push.lanes.a.region=china,push.lanes.a.url=https://a.example.com", want: []string{"push.lanes.a.region and url: keep one"}},
		"lane of the default app":  {base: "minimal", set: "push.lanes.alerts.sdkappid=1400000000,push.lanes.alerts.secretKey=x", want: []string{"push.lanes.alerts.sdkappid: 1400000000 is that of push"}},
		"lane of another's app":    {base: "full", set: "push.lanes.promo-eu.sdkappid=1400000001", want: []string{"push.lanes.promo-eu.sdkappid: 1400000001 is that of push.lanes.alerts"}},
		"lane called default":      {base: "minimal", set: "push.lanes.default.sdkappid=7,push.lanes.default.secretKey=x", want: []string{"default"}},
		"lane in capitals":         {base: "minimal", set: "push.lanes.Alerts.sdkappid=7,push.lanes.Alerts.secretKey=x", want: []string{"Alerts"}},
		"too little time to stop":  {base: "minimal", set: "terminationGracePeriodSeconds=10", want: []string{"terminationGracePeriodSeconds"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := map[string]any{}
			if tt.base != "" {
				values = cases(t)[tt.base]
			}
			if err := strvals.ParseInto(tt.set, values); err != nil {
				t.Fatal(err)
			}
			_, err := render(t, values)
			if err == nil {
				t.Fatal("rendered")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("err = %v\nwant a part %q", err, want)
				}
			}
		})
	}
}

// A rule file is full of signs that mean something to YAML and to templates.
func TestRulesArriveUnchanged(t *testing.T) {
	t.Attr("guards", "the rules that run are the rules that were given")
	t.Parallel()
	for name, rules := range map[string]string{
		"braces":           "a: \"${data.title}: {{ .Release.Name }}\"\n",
		"leading spaces":   "   # indented\na: 1\n",
		"no last newline":  "a: 1",
		"more newlines":    "a: 1\n\n\n",
		"tabs and quotes":  "a: 'it''s'\t# \"x\" \\n\n",
		"not ASCII":        "a: 会员日 <b>&amp;\n",
		"looks like a doc": "---\na: 1\n---\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := cases(t)["minimal"]
			values["rules"] = rules
			r := mustRender(t, values)
			if got := must[*core.ConfigMap](t, r).Data["rules.yaml"]; got != rules {
				t.Errorf("rules = %q, want %q", got, rules)
			}
		})
	}
}

// Every value that a user may set has its place in the schema, which is closed:
// a value that the chart reads and the schema forbids could never be set.
func TestDefaultsKeepTheSchema(t *testing.T) {
	t.Attr("guards", "values.yaml and values.schema.json are one list")
	t.Parallel()
	c := loadChart(t)
	if err := chartutil.ValidateAgainstSchema(c, c.Values); err != nil {
		t.Error(err)
	}
}
