package pushsim

import (
	"slices"
	"time"
)

// uniqueFor is how long the older page forbids another push to use a MsgRandom.
const uniqueFor = 7 * day

type randomKey struct {
	app    uint32
	random uint32
}

// firstUse is the latest push content that went by a MsgRandom.
type firstUse struct {
	content [32]byte
	at      time.Time
	call    int
}

// push judges one push, makes its task where it is good, and writes what it
// was into the log. The caller holds s.mu.
func (s *Server) push(q *request, refused refusal) answer {
	p, bad := parsePush(q.body, q.hasAttr, s.cfg.StrictCondition)
	if len(q.body) > s.cfg.MaxBodyBytes {
		bad = refuse(codeRequestTooLarge, "the body is over 10 K")
	}
	call := q.log
	call.Judged = q.now
	call.Identifier, call.MsgRandom, call.OnlineOnly = q.identifier, p.random, p.onlineOnly
	call.Condition, call.Messages, call.Offline, call.Ignored = p.condition, p.messages, p.offline, p.ignored
	if q.app != nil {
		call.App = q.app.SDKAppID
	}
	if q.authentic && p.hasRandom {
		s.noteRandom(q, p)
	}
	if q.authentic {
		s.attempts[q.app.SDKAppID].add(q.now)
	}

	r := refused
	if !r.given() {
		r = s.judgePush(q, bad)
	}
	first := s.duplicateOf(q, p, r)
	if !r.given() && first == nil && !s.cfg.BudgetFirst {
		r = q.app.budget.judge(q.now, q.clock)
	}
	accepted := !r.given() && first == nil && q.plan.instead == nil
	if s.counts(q, r, accepted) {
		q.app.budget.spend(q.now, q.clock)
	}
	switch {
	case r.given():
		return answer{refusal: r, members: map[string]any{"TaskId": ""}}
	case q.plan.instead != nil:
		return answer{} // the fault answers
	case first != nil:
		call.TaskID, call.Duplicate = first.id, true
	default:
		sender := p.sender
		if !q.app.known(sender) {
			sender = q.identifier // absent or unknown: the caller, without an error
		}
		t := q.app.accept(p, q, sender)
		q.app.budget.last = q.now
		call.Accepted, call.TaskID, call.Audience, call.Sender = q.now, t.id, t.size, sender
	}
	return answer{members: map[string]any{"TaskId": call.TaskID}}
}

// judgePush judges what is judged before MsgRandom and, normally, the budget.
func (s *Server) judgePush(q *request, bad refusal) refusal {
	if q.app.PushOff {
		return refuse(codePushOff, "pushing to all or tagged users is not enabled")
	}
	if s.cfg.BudgetFirst {
		if r := q.app.budget.judge(q.now, q.clock); r.given() {
			return r
		}
	}
	return bad
}

// duplicateOf returns the task that a good push repeats, whatever it says now:
// the API compares the number alone.
func (s *Server) duplicateOf(q *request, p push, r refusal) *task {
	if r.given() {
		return nil
	}
	t := q.app.lastOf[p.random]
	if t == nil || q.now.Sub(t.accepted) >= s.cfg.DedupWindow {
		return nil
	}
	return t
}

// counts says whether the call uses up quota.
func (s *Server) counts(q *request, r refusal, accepted bool) bool {
	if !q.authentic || r.code == codeTooSoon || r.code == codeQuotaSpent {
		return false
	}
	switch s.cfg.Counting {
	case CountAccepted:
		return accepted
	case CountValid:
		return !r.given()
	case CountAll:
		return true
	}
	panic("pushsim: unknown counting")
}

// noteRandom remembers which content went by the number, and finds out when
// another takes it within seven days.
func (s *Server) noteRandom(q *request, p push) {
	key := randomKey{q.app.SDKAppID, p.random}
	use, ok := s.randoms[key]
	if ok && use.content != p.fingerprint && q.now.Sub(use.at) <= uniqueFor {
		s.reuses = append(s.reuses, Reuse{App: key.app, MsgRandom: p.random, First: use.call, Again: q.number})
	}
	s.randoms[key] = firstUse{p.fingerprint, q.now, q.number}
}

// hasAttr reports whether the request's app has the attribute name. Without an
// app there is nothing to judge by.
func (q *request) hasAttr(name string) bool {
	return q.app == nil || slices.Contains(q.app.attrNames[:], name)
}
