package pushsim

import (
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"iter"
	"time"
)

// task is one accepted push.
type task struct {
	id         string
	call       int
	app        *app
	sender     string
	random     uint32
	content    [sha256.Size]byte
	accepted   time.Time
	onlineOnly bool
	audience   bitset // users of app by number, as at accepted
	size       int    // users in audience

	// A stored task (OnlineOnlyFlag 0) delivers from begins on, at the app's
	// rate; stopped is where a recall cut it off, size where none did.
	begins  time.Time
	stopped int
	revoked time.Time // zero: not recalled
}

// made returns how many users have received the task by now.
func (t *task) made(now time.Time) int {
	if t.onlineOnly {
		return t.size
	}
	elapsed := now.Sub(t.begins)
	switch {
	case elapsed <= 0:
		return 0
	case elapsed >= t.app.fanOut(t.size):
		return t.stopped
	}
	return min(t.stopped, int(int64(elapsed)*int64(t.app.rate)/int64(time.Second)))
}

// at returns when the user of this rank in the audience receives the task.
func (t *task) at(rank int) time.Time {
	if t.onlineOnly {
		return t.accepted
	}
	return t.begins.Add(t.app.fanOut(rank + 1))
}

// ends returns when a stored task gives the turn to the next.
func (t *task) ends() time.Time {
	end := t.begins.Add(t.app.fanOut(t.size))
	if t.revoked.IsZero() || t.revoked.After(end) {
		return end
	}
	if t.revoked.Before(t.begins) {
		return t.begins
	}
	return t.revoked
}

// fanOut returns how long delivering to n users takes, rounded up so that at
// and made agree to the nanosecond.
func (a *app) fanOut(n int) time.Duration {
	return time.Duration((int64(n)*int64(time.Second) + int64(a.rate) - 1) / int64(a.rate))
}

// accept makes a task of a judged push and puts it at the end of the queue: an
// app's stored tasks share the 200 users a second, first come, first served.
func (a *app) accept(p push, q *request, sender string) *task {
	t := &task{
		call: q.number, app: a, sender: sender, random: p.random, content: p.fingerprint,
		accepted: q.now, onlineOnly: p.onlineOnly, audience: p.who.audience(a),
	}
	t.size = t.audience.count()
	t.stopped = t.size
	t.id = t.name(q.clock, uint32(a.accepts.total))
	a.accepts.add(q.now)
	a.tasks = append(a.tasks, t)
	a.byID[t.id] = t
	a.lastOf[p.random] = t
	if !t.onlineOnly {
		a.queue = append(a.queue, t)
		a.line(len(a.queue) - 1)
	}
	return t
}

// line gives the stored tasks from the i-th on their turns.
func (a *app) line(i int) {
	for ; i < len(a.queue); i++ {
		t := a.queue[i]
		t.begins = t.accepted
		if i > 0 && a.queue[i-1].ends().After(t.begins) {
			t.begins = a.queue[i-1].ends()
		}
	}
}

// revoke stops what t has not delivered by now and moves the queue up.
func (a *app) revoke(t *task, now time.Time) {
	t.stopped = t.made(now)
	t.revoked = now
	for i, queued := range a.queue {
		if queued == t {
			a.line(i + 1)
		}
	}
}

// deliveries yields what t has delivered by now, in the order of arrival. It
// reads only what never changes after the copy of t was made.
func (t *task) deliveries(ids []string, now time.Time) iter.Seq[Delivery] {
	return func(yield func(Delivery) bool) {
		made, rank := t.made(now), 0
		for user := range t.audience.all() {
			if rank == made || !yield(t.delivery(ids[user], rank)) {
				return
			}
			rank++
		}
	}
}

func (t *task) delivery(user string, rank int) Delivery {
	return Delivery{
		App: t.app.SDKAppID, User: user, TaskID: t.id, Call: t.call, At: t.at(rank),
		TakenBack: !t.onlineOnly && !t.revoked.IsZero(),
	}
}

// name returns the TaskId of the app's n-th task, in the form of the newer
// samples: Unix time, sdkappid, the sender's internal number, a number of the
// task, MsgRandom, all in hex.
func (t *task) name(clock time.Time, n uint32) string {
	h := fnv.New32a()
	h.Write([]byte(t.sender))
	const internal = 0x2000000 << 32 // where the vendor's internal account numbers begin
	const scatter = 2654435761       // odd, so distinct n stay distinct and look unlike a counter
	return fmt.Sprintf("%x_%x_%x_%x_%x", clock.Unix(), t.app.SDKAppID, internal|uint64(h.Sum32()), n*scatter, t.random)
}
