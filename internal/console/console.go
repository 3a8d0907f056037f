package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one thing that is well or not.
type Check struct {
	Name   string
	OK     bool
	Needed bool   // not well means not ready; otherwise it is only shown
	Detail string // what is wrong, or the state, in a few words
}

// Config is what a Server needs.
type Config struct {
	Addr     string // host:port to listen on
	Gatherer prometheus.Gatherer
	Logger   *slog.Logger
	// Checks says how things are. It should answer within a second.
	Checks func(ctx context.Context) []Check
	// Status is what GET /api/v1/status answers, encoded as JSON. It should answer
	// within a second, and hold no secret.
	Status func(ctx context.Context) any
	// Views are what else is answered as JSON, by the pattern that http.ServeMux knows.
	Views map[string]func(ctx context.Context) any
	// Actions are what people may do, by the pattern that http.ServeMux knows, such as
	// POST /-/reload.
	Actions map[string]Action
}

// Server serves one instance's health and metrics.
type Server struct {
	cfg Config
	lis net.Listener
}

const (
	readTimeout = 10 * time.Second // of a request's header
	stopWithin  = 2 * time.Second
)

// Listen takes the address, so that a wrong one is an error before anything
// else starts.
func Listen(cfg Config) (*Server, error) {
	if cfg.Gatherer == nil || cfg.Logger == nil || cfg.Checks == nil || cfg.Status == nil {
		return nil, errors.New("console: configuration needs Gatherer, Logger, Checks and Status")
	}
	lis, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on BRIDGE_HTTP_ADDR: %w", err)
	}
	return &Server{cfg: cfg, lis: lis}, nil
}

// Close gives the address back where Run was never called; after Run it does
// nothing.
func (s *Server) Close() { _ = s.lis.Close() } // closed twice is closed

// Addr is where the Server listens.
func (s *Server) Addr() string { return s.lis.Addr().String() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: readTimeout,
		ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if srv.Shutdown(stopping) != nil {
			_ = srv.Close() // what does not end in time is a scrape; nothing is lost
		}
	})
	err := srv.Serve(s.lis)
	if stop() {
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	}
	<-ended // Serve returns when Shutdown begins, not when the answers are out
	return nil
}

// Handler returns the routes, for tests and for a server of one's own.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	alive := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }
	mux.HandleFunc("GET /livez", alive)
	mux.HandleFunc("GET /-/healthy", alive)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /-/ready", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/status", s.status)
	servePage(mux)
	for pattern, view := range s.cfg.Views {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, http.StatusOK, view(r.Context())) })
	}
	for pattern, do := range s.cfg.Actions {
		mux.Handle(pattern, s.act(do))
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	s.answer(w, http.StatusOK, s.cfg.Status(r.Context()))
}

func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		s.cfg.Logger.Error("encode an answer", "error", err, "do", "report it: the program made what no JSON can say")
		http.Error(w, "the answer cannot be encoded, see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who asked has gone
}

// ready answers as kube-apiserver does: 200 or 503, and with ?verbose a line a
// check.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ok := true
	var lines strings.Builder
	for _, c := range s.cfg.Checks(r.Context()) {
		mark := "[+]"
		if !c.OK {
			mark = "[-]"
			ok = ok && !c.Needed
		}
		fmt.Fprintf(&lines, "%s%s", mark, c.Name)
		if c.Detail != "" {
			fmt.Fprintf(&lines, ": %s", c.Detail)
		}
		lines.WriteByte('\n')
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if r.URL.Query().Has("verbose") || !ok {
		_, _ = io.WriteString(w, lines.String())
	}
	if ok {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	_, _ = io.WriteString(w, "not ready\n")
}
