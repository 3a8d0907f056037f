package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

const exampleRules = "../../internal/mapper/testdata/rules/example.yaml"

// runCommand executes a subcommand and returns what it prints and its exit code.
func runCommand(t *testing.T, cmd *cobra.Command, stdin string, args ...string) (out string, code int) {
	t.Helper()
	var stdout bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stdout)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.Execute()
	if err == nil {
		return stdout.String(), 0
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		return stdout.String() + exit.Error(), exit.code
	}
	return stdout.String() + err.Error(), exitFindings
}

func TestCheck(t *testing.T) {
	t.Attr("guards", "check says every problem once, and its exit code")
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("version: 2\nrules: [{name: a, match: {type: x}, audience: {tags_any: []}, message: [{text: hi}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want []string // parts of the output, in order
		code int
	}{
		"good": {[]string{exampleRules}, []string{": 3 rules, 1 warning, 2 notes ok\n"}, 0},
		"broken": {[]string{broken}, []string{
			"broken.yaml:1:10: version: \"2\" is not known; write version: 1\nversion: 2\n         ^\n",
			"broken.yaml:2:58: rule \"a\": audience.tags_any: the list is empty", "broken.yaml: 2 problems\n",
		}, exitFindings},
		"good and broken": {[]string{exampleRules, broken}, []string{"3 rules, 1 warning, 2 notes ok", "2 problems"}, exitFindings},
		"absent":          {[]string{"no.yaml"}, []string{"no such file", "1 problem\n"}, exitFindings},
		"json":            {[]string{"-o", "json", broken}, []string{`"rule": "a"`, `"field": "audience.tags_any"`}, exitFindings},
		"no file":         {nil, []string{"name at least one file"}, exitUsage},
		"output":          {[]string{"-o", "xml", exampleRules}, []string{`output "xml": want text or json`}, exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := runCommand(t, newCheckCmd(), "", tt.args...)
			if code != tt.code {
				t.Errorf("exit %d, want %d", code, tt.code)
			}
			rest := out
			for _, part := range tt.want {
				i := strings.Index(rest, part)
				if i < 0 {
					t.Fatalf("no %q in the rest of\n%s", part, out)
				}
				rest = rest[i+len(part):]
			}
		})
	}
}

const explainEvents = `{"specversion":"1.0","type":"member.promo","source":"/crm/a","id":"1","data":{"tiers":["gold","silver"],"title":"Sale","summary":"now","discount":0.3,"ends_at":"2026-03-01T20:00:00+08:00"}}
{"specversion":"1.0","type":"region.alert","source":"/met","id":"2",
 "data":{"level":"red","headline":"Rain","city":"Oslo","alert_id":7}}
`

func TestExplain(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	args := []string{"--rules", exampleRules, "--received", "2026-03-01T09:00:00+08:00", "-"}
	out, code := runCommand(t, newExplainCmd(), explainEvents, args...)
	if code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
	const want = `/crm/a 1 (member.promo)
  member-promo: matched
    audience  tags_any[gold silver]  {"TagsOr":["gold","silver"]}
    message   Sale: now
    priority  normal
    push by   2026-03-01T11:00:00+08:00, expires 2026-03-01T20:00:00+08:00
    coalesce  merge
    on doubt  drop
    request   {"MsgRandom":0,"OnlineOnlyFlag":0,"From_Account":"notice-bot","OfflinePushInfo":{"PushFlag":0,"Title":"Sale","Desc":"now"},"Condition":{"TagsOr":["gold","silver"]},"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"Sale: now"}}]}
  region-alert: not asked: rule "member-promo" decided, without continue
  evening-digest: not asked: rule "member-promo" decided, without continue
/met 2 (region.alert)
  member-promo: not matched: type is "region.alert"
  region-alert: matched
    audience  attrs_any[city=Oslo]  {"AttrsOr":{"city":"Oslo"}}
    message   [red] Rain
    priority  critical
    push by   2026-03-01T09:01:00+08:00, expires 2026-03-01T09:20:00+08:00
    coalesce  latest by 7
    on doubt  resend
    request   {"MsgRandom":0,"OnlineOnlyFlag":0,"From_Account":"notice-bot","Condition":{"AttrsOr":{"city":"Oslo"}},"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"[red] Rain"}}]}
  evening-digest: not asked: rule "region-alert" decided, without continue
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExplainFindings(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for name, tt := range map[string]struct {
		event string
		want  string
		code  int
	}{
		"failed":     {`{"specversion":"1.0","type":"region.alert","source":"/met","id":"1","data":{}}`, "audience.attrs_any.city: data.city is absent\n    the event would be dead-lettered", exitFindings},
		"expired":    {`{"specversion":"1.0","type":"region.alert","source":"/met","id":"1","expirytime":"2026-03-01T00:00:00Z","data":{"level":"a","headline":"b","city":"c","alert_id":"d"}}`, "which has passed: it would end expired", 0},
		"unmatched":  {`{"specversion":"1.0","type":"other","source":"/met","id":"1"}`, `evening-digest: not matched: type is "other"`, 0},
		"no event":   {`{"type":"other"}`, "no CloudEvent: invalid: specversion is missing", exitFindings},
		"incomplete": {`{"specversion":"1.0","type":"other","source":"/met"}`, "no CloudEvent: invalid: id is missing", exitFindings},
		"no JSON":    {`{"specversion"`, "standard input:1: no JSON at 1:15: ", exitFindings},
		"nothing":    {``, "standard input: no events\n", exitFindings},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := runCommand(t, newExplainCmd(), tt.event, "--rules", exampleRules, "--received", "2026-03-01T09:00:00+08:00", "-")
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit %d, want %d; want %q in\n%s", code, tt.code, tt.want, out)
			}
		})
	}
	if out, code := runCommand(t, newExplainCmd(), "", "--rules", exampleRules); code != exitUsage {
		t.Errorf("without events: exit %d, %s; want %d", code, out, exitUsage)
	}
	if out, code := runCommand(t, newExplainCmd(), "", "--rules", exampleRules, "--received", "noon", "-"); code != exitUsage {
		t.Errorf("with a bad instant: exit %d, %s; want %d", code, out, exitUsage)
	}
}

func TestExplainJSON(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	out, code := runCommand(t, newExplainCmd(), explainEvents, "--rules", exampleRules, "-o", "json", "-")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	dec := json.NewDecoder(strings.NewReader(out))
	var ids []string
	for dec.More() {
		var x explained
		if err := dec.Decode(&x); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.Event.ID)
		if len(x.Rules) != 3 || x.Version == "" || x.Received.IsZero() {
			t.Errorf("event %s: %+v", x.Event.ID, x)
		}
	}
	if diff := cmp.Diff([]string{"1", "2"}, ids); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, part := range []string{`"condition":{"AttrsOr":{"city":"Oslo"}}`, `"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"[red] Rain"}}]`, `"priority":"critical"`, `"mode":"latest","key":"7"`} {
		if !strings.Contains(out, part) {
			t.Errorf("no %s in\n%s", part, out)
		}
	}
}
