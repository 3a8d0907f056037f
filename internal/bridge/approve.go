package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
	"pushbridge/internal/pushapi"
)

// Why an approval is not given.
var (
	ErrNotWriter  = errors.New("this instance is not the writer, which alone knows what waits: ask the one that is")
	ErrNotWaiting = errors.New("nothing of this id waits for approval: it was approved, its time is over, or it never came")
	ErrTwice      = errors.New("the same person has approved of it: another one must")
	ErrNoAnswer   = errors.New("no answer in time: look at the list, which has the approval if the journal does")
)

// maxApprovals is how many texts a list holds: more than people read.
const maxApprovals = 200

// unread is what waits for people's approval, and what they gave. Whether an intent is
// approved follows from its arrival and from what the journal holds, so that every
// reader of the same journal comes to the same answer, whenever it reads.
type unread struct {
	texts   map[string]*text              // by intent.ApprovalID
	given   map[string][]journal.Approval // by the same, oldest first
	intents int
	wake    time.Time // the earliest end of waiting, or earlier; zero: nothing waits
}

// text is what an approval is asked for.
type text struct {
	waiting []intent.Intent // in the order in which they came
	writing int             // approvals that are on their way to the journal
}

// approved is an approval on its way to the journal.
type approved struct {
	journal.Approval

	told chan<- Granted // size 1
}

// Granted is what an approval has done.
type Granted struct {
	Released int // intents
	Missing  int // people, until they are released
}

func newUnread(state *journal.State) unread {
	u := unread{texts: make(map[string]*text), given: make(map[string][]journal.Approval)}
	for _, a := range state.Approvals {
		u.given[a.ID] = append(u.given[a.ID], a)
	}
	return u
}

// covering are the approvals that cover the intent, one a person: given not longer than
// `within` before its arrival, nor after.
func (u *unread) covering(in *intent.Intent) []journal.Approval {
	var all []journal.Approval
	for _, a := range u.given[in.ApprovalID()] {
		if a.At.Sub(in.Origin.Received).Abs() <= in.Policy.Approve.Within && !hasAuthor(all, a.Author) {
			all = append(all, a)
		}
	}
	return all
}

func hasAuthor(all []journal.Approval, author string) bool {
	return slices.ContainsFunc(all, func(a journal.Approval) bool { return a.Author == author })
}

// authors are the people whose approval covers the intent.
func (u *unread) authors(in *intent.Intent) []string { return journal.Authors(u.covering(in)) }

func (u *unread) covers(in *intent.Intent) bool { return len(u.authors(in)) >= in.Policy.Approve.By }

// sign says in the end of an intent that a call carried who had approved of it.
func (u *unread) sign(d *journal.Disposition, in *intent.Intent) {
	if in.Policy.Approve != nil && (d.Kind == journal.Pushed || d.Kind == journal.Rejected) {
		d.ApprovedBy = u.authors(in)
	}
}

// behind are the approvals by which a batch may go, one a person: a text may be approved
// under many keys, and a record of the journal has its bound.
func (u *unread) behind(b *limiter.Batch) []journal.Approval {
	var all []journal.Approval
	for i := range b.Covers {
		in := b.Covers[i].Intent
		if in.Policy.Approve == nil {
			continue
		}
		for _, a := range u.covering(in) {
			if !hasAuthor(all, a.Author) {
				all = append(all, a)
			}
		}
	}
	return all
}

// until is when an intent waits no longer.
func until(in *intent.Intent) time.Time {
	return sooner(in.Origin.Received.Add(in.Policy.Approve.Within), in.Policy.Expires)
}

// mustBeRead says whether people must approve of an intent before it may go.
func (l *loop) mustBeRead(in *intent.Intent) bool {
	return in.Policy.Approve != nil && !l.unread.covers(in)
}

// await holds an intent until it is approved; expireUnread ends it if its time is over.
func (l *loop) await(in intent.Intent) {
	u := &l.unread
	id := in.ApprovalID()
	t := u.texts[id]
	if t == nil {
		t = &text{}
		u.texts[id] = t
		l.b.cfg.Logger.Info("a message waits for approval", "approval_id", id, "rule", in.Rule, "by", in.Policy.Approve.By, "until", until(&in))
	}
	t.waiting = append(t.waiting, in)
	u.intents++
	u.wake = sooner(u.wake, until(&in))
}

// take takes the intents for which it says so out of all that waits.
func (u *unread) take(from map[string]*text, which func(*text, *intent.Intent) bool) []intent.Intent {
	var taken []intent.Intent
	for id, t := range from {
		t.waiting = slices.DeleteFunc(t.waiting, func(in intent.Intent) bool {
			if !which(t, &in) {
				return false
			}
			taken = append(taken, in)
			return true
		})
		if len(t.waiting) == 0 && t.writing == 0 {
			delete(u.texts, id)
		}
	}
	u.intents -= len(taken)
	slices.SortStableFunc(taken, func(a, b intent.Intent) int { return a.Origin.Position.Compare(b.Origin.Position) })
	return taken
}

// expireUnread ends what nobody approved of in time, and returns when to look again;
// zero: nothing waits. What is about to be approved waits for the journal.
func (l *loop) expireUnread(now time.Time) time.Time {
	u := &l.unread
	if u.wake.IsZero() || now.Before(u.wake) {
		return u.wake
	}
	over := u.take(u.texts, func(t *text, in *intent.Intent) bool { return t.writing == 0 && !until(in).After(now) })
	for i := range over {
		l.endUnread(&over[i], now)
	}
	u.wake = time.Time{}
	for _, t := range u.texts {
		for i := range t.waiting {
			if t.writing == 0 {
				u.wake = sooner(u.wake, until(&t.waiting[i]))
			}
		}
	}
	return u.wake
}

// endUnread ends an intent as expired, and says what it lacked.
func (l *loop) endUnread(in *intent.Intent, now time.Time) {
	d := dispositionOf(limiter.Ended{Intent: in, Kind: limiter.EndExpired}, identity{}, pushapi.Outcome{}, now)
	d.Reason = l.unread.reason(in)
	l.dispose(d)
}

func (u *unread) reason(in *intent.Intent) string {
	a, authors := in.Policy.Approve, u.authors(in)
	text := fmt.Sprintf("not approved by %d within %v", a.By, a.Within)
	if in.Policy.Expires.Before(in.Origin.Received.Add(a.Within)) {
		text = fmt.Sprintf("not approved by %d before it expired", a.By)
	}
	if len(authors) > 0 {
		text += ", only by " + strings.Join(authors, ", ")
	}
	return text
}

// unreadReason says once more why an event expired under a rule; empty where
// approval had no part in it.
func (l *loop) unreadReason(m *mapper.Mapping, rule string) string {
	for i := range m.Intents {
		if in := &m.Intents[i]; in.Rule == rule && l.mustBeRead(in) {
			return l.unread.reason(in)
		}
	}
	return ""
}

// withdrawUnread ends what waits of replays that are cancelled.
func (l *loop) withdrawUnread(now time.Time) {
	gone := l.unread.take(l.unread.texts, func(_ *text, in *intent.Intent) bool { return l.isCancelled(&in.Origin, now) })
	for i := range gone {
		l.endCancelled(&gone[i], now)
	}
}

// approve lets approvals take effect that the journal has.
func (l *loop) approve(given []approved, now time.Time) {
	u := &l.unread
	for i := range given {
		a := &given[i]
		u.given[a.ID] = append(u.given[a.ID], a.Approval)
		t := u.texts[a.ID]
		t.writing--
		released := u.take(map[string]*text{a.ID: t}, func(_ *text, in *intent.Intent) bool { return u.covers(in) })
		answer := Granted{Released: len(released)}
		for j := range t.waiting {
			in := &t.waiting[j]
			answer.Missing = max(answer.Missing, in.Policy.Approve.By-len(u.authors(in)))
			u.wake = sooner(u.wake, until(in))
		}
		l.b.cfg.Logger.Info("message approved", "approval_id", a.ID, "rule", a.Rule, "author", a.Author, "comment", a.Comment, "released", answer.Released, "missing", answer.Missing)
		for _, in := range released {
			l.admit(in, now)
		}
		a.told <- answer
	}
}

// grant puts an approval on its way to the journal.
func (l *loop) grant(a approved, now time.Time) error {
	t := l.unread.texts[a.ID]
	switch {
	case !l.decides():
		return ErrNotWriter
	case t == nil || len(t.waiting) == 0:
		return ErrNotWaiting
	case l.hasApproved(a.ID, a.Author, t):
		return ErrTwice
	}
	a.Rule, a.At = t.waiting[0].Rule, now.UTC().Round(0)
	t.writing++
	l.outbox.approved = append(l.outbox.approved, a)
	return nil
}

// hasApproved says whether the author's approval covers all that waits, or is on its way.
func (l *loop) hasApproved(id, author string, t *text) bool {
	by := func(a approved) bool { return a.ID == id && a.Author == author }
	if slices.ContainsFunc(l.outbox.approved, by) {
		return true
	}
	for _, job := range []*recordJob{l.recording, l.outbox.failed} {
		if job != nil && slices.ContainsFunc(job.approved, by) {
			return true
		}
	}
	for i := range t.waiting {
		if !slices.Contains(l.unread.authors(&t.waiting[i]), author) {
			return false
		}
	}
	return true
}

// visit has the loop do something between two events; ErrNotWriter where there is none.
func (b *Bridge) visit(ctx context.Context, do func(*loop, time.Time)) error {
	if !b.serving.Load() {
		return ErrNotWriter
	}
	done := make(chan struct{})
	select {
	case b.visits <- func(l *loop, now time.Time) { do(l, now); close(done) }:
		<-done // the loop never waits for anything but channels of its own
		return nil
	case <-ctx.Done():
		return ErrNotWriter
	}
}

// Approve gives an author's approval to what waits under the id, and returns when the
// journal has it. The errors are those of this file, as they are.
func (b *Bridge) Approve(ctx context.Context, id, author, comment string) (Granted, error) {
	told := make(chan Granted, 1)
	var err error
	ask := approved{Approval: journal.Approval{ID: id, Author: author, Comment: comment}, told: told}
	if gone := b.visit(ctx, func(l *loop, now time.Time) { err = l.grant(ask, now) }); gone != nil {
		return Granted{}, gone
	}
	if err != nil {
		return Granted{}, err
	}
	select {
	case answer := <-told:
		return answer, nil
	case <-ctx.Done():
		return Granted{}, ErrNoAnswer
	}
}

// Unread is a message that waits for approval.
type Unread struct {
	ID       string
	Rule     string
	Lane     string
	Key      string // of coalescing
	Message  intent.Message
	Audience []string // of its events, each once
	Events   int
	By       int
	Until    time.Time // of the first of its events
	Given    []journal.Approval
}

// Unread returns what waits for approval, what ends first first, and how many texts
// that is in all.
func (b *Bridge) Unread(ctx context.Context) (list []Unread, total int, err error) {
	err = b.visit(ctx, func(l *loop, _ time.Time) { list, total = l.unread.list() })
	return list, total, err
}

func (u *unread) list() ([]Unread, int) {
	var all []Unread
	for id, t := range u.texts {
		if len(t.waiting) == 0 {
			continue
		}
		first := &t.waiting[0]
		x := Unread{ID: id, Rule: first.Rule, Lane: first.Policy.Lane, Key: first.Policy.Key, Message: first.Message, Events: len(t.waiting), By: first.Policy.Approve.By}
		for i := range t.waiting {
			x.Until = sooner(x.Until, until(&t.waiting[i]))
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Unread) int {
		if c := a.Until.Compare(b.Until); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	total := len(all)
	all = all[:min(total, maxApprovals)]
	for i := range all {
		all[i].describe(u)
	}
	return all, total
}

// describe fills in what is only needed of those that are shown.
func (x *Unread) describe(u *unread) {
	waiting := u.texts[x.ID].waiting
	for i := range waiting {
		for _, a := range waiting[i].Audiences {
			if s := a.String(); !slices.Contains(x.Audience, s) {
				x.Audience = append(x.Audience, s)
			}
		}
	}
	slices.Sort(x.Audience)
	for _, a := range u.given[x.ID] {
		if slices.Contains(u.authors(&waiting[0]), a.Author) {
			x.Given = append(x.Given, a)
		}
	}
}

// addUnread puts what waits for approval beside what waits for calls.
func (l *loop) addUnread(s *Status) {
	if l.unread.intents == 0 {
		return
	}
	lanes := make(map[string]*LaneStatus)
	for i := range s.Lanes {
		lanes[s.Lanes[i].Name] = &s.Lanes[i]
	}
	for _, t := range l.unread.texts {
		for i := range t.waiting {
			p := &t.waiting[i].Policy
			lanes[p.Lane].Pending.Pending[p.Priority]++
		}
	}
	list, _ := l.unread.list()
	for i := range list {
		x := &list[i]
		in := &l.unread.texts[x.ID].waiting[0]
		ln := lanes[x.Lane]
		if len(ln.Pending.Waiting) >= 2*waitingShown {
			continue
		}
		ln.Pending.Waiting = append(ln.Pending.Waiting, limiter.Waiting{
			Rule: x.Rule, Audience: in.Audiences[0], Intents: x.Events, Priority: in.Policy.Priority,
			For: fmt.Sprintf("approval by %d until %s", x.By, x.Until.Format(time.RFC3339)), Until: x.Until,
		})
	}
}
