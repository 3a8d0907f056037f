package pushsim

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// Call is one push request in the log, good or bad. Instants that did not come
// are zero.
type Call struct {
	Number   int       `json:"number"`   // from 1, as faults count
	Received time.Time `json:"received"` // the body was there
	Judged   time.Time `json:"judged"`
	Accepted time.Time `json:"accepted,omitzero"` // it became a task
	Answered time.Time `json:"answered,omitzero"` // the answer began to leave, or the fault happened

	App        uint32          `json:"sdkappid,omitempty"`
	Identifier string          `json:"identifier,omitempty"` // who called
	Sender     string          `json:"sender,omitempty"`     // From_Account as it took effect, of a task
	MsgRandom  uint32          `json:"msg_random"`
	OnlineOnly bool            `json:"online_only"`
	Condition  json.RawMessage `json:"condition,omitempty"` // as sent; absent: everyone
	Messages   json.RawMessage `json:"messages,omitempty"`  // MsgBody as sent
	Offline    json.RawMessage `json:"offline,omitempty"`   // OfflinePushInfo as sent
	Ignored    []string        `json:"ignored,omitempty"`   // members that the API does not know
	Bytes      int             `json:"bytes"`               // of the body

	Status    int    `json:"status"`         // of HTTP; 0: no answer at all
	Lost      bool   `json:"lost,omitempty"` // a fault took the answer's place: no ErrorCode was sent
	Code      int    `json:"code"`           // ErrorCode as answered
	Info      string `json:"info,omitempty"`
	TaskID    string `json:"task_id,omitempty"` // also where the answer was lost
	Audience  int    `json:"audience"`          // users of the task
	Duplicate bool   `json:"duplicate,omitempty"`
	Fault     string `json:"fault,omitempty"` // which faults met it
}

// Delivery is one user's receipt of one task.
type Delivery struct {
	App       uint32    `json:"sdkappid"`
	User      string    `json:"user"`
	TaskID    string    `json:"task_id"`
	Call      int       `json:"call"` // Call.Number
	At        time.Time `json:"at"`
	TakenBack bool      `json:"taken_back,omitempty"` // recalled after it was received
}

// Task is one accepted push.
type Task struct {
	ID        string    `json:"task_id"`
	App       uint32    `json:"sdkappid"`
	Call      int       `json:"call"` // Call.Number
	Sender    string    `json:"sender"`
	Accepted  time.Time `json:"accepted"`
	Audience  int       `json:"audience"`  // users it is for, as at Accepted
	Delivered int       `json:"delivered"` // users who have received it by now
	Ends      time.Time `json:"ends"`      // when the last delivery is or was made
	Revoked   time.Time `json:"revoked,omitzero"`
}

// Reuse is one MsgRandom that went with two different contents within seven
// days, which an older page of the API forbids.
type Reuse struct {
	App       uint32 `json:"sdkappid"`
	MsgRandom uint32 `json:"msg_random"`
	First     int    `json:"first"` // Call.Number
	Again     int    `json:"again"` // Call.Number
}

// Calls returns every push request so far that the log has not lost to
// Config.Keep, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make([]Call, len(s.calls))
	for i, c := range s.calls {
		calls[i] = *c
	}
	return calls
}

// Reuses returns every reuse of a MsgRandom for another push.
func (s *Server) Reuses() []Reuse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reuses)
}

// Tasks returns every task so far, by app and then oldest first.
func (s *Server) Tasks() []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var tasks []Task
	for a := range s.eachApp() {
		for _, t := range a.tasks {
			made, ends := t.made(now), t.accepted
			if t.stopped > 0 {
				ends = t.at(t.stopped - 1)
			}
			tasks = append(tasks, Task{
				ID: t.id, App: a.SDKAppID, Call: t.call, Sender: t.sender, Accepted: t.accepted,
				Audience: t.size, Delivered: made, Ends: ends, Revoked: t.revoked,
			})
		}
	}
	return tasks
}

// Deliveries yields every delivery made by now, task by task, in the order in
// which each task's users received it.
func (s *Server) Deliveries() iter.Seq[Delivery] {
	return s.deliveries(func(*task) bool { return true })
}

// DeliveriesOf yields the deliveries of one task made by now.
func (s *Server) DeliveriesOf(taskID string) iter.Seq[Delivery] {
	return s.deliveries(func(t *task) bool { return t.id == taskID })
}

func (s *Server) deliveries(want func(*task) bool) iter.Seq[Delivery] {
	return func(yield func(Delivery) bool) {
		type part struct {
			task task // a copy: a recall changes the original
			ids  []string
		}
		var parts []part
		s.mu.Lock()
		for a := range s.eachApp() {
			for _, t := range a.tasks {
				if want(t) {
					parts = append(parts, part{*t, a.ids})
				}
			}
		}
		s.mu.Unlock()
		now := time.Now()
		for _, p := range parts {
			for d := range p.task.deliveries(p.ids, now) {
				if !yield(d) {
					return
				}
			}
		}
	}
}

// Received returns what one user has received by now, by app and then in the
// order of the tasks.
func (s *Server) Received(user string) []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var got []Delivery
	for a := range s.eachApp() {
		n, ok := a.numbers[user]
		if !ok {
			continue
		}
		for _, t := range a.tasks {
			if !t.audience.has(n) {
				continue
			}
			if rank := t.audience.rank(n); rank < t.made(now) {
				got = append(got, t.delivery(user, rank))
			}
		}
	}
	return got
}

// Summary is the log in numbers.
type Summary struct {
	Users      int `json:"users"`
	Calls      int `json:"calls"`
	Tasks      int `json:"tasks"`      // calls that were accepted
	Deliveries int `json:"deliveries"` // made by now
	Revoked    int `json:"revoked"`    // tasks
	Reuses     int `json:"reuses"`
	// Codes counts the answers that had an ErrorCode, 0 included; Lost the calls
	// that had none.
	Codes map[int]int `json:"codes"`
	Lost  int         `json:"lost"`

	// The budget as the API could see it, for the app that came nearest to its
	// limit. MinInterval is between two accepted pushes; 0 with fewer than two.
	// A window of 24 hours has both its ends in it.
	MinInterval   time.Duration `json:"min_interval_ns"`
	MaxTasksInDay int           `json:"max_tasks_in_24h"`
	MaxCallsInDay int           `json:"max_calls_in_24h"` // with a good signature, whatever the answer
}

// Summary counts the log as it is now.
func (s *Server) Summary() Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	all := s.lost
	all.codes = maps.Clone(all.codes)
	for _, c := range s.calls {
		all.add(c)
	}
	sum := Summary{Calls: all.total, Reuses: len(s.reuses), Codes: all.codes, Lost: all.unanswered}
	for a := range s.eachApp() {
		sum.Users += len(a.ids)
		sum.Tasks += a.accepts.total
		sum.Deliveries += a.accepts.deliveries
		sum.Revoked += a.accepts.revoked
		for _, t := range a.tasks {
			sum.Deliveries += t.made(now)
			if !t.revoked.IsZero() {
				sum.Revoked++
			}
		}
		if gap := a.accepts.closest; gap > 0 && (sum.MinInterval == 0 || gap < sum.MinInterval) {
			sum.MinInterval = gap
		}
		sum.MaxTasksInDay = max(sum.MaxTasksInDay, a.accepts.most)
		sum.MaxCallsInDay = max(sum.MaxCallsInDay, s.attempts[a.SDKAppID].most)
	}
	return sum
}

// eachApp yields the apps by sdkappid. The caller holds s.mu.
func (s *Server) eachApp() iter.Seq[*app] { return s.appsOf(User{}) }

// appsOf yields the apps that u is for: all where it names none. The caller
// holds s.mu.
func (s *Server) appsOf(u User) iter.Seq[*app] {
	return func(yield func(*app) bool) {
		for _, id := range slices.Sorted(maps.Keys(s.apps)) {
			if (u.App == 0 || u.App == id) && !yield(s.apps[id]) {
				return
			}
		}
	}
}

// String names what the plan does, for the log; empty where nothing.
func (p plan) String() string {
	var parts []string
	if p.skew != 0 {
		parts = append(parts, fmt.Sprintf("skew %v", p.skew))
	}
	if p.before > 0 {
		parts = append(parts, fmt.Sprintf("delay before %v", p.before))
	}
	if p.after > 0 {
		parts = append(parts, fmt.Sprintf("delay after %v", p.after))
	}
	if p.instead != nil {
		parts = append(parts, p.instead.Kind.String()+" instead")
	} else if p.lost != nil {
		parts = append(parts, p.lost.Kind.String()+" after")
	}
	return strings.Join(parts, ", ")
}
