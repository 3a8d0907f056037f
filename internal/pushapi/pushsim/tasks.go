package pushsim

import (
	"fmt"
	"time"
)

// maxReport is the longest span of one statistics request.
const maxReport = 30 * day

// revoke recalls a push: {"TaskId":"…"}. Deliveries not yet made are not made;
// the others are taken back.
func (s *Server) revoke(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	if !q.app.lastRevoke.IsZero() && q.now.Sub(q.app.lastRevoke) < time.Second {
		return refused(codeRevokeTooOften, "more than one recall a second")
	}
	q.app.lastRevoke = q.now
	id, _ := f.text("TaskId")
	t := q.app.byID[id]
	switch {
	case t == nil:
		return refused(codeTaskUnknown, "the task is unknown")
	case !t.revoked.IsZero():
		return refused(codeAlreadyRevoked, "the task is already recalled")
	case q.now.Sub(t.accepted) > day:
		return refused(codeRevokeTooLate, "the task is older than 24 hours")
	}
	q.app.revoke(t, q.now)
	return answer{}
}

// statistics is {"StartTime":unix,"EndTime":unix,"TaskID":["…"]}; no ids: the
// totals of the span. Nobody clicks in the simulator.
func (s *Server) statistics(q *request) answer {
	f, r := parseBody(q.body)
	if r.given() {
		return answer{refusal: r}
	}
	if !q.app.lastReports.IsZero() && q.now.Sub(q.app.lastReports) < time.Second {
		return refused(codeTooManyRequests, "more than one report a second")
	}
	q.app.lastReports = q.now
	from, okFrom := parseUint(f["StartTime"], 40)
	to, okTo := parseUint(f["EndTime"], 40)
	if !okFrom || !okTo || to < from || to-from > uint64(maxReport/time.Second) {
		return refused(codeBadJSON, "StartTime and EndTime are not at most 30 days apart")
	}
	var ids []string
	if raw, ok := f.get("TaskID"); ok {
		if ids, ok = parseTexts(raw); !ok || len(ids) > limitStatisticsTasks {
			return refused(codeBadJSON, fmt.Sprintf("TaskID is no array of at most %d strings", limitStatisticsTasks))
		}
	}
	inSpan := func(t *task) bool {
		at := uint64(t.accepted.Unix())
		return from <= at && at <= to
	}
	results := []map[string]any{}
	for _, id := range ids {
		if t := q.app.byID[id]; t != nil && inSpan(t) {
			results = append(results, report(id, t.size, t.made(q.now)))
		}
	}
	if len(ids) == 0 {
		total, made := 0, 0
		for _, t := range q.app.tasks {
			if inSpan(t) {
				total += t.size
				made += t.made(q.now)
			}
		}
		results = append(results, report("", total, made))
	}
	// The vendor's own spelling, so that nobody compares the text.
	return answer{refusal: refusal{info: "sucess"}, members: map[string]any{"Results": results}}
}

func report(id string, total, made int) map[string]any {
	return map[string]any{
		"TaskID": id, "TotalCount": total, "SentCount": made, "DeliveredCount": made, "ClickCount": 0,
		"PlatformStatistics": []any{},
	}
}
