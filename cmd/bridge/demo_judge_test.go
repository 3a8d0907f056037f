package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/config"
	"pushbridge/internal/intent"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
	"pushbridge/internal/pushapi/pushsim"
)

const judgedRules = `version: 1
rules:
  - name: promo
    match: {type: member.promo}
    audience: {tags_any: "${data.tiers}"}
    message: [{text: "${data.title}"}]
    online_only: true
`

// judged is a demo whose calls the test makes itself, by hand.
type judged struct {
	*demoRun
	t      *testing.T
	random uint32
	pause  time.Duration // after each call
}

// newJudged has emitted two events, which ask gold and silver users to read one
// text.
func newJudged(t *testing.T) *judged {
	t.Helper()
	sim, err := pushsim.New(pushsim.Config{
		Apps:     []pushsim.App{{SDKAppID: demoApp, SecretKey: demoKey, Admins: []string{demoIdentifier}}},
		Interval: -1, // the judge must see what an API that keeps no interval lets pass
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Populate(1, 100); err != nil {
		t.Fatal(err)
	}
	rules, err := mapper.Parse("rules.yaml", []byte(judgedRules), mapper.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	script, err := parseScript([]byte(
		`{"specversion":"1.0","id":"1","source":"/crm","type":"member.promo","time":"2026-01-01T12:00:00Z","data":{"title":"Sale","tiers":["gold"]}}` + "\n" +
			`{"specversion":"1.0","id":"2","source":"/crm","type":"member.promo","time":"2026-01-01T12:00:00Z","data":{"title":"Sale","tiers":["silver"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Config{Push: config.Push{Quota: 3}}
	d := &demoRun{script: script, sim: sim, rules: rules, pipeline: &pipeline{cfg: cfg}, started: time.Now()}
	d.emitted.Store(int64(len(script)))
	return &judged{demoRun: d, t: t, pause: 2 * time.Second}
}

// push makes a call to the simulator, as the pipeline or as somebody else.
func (j *judged) push(text string, tags ...string) {
	j.t.Helper()
	who, err := audience.OfAnyTag(tags...)
	if err != nil {
		j.t.Fatal(err)
	}
	mapping := j.rules.Map(&j.script[0].event, intent.Origin{Source: "/crm", ID: "1", Received: time.Now(), Time: time.Now()})
	j.random++
	body, err := pushapi.Request{Random: j.random, Audience: who, Messages: []intent.Message{mapping.Intents[0].Message}}.Encode()
	if err != nil {
		j.t.Fatal(err)
	}
	body = bytes.ReplaceAll(body, []byte("Sale"), []byte(text))
	sig := pushapi.Credentials{SDKAppID: demoApp, Identifier: demoIdentifier, Key: pushapi.NewKey(demoKey)}.Sign(time.Now(), time.Hour)
	url := fmt.Sprintf("/v4/timpush/push?usersig=%s&identifier=%s&sdkappid=%d&random=1&contenttype=json", sig, demoIdentifier, demoApp)
	answer := httptest.NewRecorder()
	j.sim.ServeHTTP(answer, httptest.NewRequestWithContext(j.t.Context(), http.MethodPost, url, bytes.NewReader(body)))
	if !strings.Contains(answer.Body.String(), `"ErrorCode":0`) {
		j.t.Fatalf("push %q to %v: %s", text, tags, answer.Body)
	}
	time.Sleep(j.pause)
}

// tell adds what the results topic says of an event.
func (j *judged) tell(id, disposition, push string) {
	var t told
	t.Data.Source, t.Data.ID, t.Data.Rule, t.Data.Disposition, t.Data.PushID = "/crm", id, "promo", disposition, push
	j.told = append(j.told, t)
}

// The judge must be able to find fault: each of these tampers with an honest
// run.
func TestJudgeFindsFault(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	// together is the honest run: one call for both events.
	together := func(j *judged) {
		j.push("Sale", "gold", "silver")
		j.tell("1", "pushed", "p1")
		j.tell("2", "pushed", "p1")
	}
	for name, tt := range map[string]struct {
		run  func(*judged)
		good bool
		find func(demoSummary) bool // what else must be seen; nil: nothing
		says string                 // a part of the text
	}{
		"honest": {run: together, good: true, says: "2 events → 1 call (2.0 events a call)"},
		"two calls for two events": {
			run: func(j *judged) {
				j.push("Sale", "gold")
				j.push("Sale", "silver")
				j.tell("1", "pushed", "p1")
				j.tell("2", "pushed", "p2")
			},
			good: true, says: "at least 2000 ms between calls",
		},
		"somebody else pushes too": {
			run:  func(j *judged) { together(j); j.push("Win a car", "gold") },
			find: func(s demoSummary) bool { return s.WrongDeliveries > 0 && s.MissedDeliveries == 0 },
			says: "users reached exactly: NO",
		},
		"the right text to the wrong people": {
			run: func(j *judged) {
				j.push("Sale", "gold", "bronze")
				j.tell("1", "pushed", "p1")
				j.tell("2", "pushed", "p1")
			},
			find: func(s demoSummary) bool { return s.WrongDeliveries > 0 && s.MissedDeliveries > 0 },
		},
		"twice the same": {
			run:  func(j *judged) { together(j); j.push("Sale", "gold", "silver") },
			find: func(s demoSummary) bool { return s.RepeatedDeliveries == s.Deliveries/2 && s.WrongDeliveries == 0 },
			says: "TWICE",
		},
		"told, not pushed": {
			run:  func(j *judged) { j.tell("1", "pushed", "p1"); j.tell("2", "expired", "") },
			find: func(s demoSummary) bool { return s.MissedDeliveries > 0 },
		},
		"pushed, told as expired": {
			run:  func(j *judged) { j.push("Sale", "gold"); j.tell("1", "expired", ""); j.tell("2", "unmatched", "") },
			find: func(s demoSummary) bool { return s.WrongDeliveries > 0 },
		},
		"a reason for each, and no call": {
			run:  func(j *judged) { j.tell("1", "rejected", ""); j.tell("2", "expired", "") },
			find: func(s demoSummary) bool { return s.mistold == 2 && s.MissedDeliveries == 0 && s.left() == 0 },
			says: "2 events ended as the rules do NOT allow",
		},
		"all are duplicates": {
			run:  func(j *judged) { j.tell("1", "duplicate", ""); j.tell("2", "duplicate", "") },
			find: func(s demoSummary) bool { return s.mistold == 2 },
		},
		"an event is lost": {
			run:  func(j *judged) { j.push("Sale", "gold"); j.tell("1", "pushed", "p1") },
			find: func(s demoSummary) bool { return s.left() == 1 },
			says: "1 event had not ended",
		},
		"an event ended twice": {
			run:  func(j *judged) { together(j); j.tell("2", "duplicate", "") },
			find: func(s demoSummary) bool { return s.left() == -1 },
		},
		"as fast as the API forbids": {
			run: func(j *judged) {
				j.pause = time.Second
				j.push("Sale", "gold")
				j.push("Sale", "silver")
				j.tell("1", "pushed", "p1")
				j.tell("2", "pushed", "p2")
			},
			find: func(s demoSummary) bool { return s.MinIntervalMS == 1000 && s.WrongDeliveries+s.MissedDeliveries == 0 },
		},
		"over the quota": {
			run: func(j *judged) {
				together(j)
				for range 3 {
					j.push("Sale", "nobody-has-this")
				}
			},
			find: func(s demoSummary) bool { return s.MaxCallsIn24h == 4 && s.WrongDeliveries == 0 },
			says: "4 of 3 calls",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j := newJudged(t)
				tt.run(j)
				s := j.judge()
				if s.good() != tt.good || tt.find != nil && !tt.find(s) || !strings.Contains(s.text(), tt.says) {
					t.Errorf("good = %v, want %v and %q:\n%+v\n%s", s.good(), tt.good, tt.says, s, s.text())
				}
			})
		})
	}
}
