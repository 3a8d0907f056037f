package pushapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/pushapi/pushsim"
)

const (
	testApp   = 88888888
	testKey   = "secret-key-for-tests"
	testAdmin = "admin"
)

// simulator returns the API without an interval or a quota unless cfg has one.
func simulator(t *testing.T, cfg pushsim.Config) *pushsim.Server {
	t.Helper()
	if cfg.Apps == nil {
		cfg.Apps = []pushsim.App{{SDKAppID: testApp, SecretKey: testKey, Admins: []string{testAdmin}}}
	}
	if cfg.Interval == 0 {
		cfg.Interval = -1
	}
	s, err := pushsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve returns the URL of h on a loopback port.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// newClient fills in who calls, and what cfg leaves open is New's to choose.
func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.Credentials == (Credentials{}) {
		cfg.Credentials = Credentials{SDKAppID: testApp, Identifier: testAdmin, Key: NewKey(testKey)}
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// logged returns a logger and what it has written.
func logged() (*slog.Logger, *syncBuffer) {
	b := &syncBuffer{}
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func message(t testing.TB, c intent.Content) intent.Message {
	t.Helper()
	m, err := intent.NewMessage(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func saying(t testing.TB, text string) intent.Message {
	t.Helper()
	return message(t, intent.Content{Elements: []intent.Element{intent.Text{Text: text}}})
}

func anyTag(t testing.TB, tags ...string) audience.Audience {
	t.Helper()
	a, err := audience.OfAnyTag(tags...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func hello(t testing.TB, random uint32) Request {
	t.Helper()
	return Request{Random: random, Audience: anyTag(t, "vip"), Messages: []intent.Message{saying(t, "hello")}}
}

// counts returns bridge_push_calls_total by class, and the calls timed.
func counts(t *testing.T, reg *prometheus.Registry) (byClass map[string]float64, timed uint64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byClass = map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "bridge_push_calls_total":
				byClass[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			case "bridge_push_duration_seconds":
				timed = m.GetHistogram().GetSampleCount()
			}
		}
	}
	return byClass, timed
}

// pipes is a network in memory, for bubbles: a real one is not durably blocked.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accept <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// inBubble serves h on pipes and returns a client of it; both end with the test.
func inBubble(t *testing.T, h http.Handler, cfg Config) *Client {
	t.Helper()
	network := newPipes()
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(network)
	}()
	cfg.URL, cfg.Dial = "http://push.test", network.Dial
	c := newClient(t, cfg)
	t.Cleanup(func() {
		c.Close()
		_ = server.Close()
		<-served
	})
	return c
}
