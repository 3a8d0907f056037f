package console

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pushbridge/internal/browsertest"
)

// status is what cmd answers, as far as the page shows it.
func status(change func(status, lane map[string]any)) map[string]any {
	lane := map[string]any{
		"lane": "default", "sdkappid": 1400000000, "breaker": "closed", "quota": 100, "used": 40, "remaining": 60,
		"next_call": time.Now().Add(time.Hour + 30*time.Second), "pending": map[string]int{"critical": 0, "normal": 30, "low": 3}, "batches": 3,
		"waiting": []any{map[string]any{
			"rule": "member-promo", "audience": "tags_any[gold]", "events": 31, "priority": "normal", "waits_for": "others to join",
			"until_at_the_latest": time.Now().Add(3*time.Hour + 30*time.Second),
		}},
	}
	s := map[string]any{
		"state": "owner", "rules_version": "c9cf3fa471a1", "lanes": []any{lane}, "ended": map[string]int{"pushed": 94, "expired": 1},
		"pushes": []any{
			map[string]any{
				"push_id": "earlier", "lane": "default", "at": time.Now().Add(-3 * time.Hour), "class": "reject", "why": "price",
				"rules": []string{"member-promo", "sale"}, "audience": "tags_any[silver]", "messages": 1, "events": 7,
			},
			map[string]any{
				"push_id": "later", "lane": "default", "at": time.Now().Add(-30 * time.Minute), "class": "ok", "why": "critical",
				"rules": []string{"region-alert"}, "audience": "tags_any[lima]", "messages": 1, "events": 5,
			},
		},
	}
	if change != nil {
		change(s, lane)
	}
	return s
}

// forget leaves of a lane what an instance says that does not know the rest.
func forget(lane map[string]any) {
	maps.DeleteFunc(lane, func(key string, _ any) bool {
		return !slices.Contains([]string{"lane", "sdkappid", "breaker", "quota"}, key)
	})
}

const nothingKnown = "calls used ? of 100 left ? next call ? breaker closed waiting ? in future calls ? "

// text is what a document shows: without markup and what is hidden, a space for each gap.
func text(document string) string {
	_, body, _ := strings.Cut(document, "<body")
	for _, gone := range []string{`(?s)<noscript>.*?</noscript>`, `(?s)<template.*?</template>`, `(?s)<(p|section|table)[^>]* hidden="".*?</(p|section|table)>`, `<[^>]*>`} {
		body = regexp.MustCompile(gone).ReplaceAllString(body, " ")
	}
	return strings.Join(strings.Fields(body), " ")
}

// Promise: explained. Who looks at the page sees what waits, for what, and why calls were made.
func TestPageShowsWhatTheInstanceSays(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()

	for name, tt := range map[string]struct {
		checks    []Check
		change    func(status, lane map[string]any)
		approvals any // nil: the instance knows none
		shows     []string
		hides     []string
	}{
		"a day's work": {
			checks: []Check{{Name: "kafka", OK: true, Needed: true, Detail: "owner"}, {Name: "push", OK: true}},
			shows: []string{
				"bridge owner rules c9cf3fa471a1", "kafka: owner push", "Lane default, app 1400000000 calls used 40 of 100", "left 60 none in the last hour",
				"next call in 60 min breaker closed", "waiting 33 30 normal, 3 low in future calls 3 11.0 events a call",
				"tags_any[gold] member-promo normal 31 others to join in 3 h", "and 2 more",
				"30 min ago ok critical 5 1 tags_any[lima] region-alert default later 3 h ago reject price 7 1 tags_any[silver] member-promo, sale default earlier",
				"expired 1 pushed 94",
			},
			hides: []string{"No answer", "stands by", "Waiting for people", "None"},
		},
		"something is wrong": {
			checks: []Check{{Name: "push", Detail: "code 90009: the account is no administrator"}, {Name: "kafka", Needed: true, Detail: "joining"}},
			change: func(_, lane map[string]any) {
				lane["blocked"], lane["exhausted_in_seconds"], lane["remaining"] = "paused: code 90009", 0, 0
				lane["pools"] = []any{map[string]any{"pool": "storms", "used": 3, "at_least": 2, "at_most": 9}}
			},
			shows: []string{
				"push: code 90009: the account is no administrator kafka: joining", "paused: code 90009", "left 0 until some come back",
				"pool storms: 3 used (at least 2, at most 9)",
			},
			hides: []string{"No answer"},
		},
		"nothing yet": {
			change: func(s, lane map[string]any) {
				s["pushes"], s["ended"] = []any{}, map[string]int{}
				delete(lane, "waiting")
				lane["pending"], lane["batches"], lane["exhausted_in_seconds"] = map[string]int{"low": 0}, 0, 5400.0
			},
			shows: []string{"left 60 90 min at the pace of the last hour", "waiting 0 in future calls 0 Last", "None since this instance took over.", "None yet."},
			hides: []string{"more", "events a call"},
		},
		"another has the work": {
			change: func(s, lane map[string]any) {
				s["state"], s["pushes"] = "standby", []any{}
				forget(lane)
			},
			shows: []string{"bridge standby", "Another instance has the work.", nothingKnown},
			hides: []string{"none in the last hour", "Last pushes"},
		},
		"it joins": {
			change: func(s, lane map[string]any) {
				s["state"], s["pushes"] = "joining", []any{}
				forget(lane)
			},
			shows: []string{"bridge joining", nothingKnown},
			hides: []string{"Another instance", "Last pushes"},
		},
		"the one that has the work does not say": {
			change: func(_, lane map[string]any) { forget(lane) },
			shows:  []string{"bridge owner", nothingKnown},
			hides:  []string{"Another instance", "undefined", "none in the last hour"},
		},
		"a message waits for people": {
			approvals: map[string]any{"total": 5, "waiting": []any{map[string]any{
				"id": "00ff", "rule": "to-all", "text": "Closed today", "audience": []string{"everyone"}, "events": 2, "by": 2,
				"until": time.Now().Add(30*time.Minute + 30*time.Second), "approved": []any{map[string]any{"author": "eve"}},
			}}},
			shows: []string{`Waiting for people the first 1 of 5`, `Closed today to-all everyone 2 1 of 2 in 30 min bridge approve grant 00ff --comment "…"`},
		},
		"what waits for people is not known": {
			approvals: func() {}, // which no JSON can say
			shows:     []string{"bridge owner", "tags_any[gold]", "This instance cannot say what waits for people."},
			hides:     []string{"No answer", "Waiting for people"},
		},
		"several lanes": {
			change: func(s, lane map[string]any) {
				s["lanes"] = []any{lane, map[string]any{"lane": "alerts", "sdkappid": 7, "breaker": "open", "quota": 10, "used": 1, "remaining": 9, "batches": 0}}
			},
			shows: []string{"Lane default, app 1400000000", "Lane alerts, app 7 calls used 1 of 10", "breaker open"},
		},
		"events bring markup": {
			change: func(_, lane map[string]any) {
				lane["waiting"].([]any)[0].(map[string]any)["audience"] = `tags_any[<img src=x onerror="document.title='taken'">]`
			},
			shows: []string{`tags_any[&lt;img src=x onerror="document.title='taken'"&gt;]`},
			hides: []string{"taken</title>"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newConfig(tt.checks...)
			cfg.Status = func(context.Context) any { return status(tt.change) }
			if tt.approvals != nil {
				cfg.Views = map[string]func(context.Context) any{"GET /api/v1/approvals": func(context.Context) any { return tt.approvals }}
			}
			s := httptest.NewServer((&Server{cfg: cfg}).Handler())
			defer s.Close()

			document, complaints := browsertest.Document(t, s.URL, time.Second)
			got := text(document)
			for _, want := range tt.shows {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
			for _, no := range tt.hides {
				if strings.Contains(got, no) || strings.Contains(document, no) && strings.Contains(no, "<") {
					t.Errorf("%q is in\n%s", no, got)
				}
			}
			for _, c := range complaints {
				// That there are no approvals here, and that the instance is not ready, are answers.
				if !strings.Contains(c, "/api/v1/approvals") && !strings.Contains(c, "/readyz") {
					t.Error(c)
				}
			}
		})
	}
}

// What an instance said last stays, with since when it says nothing.
func TestPageSaysThatNobodyAnswers(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()

	for name, tt := range map[string]struct {
		then http.HandlerFunc // instead of the status, from the second time on
		want *regexp.Regexp
	}{
		"it cannot say": {
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
			regexp.MustCompile(`This instance cannot say how it is since \d+:\d\d:\d\d[^;]*; below is what it said then \(api/v1/status answered 500\)\.`),
		},
		"it has gone": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			regexp.MustCompile(`No answer from this instance since \d+:\d\d:\d\d[^;]*; below is what it said then `),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newConfig()
			cfg.Status = func(context.Context) any { return status(nil) }
			page := (&Server{cfg: cfg}).Handler()
			var asked atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v1/status" && asked.Add(1) > 1 {
					tt.then(w, r)
					return
				}
				page.ServeHTTP(w, r)
			}))
			defer s.Close()

			document, _ := browsertest.Document(t, s.URL, 5*time.Second)
			if got := text(document); !tt.want.MatchString(got) || !strings.Contains(got, "tags_any[gold]") {
				t.Errorf("%q is not in\n%s", tt.want, got)
			}
			if asked.Load() < 2 {
				t.Errorf("it has asked %d times", asked.Load())
			}
		})
	}
}
