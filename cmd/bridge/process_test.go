package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
)

// patience ends a test that waits for what does not come. It is no measure of
// anything: the machine may be busy.
const patience = 90 * time.Second

// process is bridge as a process of its own: the test's binary, started as
// TestMain says.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  bytes.Buffer // its stdout; read it after wait
	done chan struct{}

	mu      sync.Mutex
	lines   []string // of its stderr
	changed chan struct{}
	closed  bool
}

// startBridge runs bridge with nothing of the test's own BRIDGE_ variables but
// env. It is killed with the test, if it has not ended.
func startBridge(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), "bridge", args...), done: make(chan struct{}), changed: make(chan struct{})}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "BRIDGE_") {
			p.cmd.Env = append(p.cmd.Env, variable)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout = &p.out
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.add(lines.Text(), false)
		}
		_ = p.cmd.Wait() // the exit code is asked for by wait
		p.add("", true)
	}()
	t.Cleanup(func() {
		<-p.done
		if t.Failed() {
			t.Logf("stderr of bridge %s:\n%s\nstdout:\n%s", strings.Join(args, " "), p.stderr(), p.out.String())
		}
	})
	return p
}

func (p *process) add(line string, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last {
		p.closed = true
	} else {
		p.lines = append(p.lines, line)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// find returns the submatches of the first line of stderr that fits, waiting
// for it.
func (p *process) find(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	next, deadline := 0, time.After(patience)
	for {
		p.mu.Lock()
		for ; next < len(p.lines); next++ {
			if found := re.FindStringSubmatch(p.lines[next]); found != nil {
				p.mu.Unlock()
				return found
			}
		}
		changed, closed := p.changed, p.closed
		p.mu.Unlock()
		if closed {
			p.t.Fatalf("the process ended without saying %q", pattern)
		}
		select {
		case <-changed:
		case <-deadline:
			p.t.Fatalf("the process did not say %q", pattern)
		}
	}
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %v: %v", s, err)
	}
}

// kill ends the process by force, if it has not ended by itself.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("kill: %v", err)
	}
	p.wait()
}

// wait waits for the end and returns the exit code, -1 after a kill.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("the process did not end")
		return 0
	}
}

// plain checks that nothing but text was written.
func (p *process) plain() {
	p.t.Helper()
	for _, text := range []string{p.out.String(), p.stderr()} {
		if at := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); at >= 0 {
			p.t.Errorf("a control character: %q", text[at:min(len(text), at+40)])
		}
	}
}

// eventually waits until a condition holds that no line announces.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("did not come true: %s", what)
		}
	}
}
