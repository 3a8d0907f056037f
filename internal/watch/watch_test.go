package watch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience ends a test that waits for what does not come.
const waitFor = time.Minute

// watching is a watch that runs.
type watching struct {
	t       *testing.T
	changed chan struct{}
}

func watchAll(t *testing.T, cfg Config) *watching {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{t: t, changed: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx, func() {
			select {
			case w.changed <- struct{}{}:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() { stop(); <-ended })
	return w
}

func (w *watching) wait(what string) {
	w.t.Helper()
	select {
	case <-w.changed:
	case <-time.After(waitFor):
		w.t.Fatalf("nothing was told: %s", what)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every one of these is another content at the same path. Each is tried with the
// system's notices, and by looking alone.
func TestChanges(t *testing.T) {
	t.Attr("guards", "a rule file that was changed takes over, however it was changed")
	t.Parallel()
	for name, every := range map[string]time.Duration{"noticed": time.Hour, "looked at": 10 * time.Millisecond} {
		settle := time.Millisecond
		if name == "looked at" {
			settle = time.Hour
		}
		watched := func(t *testing.T, paths ...string) *watching {
			return watchAll(t, Config{Paths: func() []string { return paths }, Settle: settle, Every: every})
		}
		t.Run(name+"/written", func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "rules.yaml")
			write(t, path, "1")
			w := watched(t, path)
			for _, text := range []string{"2", "3", "4"} {
				write(t, path, text)
				w.wait("written " + text)
			}
		})
		t.Run(name+"/replaced, removed, back", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, other := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "rules.yaml.new")
			write(t, path, "1")
			w := watched(t, path)
			write(t, other, "2") // as editors and cp do it
			must(t, os.Rename(other, path))
			w.wait("replaced")
			must(t, os.Remove(path))
			w.wait("removed")
			write(t, path, "2")
			w.wait("back")
		})
		t.Run(name+"/a ConfigMap", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			configMap(t, dir, "1")
			must(t, os.Symlink(filepath.Join("..data", "rules.yaml"), filepath.Join(dir, "rules.yaml")))
			w := watched(t, filepath.Join(dir, "rules.yaml"))
			for _, text := range []string{"2", "3"} {
				configMap(t, dir, text)
				w.wait("swapped to " + text)
			}
		})
		t.Run(name+"/a folder of a ConfigMap", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			configMap(t, dir, "1")
			must(t, os.Symlink(filepath.Join("..data", "rules.yaml"), filepath.Join(dir, "schema.json")))
			w := watched(t, dir)
			configMap(t, dir, "2")
			w.wait("swapped")
			write(t, filepath.Join(dir, "more.json"), "{}")
			w.wait("another file")
		})
		t.Run(name+"/behind a link elsewhere", func(t *testing.T) {
			t.Parallel()
			dir, elsewhere := t.TempDir(), t.TempDir()
			write(t, filepath.Join(elsewhere, "real.yaml"), "1")
			must(t, os.Symlink(filepath.Join(elsewhere, "real.yaml"), filepath.Join(dir, "rules.yaml")))
			w := watched(t, filepath.Join(dir, "rules.yaml"))
			write(t, filepath.Join(elsewhere, "real.yaml"), "2")
			w.wait("written behind the link")
		})
	}
}

// configMap writes a volume's next version as the kubelet does: into a folder of its
// own, to which the link ..data is then turned by a rename.
func configMap(t *testing.T, dir, text string) {
	t.Helper()
	version, err := os.MkdirTemp(dir, "..2026_") //nolint:usetesting // its name is what Kubernetes gives
	must(t, err)
	write(t, filepath.Join(version, "rules.yaml"), text)
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	must(t, os.Symlink(filepath.Base(version), filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	if old != "" {
		must(t, os.RemoveAll(filepath.Join(dir, old)))
	}
}

// What changes between New and Run is told, and what says the same is not.
func TestOnlyOtherContentIsTold(t *testing.T) {
	t.Attr("guards", "touching a rule file is no reload")
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, "1")
	f, err := New(Config{Paths: func() []string { return []string{path} }, Every: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	write(t, path, "2")
	told := 0
	ctx, stop := context.WithCancel(t.Context())
	ctx, stopLater := context.WithTimeout(ctx, waitFor)
	defer stopLater()
	f.Run(ctx, func() {
		switch told++; told {
		case 1:
			write(t, path, "2") // the same again
			write(t, path, "3")
		case 2:
			stop()
		}
	})
	if told != 2 {
		t.Errorf("told %d times, want 2", told)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Attr("guards", "a watch of nothing is a mistake")
	t.Parallel()
	for name, cfg := range map[string]Config{
		"nothing":       {},
		"no logger":     {Paths: func() []string { return nil }},
		"negative time": {Paths: func() []string { return nil }, Logger: slog.New(slog.DiscardHandler), Settle: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
