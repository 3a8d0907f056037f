package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	defaultSettle = 250 * time.Millisecond
	defaultEvery  = 30 * time.Second

	// patience is for how many settling times a change may go on before it is looked
	// at all the same: something that writes for ever must not hide it.
	patience = 20

	// maxBytes is how much of a file is compared. Rule files are far smaller, and
	// nobody should fill memory by a link to a disk.
	maxBytes = 16 << 20
)

// Config is what to watch.
type Config struct {
	// Paths returns the files and folders; it is asked again after every change, for
	// files that name others. Of a folder the files directly in it count.
	Paths  func() []string
	Settle time.Duration // a change is over when nothing happened for so long; 0: 250 ms
	Every  time.Duration // they are looked at so often, whatever was noticed; 0: 30 s
	Logger *slog.Logger
}

// Files is a watch over files.
type Files struct {
	cfg  Config
	seen [sha256.Size]byte
}

// New remembers what the files say now: Run tells of what is different from this.
// Load them after New, and no change between the two is missed.
func New(cfg Config) (*Files, error) {
	if cfg.Paths == nil || cfg.Logger == nil || cfg.Settle < 0 || cfg.Every < 0 {
		return nil, errors.New("watch: configuration needs Paths, Logger and times that are not negative")
	}
	if cfg.Settle == 0 {
		cfg.Settle = defaultSettle
	}
	if cfg.Every == 0 {
		cfg.Every = defaultEvery
	}
	f := &Files{cfg: cfg}
	f.seen = f.print()
	return f, nil
}

// Run calls changed after each change until ctx ends, one at a time and from one
// goroutine. A change to what could not be read, or a file that is gone, is one too.
func (f *Files) Run(ctx context.Context, changed func()) {
	notices, err := fsnotify.NewWatcher()
	if err != nil {
		f.cfg.Logger.Warn("no notices of changed files: they are looked at now and then", "every", f.cfg.Every.String(), "error", err,
			"do", "raise fs.inotify.max_user_instances, or live with the delay")
		notices = &fsnotify.Watcher{} // of nil channels, which never speak
	} else {
		defer func() { _ = notices.Close() }() // nothing is asked of it any more
	}
	watched := map[string]bool{}
	look := func() {
		if err == nil {
			f.cover(notices, watched)
		}
		if now := f.print(); now != f.seen {
			f.seen = now
			changed()
		}
	}
	look() // what changed since New

	every := time.NewTicker(f.cfg.Every)
	defer every.Stop()
	settle := time.NewTimer(time.Hour)
	settle.Stop()
	defer settle.Stop()
	var since time.Time // of the first notice that was not looked at
	noticed := func() {
		if since.IsZero() {
			since = time.Now()
		}
		settle.Reset(max(0, min(f.cfg.Settle, time.Until(since.Add(patience*f.cfg.Settle)))))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-notices.Events:
			noticed()
		case err := <-notices.Errors:
			f.cfg.Logger.Debug("notices of changed files were lost", "error", err)
			noticed()
		case <-settle.C:
			since = time.Time{}
			look()
		case <-every.C:
			look()
		}
	}
}

// cover asks for notices of the folders in which the paths, and what they lead to,
// can change. One that is gone is asked for again when it is back.
func (f *Files) cover(notices *fsnotify.Watcher, watched map[string]bool) {
	var want []string
	for _, path := range f.cfg.Paths() {
		want = append(want, filepath.Dir(path))
		if end, err := filepath.EvalSymlinks(path); err == nil {
			want = append(want, filepath.Dir(end))
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			want = append(want, path)
		}
	}
	for folder := range watched {
		if !slices.Contains(want, folder) {
			_ = notices.Remove(folder) // it may be gone
			delete(watched, folder)
		}
	}
	for _, folder := range want {
		// Asked for each time: a folder that was replaced is another one.
		if err := notices.Add(folder); err != nil && !watched[folder] {
			f.cfg.Logger.Debug("no notices of changes in a folder: its files are looked at now and then", "folder", folder, "every", f.cfg.Every.String(), "error", err)
		}
		watched[folder] = true
	}
}

// print is a hash of all that the paths say.
func (f *Files) print() [sha256.Size]byte {
	h := sha256.New()
	add := func(path string) {
		h.Write([]byte(path))
		sum := sha256.Sum256(content(path))
		h.Write(sum[:])
	}
	for _, path := range f.cfg.Paths() {
		entries, err := os.ReadDir(path)
		if err != nil { // a file
			add(path)
			continue
		}
		for _, e := range entries {
			// What begins with .. is how Kubernetes keeps a volume's versions.
			if !strings.HasPrefix(e.Name(), "..") {
				add(filepath.Join(path, e.Name()))
			}
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// content returns what is in a file, or why it cannot be read.
func content(path string) []byte {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return []byte(err.Error())
	case !info.Mode().IsRegular():
		return []byte(info.Mode().String())
	case info.Size() > maxBytes:
		return []byte(info.ModTime().String())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}
