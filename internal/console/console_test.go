package console

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

func newConfig(checks ...Check) Config {
	reg := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "tested_total", Help: "One."})
	counter.Inc()
	reg.MustRegister(counter)
	return Config{
		Addr: "127.0.0.1:0", Gatherer: reg, Logger: slog.New(slog.DiscardHandler),
		Checks: func(context.Context) []Check { return checks },
		Status: func(context.Context) any { return map[string]any{"state": "owner", "pending": len(checks)} },
		Actions: map[string]Action{"POST /-/do": func(_ context.Context, body []byte) (int, any) {
			return http.StatusTeapot, map[string]string{"done": string(body)}
		}},
	}
}

func TestRoutes(t *testing.T) {
	t.Attr("guards", "health as kube-apiserver and Prometheus users expect it")
	t.Parallel()
	rules := Check{Name: "rules", OK: true, Needed: true, Detail: "version 1"}
	kafka := Check{Name: "kafka", Needed: true, Detail: "joining"}
	push := Check{Name: "push", Detail: "breaker open"}
	well, cannotPush, notReady := []Check{rules}, []Check{rules, push}, []Check{rules, kafka, push}

	for name, tt := range map[string]struct {
		checks []Check
		method string // empty: GET
		path   string
		status int
		body   string // exactly; empty: anything
		holds  string
	}{
		"livez":                   {checks: well, path: "/livez", status: 200, body: "ok\n"},
		"livez, not ready":        {checks: notReady, path: "/livez", status: 200, body: "ok\n"},
		"healthy is livez":        {checks: notReady, path: "/-/healthy", status: 200, body: "ok\n"},
		"readyz":                  {checks: well, path: "/readyz", status: 200, body: "ok\n"},
		"ready is readyz":         {checks: well, path: "/-/ready", status: 200, body: "ok\n"},
		"readyz, verbose":         {checks: well, path: "/readyz?verbose", status: 200, body: "[+]rules: version 1\nok\n"},
		"ready, verbose":          {checks: well, path: "/-/ready?verbose=1", status: 200, body: "[+]rules: version 1\nok\n"},
		"cannot push is ready":    {checks: cannotPush, path: "/readyz", status: 200, body: "ok\n"},
		"and verbose says so":     {checks: cannotPush, path: "/readyz?verbose", status: 200, body: "[+]rules: version 1\n[-]push: breaker open\nok\n"},
		"not ready says why":      {checks: notReady, path: "/readyz", status: 503, body: "[+]rules: version 1\n[-]kafka: joining\n[-]push: breaker open\nnot ready\n"},
		"ready, not":              {checks: notReady, path: "/-/ready", status: 503, holds: "[-]kafka: joining\n"},
		"metrics":                 {checks: well, path: "/metrics", status: 200, holds: "\ntested_total 1\n"},
		"the page":                {checks: well, path: "/", status: 200, holds: "<title>bridge</title>"},
		"status":                  {checks: well, path: "/api/v1/status", status: 200, body: "{\n  \"pending\": 1,\n  \"state\": \"owner\"\n}\n"},
		"profiles":                {checks: well, path: "/debug/pprof/", status: 200, holds: "goroutine"},
		"a profile":               {checks: well, path: "/debug/pprof/goroutine?debug=1", status: 200, holds: "goroutine profile"},
		"nothing else":            {checks: well, path: "/nothing", status: 404},
		"nothing can be posted":   {checks: well, method: http.MethodPost, path: "/readyz", status: 405},
		"metrics are only read":   {checks: well, method: http.MethodDelete, path: "/metrics", status: 405},
		"no path inside of livez": {checks: well, path: "/livez/rules", status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := Listen(newConfig(tt.checks...))
			if err != nil {
				t.Fatal(err)
			}
			defer server.lis.Close()
			answer := httptest.NewRecorder()
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			server.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, tt.path, nil))
			body := answer.Body.String()
			if answer.Code != tt.status || tt.body != "" && body != tt.body || !strings.Contains(body, tt.holds) {
				t.Errorf("%s: %d %q, want %d %q%q", tt.path, answer.Code, body, tt.status, tt.body, tt.holds)
			}
		})
	}
}

// The checks are asked with the request's context: who hangs up ends them.
func TestChecksGetTheRequestsContext(t *testing.T) {
	t.Attr("guards", "a probe that gave up costs nothing")
	t.Parallel()
	type key struct{}
	cfg := newConfig()
	var got any
	cfg.Checks = func(ctx context.Context) []Check { got = ctx.Value(key{}); return nil }
	server, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer server.lis.Close()
	request := httptest.NewRequestWithContext(context.WithValue(t.Context(), key{}, "the request's"), http.MethodGet, "/readyz", nil)
	server.Handler().ServeHTTP(httptest.NewRecorder(), request)
	if got != "the request's" {
		t.Errorf("the checks were asked with another context: %v", got)
	}
}

func TestRunServesUntilToldAndLeavesNothing(t *testing.T) {
	t.Attr("guards", "the server ends with its context")
	defer goleak.VerifyNone(t)
	server, err := Listen(newConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{}}
	response, err := client.Get("http://" + server.Addr() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || string(text) != "ok\n" {
		t.Errorf("%q, %v", text, err)
	}
	client.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if conn, err := net.Dial("tcp", server.Addr()); err == nil {
		conn.Close()
		t.Error("the address is still served")
	}
}

// Kubernetes asks for readiness while a pod ends; the answer that was begun must
// go out.
func TestRunLetsAnswersOut(t *testing.T) {
	t.Attr("guards", "an answer that was begun is finished")
	t.Parallel()
	for name, tt := range map[string]struct {
		takes time.Duration
		after time.Duration // until Run returns
		whole bool
	}{
		"soon":  {takes: time.Second, after: time.Second, whole: true},
		"never": {takes: time.Hour, after: stopWithin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := new(kfake.VirtualNetwork)
				lis, err := network.Listen("tcp", "localhost:80")
				if err != nil {
					t.Fatal(err)
				}
				cfg := newConfig()
				asked := make(chan struct{})
				cfg.Checks = func(ctx context.Context) []Check {
					close(asked)
					select {
					case <-ctx.Done():
					case <-time.After(tt.takes):
					}
					return nil
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- (&Server{cfg: cfg, lis: lis}).Run(ctx) }()
				client := &http.Client{Transport: &http.Transport{DialContext: network.DialContext, DisableKeepAlives: true}, Timeout: 2 * stopWithin}
				answered := make(chan error, 1)
				go func() {
					response, err := client.Get("http://localhost:80/readyz")
					if err == nil {
						response.Body.Close()
					}
					answered <- err
				}()
				<-asked
				start := time.Now()
				stop()
				// Shutdown looks every half second at most whether all have ended.
				if err := <-ended; err != nil || time.Since(start) < tt.after || time.Since(start) > tt.after+time.Second {
					t.Errorf("Run returned %v after %v, want after %v", err, time.Since(start), tt.after)
				}
				if err := <-answered; (err == nil) != tt.whole {
					t.Errorf("the answer: %v, want it whole: %v", err, tt.whole)
				}
			})
		})
	}
}

func TestListenRefuses(t *testing.T) {
	t.Attr("guards", "a wrong configuration is an error before anything starts")
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil   func(*Config)
		wantErr string
	}{
		"address":     {func(c *Config) { c.Addr = "127.0.0.1:99999" }, "listen on BRIDGE_HTTP_ADDR"},
		"no gatherer": {func(c *Config) { c.Gatherer = nil }, "needs Gatherer"},
		"no logger":   {func(c *Config) { c.Logger = nil }, "needs Gatherer, Logger"},
		"no checks":   {func(c *Config) { c.Checks = nil }, "Checks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newConfig()
			tt.spoil(&cfg)
			if _, err := Listen(cfg); err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("err = %v, want %q", err, tt.wantErr)
			}
		})
	}
}
