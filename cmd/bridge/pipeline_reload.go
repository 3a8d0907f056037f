package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushbridge/internal/bridge"
	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
	"pushbridge/internal/mapper"
	"pushbridge/internal/watch"
)

// reloader keeps the rules what the rule file says. Whoever wants it to look asks it:
// the watch over the file, SIGHUP, an action. It looks at one at a time, and all that
// can fail is done before the bridge is told.
type reloader struct {
	p     *pipeline
	path  string
	files *watch.Files
	asks  chan func(context.Context) // one at a time, by run's goroutine

	succeeded prometheus.Gauge
	at        prometheus.Gauge
	hash      prometheus.Gauge

	mu   sync.Mutex
	last reloaded // what status shows
}

// What became of a reload.
const (
	reloadSwitched  = "switched"
	reloadUnchanged = "unchanged" // the file says what it said
	reloadRefused   = "refused"   // it is wrong, or does not fit; the rules in use stay
	reloadFailed    = "failed"    // it could not be tried
)

// reloaded is what became of a reload: the answer of POST /-/reload, and a part of
// /api/v1/status.
type reloaded struct {
	Result          string    `json:"result"`
	Cause           string    `json:"cause"` // start, file, signal, request or promote
	At              time.Time `json:"at"`
	RulesVersion    string    `json:"rules_version"` // in use from then on
	PreviousVersion string    `json:"previous_version,omitempty"`
	RemapPending    bool      `json:"remap_pending,omitempty"` // what waited is mapped anew
	Warnings        []string  `json:"warnings,omitempty"`
	Problems        []string  `json:"problems,omitempty"`
}

func newReloader(p *pipeline, path string) (*reloader, error) {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		p.metrics.MustRegister(g)
		return g
	}
	r := &reloader{
		p: p, path: path, asks: make(chan func(context.Context)),
		succeeded: gauge("bridge_config_last_reload_successful", "1 where the rules in use are those of the rule file, as far as it was looked at."),
		at:        gauge("bridge_config_last_reload_success_timestamp_seconds", "When the rule file was last found right."),
		hash:      gauge("bridge_config_hash", "The version of the rules in use, a short hash of the rule file, as a number: the same in all instances that have the same rules."),
	}
	r.note(reloaded{Result: reloadSwitched, Cause: "start", At: time.Now(), RulesVersion: p.rules.Version()})
	var err error
	r.files, err = watch.New(watch.Config{Paths: r.paths, Logger: p.log})
	return r, err
}

// paths are the rule file, and what the rules in use read beside it.
func (r *reloader) paths() []string {
	rules := r.p.rules // until there is a bridge
	if r.p.bridge != nil {
		rules = r.p.bridge.Rules()
	}
	paths := append([]string{r.path}, rules.SchemaDirs()...)
	if s := r.p.shadow; s != nil {
		paths = append(paths, s.path)
	}
	return paths
}

// run answers who asks, and each hangup, until ctx ends.
func (r *reloader) run(ctx context.Context, hangups <-chan os.Signal) {
	var watching sync.WaitGroup
	defer watching.Wait()
	if s := r.p.shadow; s != nil {
		watching.Go(func() { s.runner.Run(ctx) })
		s.refresh(ctx)
	}
	// The file may have changed since it was loaded, before the watch began.
	if rules, err := mapper.Load(r.path, r.p.ruleLimits(nil)); err != nil || rules.Version() != r.p.bridge.Rules().Version() {
		r.reload(ctx, "file")
	}
	watching.Go(func() {
		r.files.Run(ctx, func() { _, _ = r.ask(ctx, "file") }) // it is logged and noted; an error is ctx's end
	})
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			r.reload(ctx, "signal")
		case do := <-r.asks:
			do(ctx)
		}
	}
}

// ask has the file looked at, and waits for what becomes of it.
func (r *reloader) ask(ctx context.Context, cause string) (out reloaded, err error) {
	err = r.do(ctx, func(ctx context.Context) { out = r.reload(ctx, cause) })
	return out, err
}

// do has something done by run's goroutine, and waits for it.
func (r *reloader) do(ctx context.Context, do func(context.Context)) error {
	done := make(chan struct{})
	select {
	case r.asks <- func(ctx context.Context) { do(ctx); close(done) }:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	<-done // it ends soon: all that it waits for has its deadline or run's context
	return nil
}

// reload looks at the file, and switches where it says something else.
func (r *reloader) reload(ctx context.Context, cause string) reloaded {
	old := r.p.bridge.Rules()
	out := reloaded{Cause: cause, At: time.Now(), RulesVersion: old.Version()}
	rules, err := mapper.Load(r.path, r.p.ruleLimits(old))
	if err == nil && rules.Version() != old.Version() {
		var set bridge.Ruleset
		if set, err = r.p.fit(ctx, rules); err == nil {
			err = r.p.bridge.Reload(ctx, set)
		}
	}
	switch {
	case err == nil && rules.Version() == old.Version():
		out.Result = reloadUnchanged
	case err == nil:
		out.Result, out.RulesVersion, out.PreviousVersion, out.RemapPending = reloadSwitched, rules.Version(), old.Version(), rules.RemapPending()
		for _, w := range rules.Warnings() {
			out.Warnings = append(out.Warnings, w.Error())
			r.p.log.Warn("rules", "warning", w)
		}
	default:
		out.Result = reloadFailed
		for _, e := range parts(err) {
			out.Problems = append(out.Problems, e.Error())
			_, wrong := errors.AsType[*mapper.FileError](e)
			if _, unfit := errors.AsType[misfit](e); wrong || unfit {
				out.Result = reloadRefused
			}
		}
	}
	r.tell(out)
	r.note(out)
	if r.p.shadow != nil {
		r.p.shadow.refresh(ctx)
	}
	return out
}

// tell logs what became of it. That the rules are others now is the bridge's to say.
func (r *reloader) tell(out reloaded) {
	if len(out.Problems) > 0 {
		r.p.log.Error("rule file not taken: the rules stay as they were", "file", r.path, "cause", out.Cause, "rules_version", out.RulesVersion,
			"problems", len(out.Problems), "error", strings.Join(out.Problems, "\n"), "do", "mend it; the file is looked at again when it changes, on SIGHUP and on POST /-/reload")
		return
	}
	level := slog.LevelInfo
	if out.Result == reloadUnchanged {
		level = slog.LevelDebug
	}
	r.p.log.Log(context.Background(), level, "rule file read", "file", r.path, "cause", out.Cause, "result", out.Result, "rules_version", out.RulesVersion)
}

// note remembers it for status and metrics.
func (r *reloader) note(out reloaded) {
	out.At = out.At.UTC()
	r.succeeded.Set(truth(len(out.Problems) == 0))
	if len(out.Problems) == 0 {
		r.at.Set(float64(out.At.UnixMilli()) / 1000)
	}
	if n, err := strconv.ParseUint(out.RulesVersion, 16, 52); err == nil { // a float64 holds it
		r.hash.Set(float64(n))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = out
}

func (r *reloader) status() reloaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// onRequest is the action behind POST /-/reload.
func (r *reloader) onRequest(ctx context.Context, _ []byte) (int, any) {
	out, err := r.ask(ctx, "request")
	switch {
	case err != nil:
		return http.StatusServiceUnavailable, map[string]string{"error": err.Error()}
	case out.Result == reloadRefused:
		return http.StatusUnprocessableEntity, out
	case out.Result == reloadFailed:
		return http.StatusInternalServerError, out
	}
	return http.StatusOK, out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// misfit is what keeps rules that are right in themselves from being taken by this
// process.
type misfit struct{ error }

func (m misfit) Unwrap() error { return m.error }

// ruleLimits is what rules that take over from others must keep to.
func (p *pipeline) ruleLimits(after *mapper.Rules) mapper.Limits {
	return mapper.Limits{MaxRequestBytes: p.cfg.Push.MaxBytes, After: after}
}

// fit checks what can keep rules that are right in themselves from taking over: their
// lanes, their budgets, and how long the journal is kept. What is in use stays in use.
func (p *pipeline) fit(ctx context.Context, rules *mapper.Rules) (bridge.Ruleset, error) {
	terms, err := p.termsOf(rules)
	if err != nil {
		return bridge.Ruleset{}, err
	}
	// What waits that long is known from the journal, which must be kept for it.
	if keep := rules.LongestExpiry(); keep > p.journal.Keep {
		longer := p.journal
		longer.Keep = keep
		if err := p.ensureJournal(ctx, longer, false); err != nil {
			if _, unfit := errors.AsType[*journal.TopicError](err); unfit {
				return bridge.Ruleset{}, misfit{err}
			}
			return bridge.Ruleset{}, err
		}
		p.journal = longer // for as long it is known to be kept
	}
	return bridge.Ruleset{Rules: rules, Terms: terms}, nil
}

// termsOf is what the calls of every lane are bound to under the rules.
func (p *pipeline) termsOf(rules *mapper.Rules) (map[string]intent.Terms, error) {
	lanes := lanesOf(p.cfg)
	if err := checkLanesOf(rules, lanes); err != nil {
		return nil, misfit{err}
	}
	terms := make(map[string]intent.Terms, len(lanes))
	for _, l := range lanes {
		of, err := termsOf(rules, l)
		if err != nil {
			return nil, misfit{err}
		}
		terms[l.Name] = of
	}
	return terms, nil
}
