package bridge

import (
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// trap kills the writer at a certain point of its work: as it calls, or as Kafka
// has taken what it writes, or before.
type trap struct {
	mu     sync.Mutex
	place  string // empty: it is not set
	skip   int    // that many times nothing happens
	spring func()
	sprung bool
}

// arm sets the trap.
func (t *trap) arm(place string, skip int, spring func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.place, t.skip, t.spring, t.sprung = place, skip, spring, false
}

// disarm takes it back, and says whether it had sprung.
func (t *trap) disarm() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.place = ""
	return t.sprung
}

// idle says that it is not set, or has sprung.
func (t *trap) idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.place == ""
}

// step says that somebody has come to the place, and whether that was the last
// that he did.
func (t *trap) step(place string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.place == "" || t.place != place {
		return false
	}
	if t.skip > 0 {
		t.skip--
		return false
	}
	t.place, t.sprung = "", true
	t.spring()
	return true
}

var errTrapped = errors.New("the process ended before this arrived")

// hearKafka lets the broker hold fetches that find nothing for longer than they
// ask for, so that a quiet week takes seconds, and leads writes past the trap.
func (s *soak) hearKafka() {
	c := s.w.broker.Cluster()
	wait := int32((s.plan.calm - 100*1e6).Milliseconds()) // within what the client waits beyond its own 500 ms
	c.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if f := r.(*kmsg.FetchRequest); f.MaxWaitMillis == 500 && f.IsolationLevel == 1 {
			f.MaxWaitMillis = wait
		}
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		topics := r.(*kmsg.ProduceRequest).Topics
		if len(topics) == 0 {
			return nil, nil, false
		}
		place := map[string]string{journalTopic: "journal", resultsTopic: "results", dlqTopic: "letters"}[topics[0].Topic]
		if s.fallsAt(place) {
			return nil, errTrapped, true
		}
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if s.fallsAt("commit") {
			return nil, errTrapped, true
		}
		return nil, nil, false
	})
}

// fallsAt says whether the process that wrote here is dead before it arrives.
func (s *soak) fallsAt(place string) bool {
	if place == "" {
		return false
	}
	if s.trap.step(place + " lost") {
		return true
	}
	s.trap.step(place)
	return false
}

// front stands before the API.
func (s *soak) front(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		push := strings.HasSuffix(r.URL.Path, "/push")
		if push {
			s.trap.step("call")
		}
		api.ServeHTTP(w, r)
		if push {
			s.trap.step("answer")
		}
	})
}
