package mapper

import (
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"pushbridge/internal/intent"
)

const approveRules = `
version: 1
test_audience: {tags_any: [testers]}
rules:
  - name: read
    match: {type: news}
    audience: {tags_any: ["${data.tag}"]}
    message: [{text: "${data.text}"}]
    coalesce: {mode: digest, key: "${data.section}"}
    approve: {by: 2, within: 30m}
    continue: true
  - name: other
    match: {type: news}
    audience: {tags_any: ["${data.tag}"]}
    message: [{text: "${data.text}"}]
    coalesce: {mode: digest, key: "${data.section}"}
    approve: {by: 1, within: 2h}
  - name: unread
    match: {type: chat}
    audience: {tags_any: ["${data.tag}"]}
    message: [{text: "${data.text}"}]
`

// What an approval is given to is rule, text and key; whom it goes to is no part of it.
func TestApprove(t *testing.T) {
	t.Attr("guards", "nothing is pushed that nobody has read where somebody must")
	t.Parallel()
	r, err := Parse("rules.yaml", []byte(approveRules), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	names, longest := r.Approvals()
	if diff := gocmp.Diff([]string{"read", "other"}, names); diff != "" || longest != 2*time.Hour {
		t.Errorf("rules with approve (-want +got), within %v:\n%s", longest, diff)
	}
	intents := func(members string) []intent.Intent {
		t.Helper()
		e, o := mustEvent(t, members)
		m := r.Map(e, o)
		if len(m.Intents) == 0 {
			t.Fatalf("Map(%s) = %s, want intents", members, summary(m))
		}
		return m.Intents
	}
	news := func(text, section, tag string) string {
		return `{"type":"news","data":{"text":"` + text + `","section":"` + section + `","tag":"` + tag + `"}}`
	}
	base := intents(news("rain", "local", "gold"))
	if got, want := *base[0].Policy.Approve, (intent.Approval{By: 2, Within: 30 * time.Minute}); got != want {
		t.Errorf("approve: %+v, want %+v", got, want)
	}
	if base[0].ApprovalID() == base[1].ApprovalID() {
		t.Error("one approval for two rules")
	}
	for name, tt := range map[string]struct {
		members string
		same    bool
	}{
		"the same":         {news("rain", "local", "gold"), true},
		"another audience": {news("rain", "local", "silver"), true},
		"another text":     {news("Rain", "local", "gold"), false},
		"another key":      {news("rain", "world", "gold"), false},
		"shifted":          {news("lrain", "loca", "gold"), false},
	} {
		if same := intents(tt.members)[0].ApprovalID() == base[0].ApprovalID(); same != tt.same {
			t.Errorf("%s: one approval covers both: %v", name, same)
		}
	}
	if p := intents(`{"type":"chat","data":{"text":"rain","tag":"gold"}}`)[0].Policy; p.Approve != nil {
		t.Errorf("approve of a rule without it: %+v", p.Approve)
	}
	// Tests reach testers alone, who are to read what others will be asked to approve.
	if p := intents(strings.Replace(news("rain", "local", "gold"), "{", `{"pushtest":"me",`, 1))[0].Policy; p.Approve != nil {
		t.Errorf("approve of a test: %+v", p.Approve)
	}
}
