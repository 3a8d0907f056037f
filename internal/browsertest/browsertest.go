// Package browsertest shows tests a page as Chromium does, scripts included.
//
// Only tests import it. Where there is no Chromium they are skipped, and say so.
package browsertest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/kafkatest"
)

// names are those under which Debian and others install it.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

// complaint is what a page's scripts, or what it was not allowed to load, write to the
// browser's console.
var complaint = regexp.MustCompile(`(?m)^.*:CONSOLE.*$`)

// Document returns the page's document as markup once its scripts have had so long,
// of the browser's own time, and what was written to the browser's console. It ends the
// test where the page cannot be shown.
func Document(t testing.TB, url string, after time.Duration) (markup string, complaints []string) {
	t.Helper()
	out, said := run(t, "--dump-dom", budget(after), url)
	return out, complaint.FindAllString(said, -1)
}

// Picture writes the page as a PNG, of the size of a small window.
func Picture(t testing.TB, url, file string, after time.Duration) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "--screenshot="+path, "--hide-scrollbars", "--window-size=1280,940", budget(after), url)
}

func budget(d time.Duration) string {
	return fmt.Sprintf("--virtual-time-budget=%d", d.Milliseconds())
}

// run starts the browser with a profile of its own and returns what it writes.
func run(t testing.TB, args ...string) (stdout, stderr string) {
	t.Helper()
	path := find()
	if path == "" {
		kafkatest.Missing(t, "Chromium: install chromium")
	}
	// Its sandbox needs rights that containers and root do not have; the pages are ours.
	cmd := exec.CommandContext(t.Context(), path, append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
		"--lang=en-GB", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir(),
	}, args...)...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", path, strings.Join(args, " "), err, said.String())
	}
	return out.String(), said.String()
}

func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
