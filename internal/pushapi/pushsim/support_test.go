package pushsim

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails the run where Run or a fault leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testApp   = 1400000000
	testKey   = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
	testAdmin = "administrator"
)

// sign makes a UserSig from the page's five steps, apart from the code under
// test.
func sign(app uint32, key, identifier string, at time.Time, expire int64) string {
	h := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(h, "TLS.identifier:%s\nTLS.sdkappid:%d\nTLS.time:%d\nTLS.expire:%d\n", identifier, app, at.Unix(), expire)
	doc, err := json.Marshal(map[string]any{
		"TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": app, "TLS.time": at.Unix(), "TLS.expire": expire,
		"TLS.sig": base64.StdEncoding.EncodeToString(h.Sum(nil)),
	})
	if err != nil {
		panic(err)
	}
	var packed bytes.Buffer
	deflate := zlib.NewWriter(&packed)
	_, err = deflate.Write(doc)
	if err := errors.Join(err, deflate.Close()); err != nil {
		panic(err)
	}
	return strings.NewReplacer("+", "*", "/", "-", "=", "_").Replace(base64.StdEncoding.EncodeToString(packed.Bytes()))
}

// pipes is a listener whose connections are net.Pipe, which a bubble can wait
// on.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// world is a simulator behind real HTTP in the test's bubble.
type world struct {
	*testing.T
	sim    *Server
	client *http.Client
	random uint32 // the latest MsgRandom
}

// inWorld runs test in a bubble with the simulator of cfg, whose app is the
// usual one where cfg has none.
func inWorld(t *testing.T, cfg Config, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if cfg.Apps == nil {
			cfg.Apps = []App{{SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin}}}
		}
		sim, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ln := newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- sim.Run(ctx, ln) }()
		transport := &http.Transport{DialContext: ln.dial}
		w := &world{T: t, sim: sim, client: &http.Client{Transport: transport}}
		test(w)
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// query is a good query; change what a test wants wrong.
func query() url.Values {
	return url.Values{
		"sdkappid": {fmt.Sprint(testApp)}, "identifier": {testAdmin}, "random": {"4294967295"}, "contenttype": {"json"},
		"usersig": {sign(testApp, testKey, testAdmin, time.Now(), 86400)},
	}
}

// reply is what came back. Err is set where no HTTP answer did.
type reply struct {
	Status       int
	ActionStatus string
	ErrorCode    int
	ErrorInfo    string
	TaskID       string `json:"TaskId"`
	Body         []byte
	Err          error
}

func (w *world) post(path, query, body string) reply {
	w.Helper()
	response, err := w.client.Post("http://sim"+path+"?"+query, "application/json", strings.NewReader(body))
	if err != nil {
		return reply{Err: err}
	}
	defer response.Body.Close()
	r := reply{Status: response.StatusCode}
	r.Body, r.Err = io.ReadAll(response.Body)
	if r.Err == nil && r.Status == http.StatusOK {
		r.Err = json.Unmarshal(r.Body, &r)
	}
	return r
}

// api calls a sibling endpoint and wants it done.
func (w *world) api(name, body string) reply {
	w.Helper()
	r := w.tryAPI(name, body)
	if r.Err != nil || r.ErrorCode != 0 {
		w.Fatalf("%s %s: %+v", name, body, r)
	}
	return r
}

func (w *world) tryAPI(name, body string) reply {
	w.Helper()
	return w.post("/v4/timpush/"+name, query().Encode(), body)
}

// body is a good push to everyone, with members put into it ("" for none) and
// a MsgRandom of its own.
func (w *world) body(members string) string {
	w.random++
	if members != "" {
		members = "," + members
	}
	return fmt.Sprintf(`{"MsgRandom":%d,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi"}}]%s}`, w.random, members)
}

func (w *world) push(members string) reply {
	w.Helper()
	return w.post(pushPath, query().Encode(), w.body(members))
}

// pushed is push that must be accepted.
func (w *world) pushed(members string) reply {
	w.Helper()
	r := w.push(members)
	if r.Err != nil || r.ErrorCode != 0 || r.TaskID == "" || r.ActionStatus != "OK" {
		w.Fatalf("push %s: %+v", members, r)
	}
	return r
}

// users sets n users u0, u1, … without tags.
func (w *world) users(n int) {
	w.Helper()
	for i := range n {
		if err := w.sim.Set(User{ID: fmt.Sprintf("u%d", i)}); err != nil {
			w.Fatal(err)
		}
	}
}

// got returns who has received a task by now, sorted.
func (w *world) got(task string) []string {
	var ids []string
	for d := range w.sim.DeliveriesOf(task) {
		ids = append(ids, d.User)
	}
	slices.Sort(ids)
	return ids
}
