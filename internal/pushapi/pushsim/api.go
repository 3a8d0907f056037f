package pushsim

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

const (
	pushPath     = "/v4/timpush/push"
	endpointPush = "push"
	simPrefix    = "/sim/"
)

// maxReadBytes is where reading a body ends, far above every limit, so that an
// endless one costs nothing.
const maxReadBytes = 1 << 20

// siblings are the endpoints beside the push, by path.
var siblings = map[string]func(*Server, *request) answer{
	"/v4/timpush/set_attr_name":              (*Server).setAttrName,
	"/v4/timpush/get_attr_name":              (*Server).getAttrName,
	"/v4/timpush/set_attr":                   (*Server).setAttr,
	"/v4/timpush/get_attr":                   (*Server).getAttr,
	"/v4/timpush/remove_attr":                (*Server).removeAttr,
	"/v4/timpush/add_tag":                    (*Server).addTag,
	"/v4/timpush/get_tag":                    (*Server).getTag,
	"/v4/timpush/remove_tag":                 (*Server).removeTag,
	"/v4/timpush/clear_all_tags":             (*Server).clearTags,
	"/v4/timpush/remove_all_tags":            (*Server).clearTags, // the page has both names
	"/v4/timpush/revoke":                     (*Server).revoke,
	"/v4/timpush/all_member_push_statistics": (*Server).statistics,
	"/v4/im_open_login_svc/account_import":   (*Server).importAccount,
}

func knownEndpoint(name string) bool {
	return name == endpointPush || slices.ContainsFunc(slices.Collect(maps.Keys(siblings)), func(p string) bool {
		return path.Base(p) == name
	})
}

// request is one API request on its way through the simulator.
type request struct {
	endpoint string
	number   int   // of this endpoint's requests, from 1
	log      *Call // its line in Server.calls, for a push
	rawQuery string
	remote   string
	body     []byte
	plan     plan

	now        time.Time // true time, when it is judged
	clock      time.Time // the same on the server's skewed clock
	app        *app      // nil until admit knows it
	identifier string
	authentic  bool // the signature is good
}

// answer is what the API says: a refusal or OK, and members of its own.
type answer struct {
	refusal
	members map[string]any
}

func refused(code int, info string) answer { return answer{refusal: refuse(code, info)} }

// encode returns the body. The three members of the envelope are always there.
func (a answer) encode() []byte {
	doc := map[string]any{"ActionStatus": "OK", "ErrorCode": a.code, "ErrorInfo": a.info}
	if a.given() {
		doc["ActionStatus"] = "FAIL"
	}
	maps.Copy(doc, a.members)
	text, err := json.Marshal(doc)
	if err != nil {
		panic("pushsim: an answer does not marshal: " + err.Error())
	}
	return text
}

// ServeHTTP answers the API's paths and the operator's under /sim/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, simPrefix) {
		s.sim.ServeHTTP(w, r)
		return
	}
	run, known := siblings[r.URL.Path]
	if r.Method != http.MethodPost || !known && r.URL.Path != pushPath {
		writeAnswer(w, refused(codeNoResource, "no such resource"))
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxReadBytes))
	if err != nil {
		panic(http.ErrAbortHandler) // the request never arrived whole
	}
	q := s.arrive(r, body)
	// What has arrived is judged, even if the caller has given up meanwhile:
	// that is how a late accept looks from outside.
	time.Sleep(q.plan.before)
	a := s.judge(q, run)
	pause(r.Context(), q.plan.after)
	end := q.plan.instead
	if end == nil {
		end = q.plan.lost
	}
	if end != nil && end.Kind == FaultCode {
		a, end = end.answer(q.endpoint), nil
	}
	s.finish(q, a, end)
	if end != nil {
		end.happen(r.Context(), w)
		return
	}
	writeAnswer(w, a)
}

// arrive numbers the request, opens its line in the log and looks up its
// faults.
func (s *Server) arrive(r *http.Request, body []byte) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &request{endpoint: path.Base(r.URL.Path), rawQuery: r.URL.RawQuery, remote: r.RemoteAddr, body: body}
	s.numbers[q.endpoint]++
	q.number = s.numbers[q.endpoint]
	q.plan = s.planFor(q.endpoint, q.number)
	if q.endpoint == endpointPush {
		now := time.Now()
		s.forget(now)
		q.log = &Call{Number: q.number, Received: now, Bytes: len(body), Fault: q.plan.String()}
		s.calls = append(s.calls, q.log)
	}
	return q
}

// judge decides what the request does, at one instant.
func (s *Server) judge(q *request, run func(*Server, *request) answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.now = time.Now()
	q.clock = q.now.Add(q.plan.skew)
	refusal := s.admit(q)
	switch {
	case q.endpoint == endpointPush:
		return s.push(q, refusal)
	case refusal.given():
		return answer{refusal: refusal}
	case q.plan.instead != nil:
		return answer{} // it ends before it is done
	}
	return run(s, q)
}

// finish closes the request's line in the log, before the answer leaves, so
// that who has the answer finds it in the log. end is the fault that takes the
// answer's place, or nil.
func (s *Server) finish(q *request, a answer, end *Fault) {
	if q.endpoint != endpointPush {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := q.log
	c.Answered = time.Now()
	if end != nil {
		c.Lost, c.Status = true, end.status()
		return
	}
	c.Status, c.Code, c.Info = http.StatusOK, a.code, a.info
}

func writeAnswer(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(a.encode()) // a caller that has gone is no concern of the simulator's
}

// answer returns what FaultCode says.
func (f *Fault) answer(endpoint string) answer {
	a := refused(f.Code, f.Info)
	if endpoint == endpointPush {
		a.members = map[string]any{"TaskId": ""}
	}
	return a
}

// status returns the HTTP status that the fault answers with, 0 where it
// answers nothing.
func (f *Fault) status() int {
	switch f.Kind {
	case FaultStatus:
		return f.Status
	case FaultGarbage, FaultCode:
		return http.StatusOK
	case FaultReset, FaultClose, FaultStall, FaultDelay, FaultSkew:
	}
	return 0
}

// happen ends the call in the fault's way.
func (f *Fault) happen(ctx context.Context, w http.ResponseWriter) {
	switch f.Kind {
	case FaultStatus:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		io.WriteString(w, "<html><body><h1>"+http.StatusText(f.Status)+"</h1></body></html>\n")
	case FaultGarbage:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"ActionStatus":"OK","ErrorCo`)
	case FaultReset:
		hangUp(w, true)
	case FaultClose:
		hangUp(w, false)
	case FaultStall:
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	case FaultCode, FaultDelay, FaultSkew:
		panic("pushsim: fault " + f.Kind.String() + " does not end a call")
	}
}

// hangUp closes the connection without an answer, on TCP with a reset where
// asked to.
func hangUp(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 and recorders: net/http's own way
	}
	raw := conn
	if secure, ok := raw.(interface{ NetConn() net.Conn }); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // closed already is closed enough
		_ = tcp.Close()      // below TLS, whose Close would say goodbye first
	}
	conn.Close()
}

// pause sleeps for d, or less where the caller gives up.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
