package pushapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pushbridge/internal/pushapi/pushsim"
)

// What a call that failed on the way means: whether it may have been carried
// out decides between retry and doubt, and whether it counts.
func TestFaultsOnTheWay(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct {
		fault pushsim.Fault
		want  Class
		done  bool // the API carried it out
	}{
		"503":                     {fault: pushsim.Fault{Kind: pushsim.FaultStatus, Status: 503}, want: ClassRetry},
		"500":                     {fault: pushsim.Fault{Kind: pushsim.FaultStatus, Status: 500}, want: ClassRetry},
		"404":                     {fault: pushsim.Fault{Kind: pushsim.FaultStatus, Status: 404}, want: ClassConfig},
		"reset before it is done": {fault: pushsim.Fault{Kind: pushsim.FaultReset}, want: ClassDoubt},
		"reset after it is done":  {fault: pushsim.Fault{Kind: pushsim.FaultReset, After: true}, want: ClassDoubt, done: true},
		"closed before":           {fault: pushsim.Fault{Kind: pushsim.FaultClose}, want: ClassDoubt},
		"closed after":            {fault: pushsim.Fault{Kind: pushsim.FaultClose, After: true}, want: ClassDoubt, done: true},
		"garbage":                 {fault: pushsim.Fault{Kind: pushsim.FaultGarbage, After: true}, want: ClassDoubt, done: true},
	} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, kept connection %v", name, kept), func(t *testing.T) {
				t.Parallel()
				sim := simulator(t, pushsim.Config{})
				c := newClient(t, Config{URL: serve(t, sim), Timeout: 9 * time.Second})
				before := 0
				if kept {
					if o := c.Push(t.Context(), hello(t, 1)); o.Class != ClassOK {
						t.Fatal(o.Err)
					}
					before = 1
				}
				if err := sim.Inject(tt.fault); err != nil {
					t.Fatal(err)
				}
				o := c.Push(t.Context(), hello(t, 2))
				if o.Class != tt.want || !o.Sent || !o.Counted || o.Err == nil {
					t.Errorf("%+v, %v; want %v", o, o.Err, tt.want)
				}
				// No answer of the API: the request may travel on.
				if got := o.SafeAfter.Sub(o.Ended); got != 9*time.Second {
					t.Errorf("safe %v after the end", got)
				}
				if n := len(sim.Calls()) - before; n != 1 {
					t.Errorf("the API saw %d requests for one call", n)
				}
				if done := len(sim.Tasks()) > before; done != tt.done {
					t.Errorf("carried out: %v, want %v", done, tt.done)
				}
				if o := c.Push(t.Context(), hello(t, 2)); o.Class != ClassOK {
					t.Errorf("the next call: %v", o.Err)
				}
			})
		}
	}
}

func TestSilenceEndsAtTheTimeout(t *testing.T) {
	t.Attr("promise", "budget")
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			fault pushsim.Fault
			want  Class
			took  time.Duration
		}{
			"stall before": {pushsim.Fault{Kind: pushsim.FaultStall}, ClassDoubt, 7 * time.Second},
			"stall after":  {pushsim.Fault{Kind: pushsim.FaultStall, After: true}, ClassDoubt, 7 * time.Second},
			"too slow":     {pushsim.Fault{Kind: pushsim.FaultDelay, Delay: 7*time.Second + 1, After: true}, ClassDoubt, 7 * time.Second},
			"just in time": {pushsim.Fault{Kind: pushsim.FaultDelay, Delay: 7*time.Second - 1, After: true}, ClassOK, 7*time.Second - 1},
		} {
			c := inBubble(t, simulator(t, pushsim.Config{Faults: []pushsim.Fault{tt.fault}}), Config{Timeout: 7 * time.Second})
			o := c.Push(t.Context(), hello(t, 1))
			if o.Class != tt.want || !o.Sent || !o.Counted || o.Ended.Sub(o.Started) != tt.took {
				t.Errorf("%s: %v after %v (%v), want %v after %v", name, o.Class, o.Ended.Sub(o.Started), o.Err, tt.want, tt.took)
			}
			if tt.want == ClassDoubt && (!errors.Is(o.Err, context.DeadlineExceeded) || o.SafeAfter.Sub(o.Ended) != 7*time.Second) {
				t.Errorf("%s: %v, safe %v after the end", name, o.Err, o.SafeAfter.Sub(o.Ended))
			}
		}
	})
}

func TestCancellingACallLeavesItInDoubt(t *testing.T) {
	t.Attr("promise", "budget")
	synctest.Test(t, func(t *testing.T) {
		sim := simulator(t, pushsim.Config{Faults: []pushsim.Fault{{Kind: pushsim.FaultDelay, Delay: 2 * time.Second, After: true}}})
		c := inBubble(t, sim, Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o := c.Push(ctx, hello(t, 1))
		if o.Class != ClassDoubt || !o.Counted || len(sim.Tasks()) != 1 {
			t.Errorf("%+v, %v, %d tasks", o, o.Err, len(sim.Tasks()))
		}
	})
}

// A call that nobody can have seen is free, and says why it failed.
func TestCallsThatNeverLeft(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	secure := httptest.NewUnstartedServer(simulator(t, pushsim.Config{}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains about the handshake that is to fail
	secure.StartTLS()
	t.Cleanup(secure.Close)

	for name, tt := range map[string]struct {
		cfg     Config
		wantErr string
	}{
		"refused":              {Config{URL: closed.URL}, "connection refused"},
		"no such name":         {Config{URL: "http://nowhere.invalid"}, "nowhere.invalid"},
		"unknown authority":    {Config{URL: secure.URL}, "BRIDGE_PUSH_CA_FILE"},
		"TLS without a server": {Config{URL: strings.Replace(serve(t, simulator(t, pushsim.Config{})), "http", "https", 1)}, "does not look like a TLS handshake"},
		"too slow to connect": {Config{URL: "http://x", Timeout: time.Millisecond, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newClient(t, tt.cfg).Push(t.Context(), hello(t, 1))
			if o.Class != ClassRetry || o.Sent || o.Counted || !o.SafeAfter.Equal(o.Ended) || o.RetryAfter == 0 {
				t.Errorf("%+v", o)
			}
			if o.Err == nil || !strings.Contains(o.Err.Error(), tt.wantErr) {
				t.Errorf("err = %v, want %q", o.Err, tt.wantErr)
			}
		})
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Attr("guards", "a call does not pay for a handshake that an earlier one paid for")
	t.Parallel()
	var dialled atomic.Int32
	cert, authority, err := pushsim.SelfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	sim := simulator(t, pushsim.Config{Faults: []pushsim.Fault{{From: 2, Kind: pushsim.FaultCode, Code: 90047}, {From: 3, Kind: pushsim.FaultStatus, Status: 503}}})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.TLS.Version < tls.VersionTLS12 {
			t.Errorf("called by %s, TLS %x", r.Proto, r.TLS.Version)
		}
		sim.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Config{URL: server.URL, CAFile: ca, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}})
	for i, want := range []Class{ClassOK, ClassQuota, ClassRetry, ClassOK} {
		if o := c.Push(t.Context(), hello(t, uint32(i))); o.Class != want {
			t.Errorf("call %d: %v, %v", i+1, o.Class, o.Err)
		}
	}
	if n := dialled.Load(); n != 1 {
		t.Errorf("%d connections for 4 calls, want 1", n)
	}
	c.Close()
	if o := c.Push(t.Context(), hello(t, 9)); o.Class != ClassOK || dialled.Load() != 2 {
		t.Errorf("after Close: %v, %d connections", o.Class, dialled.Load())
	}
}

// A kept connection that dies while idle. If not a byte could be written, the
// transport takes a new one, once; if one could, the call is in doubt.
func TestDeadKeptConnection(t *testing.T) {
	t.Attr("promise", "budget")
	t.Parallel()
	for name, tt := range map[string]struct {
		takes int // bytes that the dead connection still takes
		gone  bool
		want  Class
		sent  bool
		calls int
	}{
		"takes nothing":                       {takes: 0, want: ClassOK, sent: true, calls: 2},
		"takes nothing, and no other is made": {takes: 0, gone: true, want: ClassRetry, calls: 1},
		"takes a byte":                        {takes: 1, want: ClassDoubt, sent: true, calls: 1},
		"takes the head":                      {takes: 100, gone: true, want: ClassDoubt, sent: true, calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := simulator(t, pushsim.Config{})
			var first *dyingConn
			c := newClient(t, Config{URL: serve(t, sim), Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if first != nil && tt.gone {
					return nil, syscall.ECONNREFUSED
				}
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				if err != nil || first != nil {
					return conn, err
				}
				first = &dyingConn{Conn: conn}
				return first, nil
			}})
			if o := c.Push(t.Context(), hello(t, 1)); o.Class != ClassOK {
				t.Fatal(o.Err)
			}
			first.left.Store(int64(tt.takes))
			first.dead.Store(true)
			o := c.Push(t.Context(), hello(t, 2))
			if o.Class != tt.want || o.Sent != tt.sent || o.Counted != tt.sent {
				t.Errorf("%v, sent %v, counted %v: %v", o.Class, o.Sent, o.Counted, o.Err)
			}
			if n := len(sim.Calls()); n != tt.calls {
				t.Errorf("the API saw %d calls, want %d", n, tt.calls)
			}
		})
	}
}

// dyingConn takes no more than left bytes once it is dead.
type dyingConn struct {
	net.Conn
	dead atomic.Bool
	left atomic.Int64
}

func (c *dyingConn) Write(p []byte) (int, error) {
	if !c.dead.Load() {
		return c.Conn.Write(p)
	}
	n, err := c.Conn.Write(p[:min(int64(len(p)), c.left.Load())])
	return n, errors.Join(err, syscall.EPIPE)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Attr("guards", "the signature goes to nobody whom a response names")
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var elsewhere atomic.Int32
		other := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
		c := newClient(t, Config{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", other+r.URL.RequestURI())
			w.WriteHeader(status)
		}))})
		o := c.Push(t.Context(), hello(t, 1))
		if o.Class != ClassConfig || elsewhere.Load() != 0 || !strings.Contains(o.Err.Error(), fmt.Sprintf("http status %d", status)) {
			t.Errorf("%d: %v, %v, followed %d times", status, o.Class, o.Err, elsewhere.Load())
		}
	}
}

func TestTheRequestOnTheWire(t *testing.T) {
	t.Attr("guards", "the call has the form of the API's page")
	t.Parallel()
	var got *http.Request
	var body []byte
	c := newClient(t, Config{
		Credentials: Credentials{SDKAppID: 1400000000, Identifier: "a&b c", Key: NewKey("k")},
		Random:      func() uint32 { return 4294967295 },
		URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			_, _ = io.WriteString(w, `{"ActionStatus":"OK","ErrorCode":0,"TaskId":"t"}`)
		})),
	})
	r := hello(t, 7)
	o := c.Push(t.Context(), r)
	want, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if o.TaskID != "t" || got.Method != http.MethodPost || got.URL.Path != "/v4/timpush/push" || string(body) != string(want) {
		t.Errorf("%+v: %s %s %s", o, got.Method, got.URL.Path, body)
	}
	q := got.URL.Query()
	for key, want := range map[string]string{"sdkappid": "1400000000", "identifier": "a&b c", "random": "4294967295", "contenttype": "json"} {
		if q.Get(key) != want {
			t.Errorf("%s=%q, want %q", key, q.Get(key), want)
		}
	}
	if id := opened(t, q.Get("usersig"))["TLS.identifier"]; id != "a&b c" || len(q) != 5 || strings.Contains(got.URL.RawQuery, "%2A") {
		t.Errorf("signed for %v, query %s", id, got.URL.RawQuery)
	}
}

func TestAnswersWithoutEnd(t *testing.T) {
	t.Attr("guards", "a stranger's response does not fill the memory")
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		want   Class
	}{"200": {200, ClassDoubt}, "502": {502, ClassRetry}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wrote atomic.Int64
			c := newClient(t, Config{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, `{"ActionStatus":"OK","ErrorCode":0,"TaskId":"`)
				for r.Context().Err() == nil {
					n, err := w.Write(make([]byte, 1<<16))
					if wrote.Add(int64(n)); err != nil {
						return
					}
				}
			}))})
			o := c.Push(t.Context(), hello(t, 1))
			if o.Class != tt.want {
				t.Errorf("%v, %v", o.Class, o.Err)
			}
		})
	}
}

// net/http reads the proxy's address once a process, so the client is a child.
func TestProxyOfTheEnvironment(t *testing.T) {
	t.Attr("guards", "HTTPS_PROXY is honoured")
	if os.Getenv("PUSHAPI_TEST_PROXIED") != "" {
		o := newClient(t, Config{Region: "singapore"}).Push(t.Context(), hello(t, 1))
		if o.Class != ClassRetry || o.Sent || o.Counted || !strings.Contains(o.Err.Error(), "Bad Gateway") {
			t.Errorf("%+v, %v", o, o.Err)
		}
		return
	}
	t.Parallel()
	var asked atomic.Value
	proxy := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyOfTheEnvironment$")
	child.Env = append(os.Environ(), "PUSHAPI_TEST_PROXIED=1", "HTTPS_PROXY="+proxy, "NO_PROXY=")
	if out, err := child.CombinedOutput(); err != nil || asked.Load() != "CONNECT adminapisgp.im.qcloud.com:443" {
		t.Errorf("asked %v; %v\n%s", asked.Load(), err, out)
	}
}
