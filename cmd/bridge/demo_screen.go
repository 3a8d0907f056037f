package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"pushbridge/internal/intent"
	"pushbridge/internal/journal"
)

// view is what the demo's screen shows.
type view struct {
	elapsed      time.Duration
	quota        int
	known        bool // the loop has answered: in, pending, used and batches are so
	in, pending  int
	used         int
	carried      int
	batches      int
	dispositions map[string]int
	pushes       []pushLine
}

// pushLine is one call, with who received it by the simulator's log.
type pushLine struct {
	at       time.Duration
	events   int
	reached  int
	audience string
	text     string
	why      string
	class    string
}

func (d *demoRun) view(ctx context.Context) view {
	v := view{elapsed: time.Since(d.started), dispositions: map[string]int{}}
	for _, t := range d.told {
		if t.Data.Disposition != "" && !t.Data.More {
			v.dispositions[t.Data.Disposition]++
			v.in++
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s := d.pipeline.bridge.Status(ctx)
	for _, p := range intent.Priorities {
		v.pending += s.PendingOf(p)
	}
	v.in += v.pending
	lane := s.Lanes[0] // the demo has one app
	v.quota, v.known, v.used, v.batches = lane.Calls, lane.Known, lane.Pending.Used, lane.Pending.Batches
	v.carried = v.dispositions["pushed"]
	reached := map[string]int{}
	for _, t := range d.sim.Tasks() {
		reached[t.ID] = t.Audience
	}
	for _, p := range s.Pushes {
		v.pushes = append(v.pushes, pushLine{
			at: p.At.Sub(d.started), events: p.Events, reached: reached[p.TaskID], audience: p.Audience,
			text: strings.ReplaceAll(p.Text, "\n", " / "), why: p.Why, class: p.Class.String(),
		})
	}
	return v
}

// screen draws views: in place on a terminal, else one line for every push, so
// that a pipe gets no control characters.
type screen struct {
	w     io.Writer
	live  bool
	quiet bool
	lines int // drawn last time, to be overwritten
	seen  time.Duration
}

func newScreen(w io.Writer, o demoOptions) *screen {
	return &screen{w: w, live: isTerminal(w) && !o.asJSON, quiet: o.asJSON}
}

func (s *screen) draw(v view) {
	if s.quiet {
		return
	}
	if !s.live {
		s.drawNew(v)
		return
	}
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", s.lines)
	}
	text := v.table()
	b.WriteString(text)
	s.lines = strings.Count(text, "\n")
	_, _ = io.WriteString(s.w, b.String()) // a screen that is gone is no reason to stop
}

// drawNew prints the pushes that were not printed yet.
func (s *screen) drawNew(v view) {
	for _, p := range v.pushes {
		if p.at > s.seen {
			s.seen = p.at
			fmt.Fprintf(s.w, "%5.1fs  push (%s): %s → %s  %s  %q\n", p.at.Seconds(), p.why, count(p.events, "event"), count(p.reached, "user"), p.audience, p.text)
		}
	}
}

// close leaves the last view on the terminal, and a line between it and what
// comes after.
func (s *screen) close() {
	if s.live {
		_, _ = io.WriteString(s.w, "\n")
	}
}

// width is what a line may take; the table must not wrap.
const width = 110

func (v view) table() string {
	var b strings.Builder
	line := func(format string, args ...any) {
		text := []rune(visible(fmt.Sprintf(format, args...)))
		if len(text) > width {
			text = append(text[:width-1], '…')
		}
		b.WriteString(string(text) + "\n")
	}
	number := func(n int) string {
		if !v.known {
			return "?"
		}
		return strconv.Itoa(n)
	}
	merged := 0.0
	if v.used > 0 {
		merged = float64(v.carried) / float64(v.used)
	}
	line("bridge demo  %5.1fs", v.elapsed.Seconds())
	line("  events in   %4s    waiting %4s in %s future calls", number(v.in), number(v.pending), number(v.batches))
	line("  calls used  %4s of %d in 24 h    %.1f events a call", number(v.used), v.quota, merged)
	var ended []string
	for _, k := range journal.Kinds {
		if n := v.dispositions[k.String()]; n > 0 {
			ended = append(ended, fmt.Sprintf("%s %d", k, n))
		}
	}
	line("  ended       %s", strings.Join(ended, " · "))
	line("")
	line("  last pushes")
	for _, p := range v.pushes {
		line("  %5.1fs %-8s %3d events → %4d users  %-34s %s", p.at.Seconds(), p.why, p.events, p.reached, short(p.audience, 34), p.text)
	}
	for range max(0, 8-len(v.pushes)) {
		line("")
	}
	return b.String()
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// lastWarnings keeps the latest warnings of the pipeline, so that a demo that
// fails can say what it saw without spoiling the screen.
type lastWarnings struct {
	mu    sync.Mutex
	lines []string
}

const warningsKept = 10

// Write implements io.Writer for a log handler, which writes a line at a time.
func (l *lastWarnings) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.TrimSpace(string(p)))
	if len(l.lines) > warningsKept {
		l.lines = l.lines[1:]
	}
	return len(p), nil
}

// String returns the warnings as lines to be appended to an error.
func (l *lastWarnings) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		return ""
	}
	return "\n" + strings.Join(l.lines, "\n")
}
