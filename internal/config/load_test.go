package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// complete is the smallest environment that is enough.
var complete = []string{
	"BRIDGE_KAFKA_BROKERS=k1:9092, k2:9092", "BRIDGE_KAFKA_TOPICS=a,b", "BRIDGE_PUSH_SDKAPPID=1400000000",
	"BRIDGE_PUSH_IDENTIFIER=admin", "BRIDGE_PUSH_SECRET_KEY=s3cret", "BRIDGE_PUSH_REGION=singapore", "BRIDGE_RULES_FILE=r.yaml",
}

func TestLoad(t *testing.T) {
	t.Attr("guards", "what bad input gets")
	t.Parallel()
	c, warnings, err := Load(complete)
	if err != nil || len(warnings) != 0 {
		t.Fatalf("Load(complete) = %v, warnings %q", err, warnings)
	}
	if got := strings.Join(c.Kafka.Brokers, " "); got != "k1:9092 k2:9092" {
		t.Errorf("brokers = %q", got)
	}
	if c.Push.Quota != 100 || c.Push.Interval != time.Second || c.Push.SecretKey.Reveal() != "s3cret" || c.LogLevel != slog.LevelInfo {
		t.Errorf("defaults are off: %+v", c)
	}
}

func TestLoadTellsAllProblemsAtOnce(t *testing.T) {
	t.Attr("guards", "what bad input gets")
	t.Parallel()
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		set  []string // on top of complete; NAME alone takes a variable away
		want []string // each a part of the error
	}{
		"two missing":             {set: []string{"BRIDGE_RULES_FILE", "BRIDGE_PUSH_SDKAPPID"}, want: []string{"2 problems", "BRIDGE_RULES_FILE: required", "BRIDGE_PUSH_SDKAPPID: required"}},
		"empty counts as missing": {set: []string{"BRIDGE_KAFKA_BROKERS="}, want: []string{"BRIDGE_KAFKA_BROKERS: required"}},
		"empty key counts too":    {set: []string{"BRIDGE_PUSH_SECRET_KEY="}, want: []string{"BRIDGE_PUSH_SECRET_KEY: required"}},
		"no app":                  {set: []string{"BRIDGE_PUSH_SDKAPPID=0"}, want: []string{"BRIDGE_PUSH_SDKAPPID: 0: want the app's id"}},
		"a comma too many":        {set: []string{"BRIDGE_KAFKA_TOPICS=a, b,"}, want: []string{`BRIDGE_KAFKA_TOPICS: "a,b,": a name between the commas is empty`}},
		"in the struct's order": {
			set:  []string{"BRIDGE_STOP_WITHIN=0s", "BRIDGE_KAFKA_TIMEOUT=0s", "BRIDGE_PUSH_BREAKER_OPEN=0s", "BRIDGE_DEDUP_WINDOW=0s"},
			want: []string{"BRIDGE_KAFKA_TIMEOUT: 0s: want more than 0\nBRIDGE_PUSH_BREAKER_OPEN: 0s: want more than 0\nBRIDGE_DEDUP_WINDOW: 0s: want more than 0\nBRIDGE_STOP_WITHIN: 0s"},
		},
		"no number":               {set: []string{"BRIDGE_PUSH_QUOTA=many"}, want: []string{`BRIDGE_PUSH_QUOTA: "many": want a whole number`}},
		"no unit":                 {set: []string{"BRIDGE_PUSH_INTERVAL=2"}, want: []string{`BRIDGE_PUSH_INTERVAL: "2": want a duration with a unit`}},
		"right name among equals": {set: []string{"BRIDGE_KAFKA_TIMEOUT=x"}, want: []string{"BRIDGE_KAFKA_TIMEOUT"}},
		"right name among others": {set: []string{"BRIDGE_PUSH_TIMEOUT=x"}, want: []string{"BRIDGE_PUSH_TIMEOUT"}},
		"no region":               {set: []string{"BRIDGE_PUSH_REGION"}, want: []string{"BRIDGE_PUSH_REGION: required and not set: name a region, or give BRIDGE_PUSH_URL"}},
		"region and url":          {set: []string{"BRIDGE_PUSH_URL=https://x"}, want: []string{"keep one"}},
		"url with credentials":    {set: []string{"BRIDGE_PUSH_REGION", "BRIDGE_PUSH_URL=https://u:p@x"}, want: []string{"BRIDGE_PUSH_URL: want http(s)"}},
		"broker without port":     {set: []string{"BRIDGE_KAFKA_BROKERS=k1"}, want: []string{`"k1": want host:port`}},
		"sasl without user":       {set: []string{"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN"}, want: []string{"BRIDGE_KAFKA_SASL_USERNAME: required", "BRIDGE_KAFKA_SASL_PASSWORD: required"}},
		"unknown mechanism":       {set: []string{"BRIDGE_KAFKA_SASL_MECHANISM=GSSAPI"}, want: []string{`"GSSAPI": want one of PLAIN`}},
		"results read as input":   {set: []string{"BRIDGE_KAFKA_RESULTS_TOPIC=a"}, want: []string{"would read what it writes"}},
		"journal is the dlq":      {set: []string{"BRIDGE_KAFKA_JOURNAL_TOPIC=bridge.dlq"}, want: []string{"two purposes"}},
		"call as long as the lease": {set: []string{"BRIDGE_PUSH_TIMEOUT=28s"}, want: []string{
			"BRIDGE_PUSH_TIMEOUT: 28s plus 2s must be under 30s, which is BRIDGE_KAFKA_SESSION_TIMEOUT", "shorten the call to under 28s", "lengthen the session to over 30s"}},
		"call as long as a rebalance": {set: []string{"BRIDGE_KAFKA_REBALANCE_TIMEOUT=18s"}, want: []string{
			"BRIDGE_PUSH_TIMEOUT: 10s plus 2s must be under 12s, which is BRIDGE_KAFKA_REBALANCE_TIMEOUT less BRIDGE_KAFKA_HEARTBEAT_INTERVAL and BRIDGE_KAFKA_TIMEOUT",
			"shorten the call to under 10s", "lengthen the rebalance to over 18s"}},
		"one heartbeat a session": {set: []string{"BRIDGE_KAFKA_HEARTBEAT_INTERVAL=15s"}, want: []string{"BRIDGE_KAFKA_HEARTBEAT_INTERVAL: 15s must be under half of BRIDGE_KAFKA_SESSION_TIMEOUT"}},
		"negative margin":         {set: []string{"BRIDGE_PUSH_MARGIN=-1s"}, want: []string{"BRIDGE_PUSH_MARGIN: -1s: want 0 or more"}},
		"zero quota":              {set: []string{"BRIDGE_PUSH_QUOTA=0"}, want: []string{"BRIDGE_PUSH_QUOTA: 0: want 1 or more"}},
		"two keys":                {set: []string{"BRIDGE_PUSH_SECRET_KEY_FILE=" + keyFile}, want: []string{"BRIDGE_PUSH_SECRET_KEY: BRIDGE_PUSH_SECRET_KEY_FILE is set too"}},
		"empty key file":          {set: []string{"BRIDGE_PUSH_SECRET_KEY", "BRIDGE_PUSH_SECRET_KEY_FILE=" + keyFile}, want: []string{"BRIDGE_PUSH_SECRET_KEY_FILE: ", "is empty"}},
		"no key file":             {set: []string{"BRIDGE_PUSH_SECRET_KEY", "BRIDGE_PUSH_SECRET_KEY_FILE=/does/not/exist"}, want: []string{"BRIDGE_PUSH_SECRET_KEY_FILE: open /does/not/exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Load(with(complete, tt.set))
			if err == nil {
				t.Fatalf("Load with %q: no error, want %q", tt.set, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("Load with %q:\n%v\nwant %q in it", tt.set, err, part)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

// with sets variables, or takes away those without a value sign.
func with(environ, set []string) []string {
	var out []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		keep := true
		for _, s := range set {
			other, _, _ := strings.Cut(s, "=")
			keep = keep && other != name
		}
		if keep {
			out = append(out, v)
		}
	}
	for _, s := range set {
		if strings.Contains(s, "=") {
			out = append(out, s)
		}
	}
	return out
}

// The boundary of the timing rule, from inside.
func TestCallsThatFitTheLease(t *testing.T) {
	t.Attr("promise", "one-writer")
	t.Parallel()
	for _, set := range [][]string{
		{"BRIDGE_PUSH_TIMEOUT=27999ms"},
		{"BRIDGE_KAFKA_REBALANCE_TIMEOUT=18001ms"},
		{"BRIDGE_KAFKA_HEARTBEAT_INTERVAL=14s"},
	} {
		if _, _, err := Load(with(complete, set)); err != nil {
			t.Errorf("Load with %q: %v", set, err)
		}
	}
}

func TestLoadReadsSecretsFromFiles(t *testing.T) {
	t.Attr("guards", "secrets")
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load(with(complete, []string{"BRIDGE_PUSH_SECRET_KEY", "BRIDGE_PUSH_SECRET_KEY_FILE=" + file}))
	if err != nil || c.Push.SecretKey.Reveal() != "from file" {
		t.Fatalf("secret key = %q, %v; want the file's line", c.Push.SecretKey.Reveal(), err)
	}
}

func TestUnknownVariablesAreNamed(t *testing.T) {
	t.Attr("guards", "what bad input gets")
	t.Parallel()
	_, warnings, err := Load(with(complete, []string{"BRIDGE_PUSH_QOUTA=5", "BRIDGE_COMPLETELY_DIFFERENT=1", "PATH=/bin"}))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"BRIDGE_COMPLETELY_DIFFERENT: unknown variable, ignored",
		"BRIDGE_PUSH_QOUTA: unknown variable, ignored; did you mean BRIDGE_PUSH_QUOTA?",
	}
	if fmt.Sprint(warnings) != fmt.Sprint(want) {
		t.Errorf("warnings = %q, want %q", warnings, want)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Attr("guards", "secrets")
	t.Parallel()
	c, _, err := Load(complete)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("config", "config", c, "key", c.Push.SecretKey)
	inside := struct{ cfg Config }{c} // of whose fields fmt asks no methods
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %d %x", c, c, c, c.Push.SecretKey, c.Push.SecretKey, c.Push.SecretKey),
		fmt.Sprintf("%v %+v %#v", inside, inside, &inside), string(asJSON), logged.String(),
	} {
		if strings.Contains(text, "s3cret") {
			t.Errorf("the secret is in %s", text)
		}
	}
}

func TestEveryVariableIsDocumented(t *testing.T) {
	t.Attr("guards", "configuration")
	t.Parallel()
	fields := map[string]string{}
	for _, v := range Variables() {
		if v.Desc == "" || !strings.HasPrefix(v.Name, Prefix) {
			t.Errorf("variable %+v lacks a meaning or the prefix", v)
		}
		// translate finds variables by field name alone.
		if other, ok := fields[v.field]; ok {
			t.Errorf("%s and %s are fields of one name, %s: errors would name the wrong one", v.Name, other, v.field)
		}
		fields[v.field] = v.Name
	}
}
