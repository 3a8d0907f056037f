package mapper

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// problems returns all of a Parse error, one a line.
func problems(t testing.TB, err error) []*FileError {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("Parse: %v is no joined error", err)
	}
	var all []*FileError
	for _, e := range joined.Unwrap() {
		f, ok := errors.AsType[*FileError](e)
		if !ok {
			t.Fatalf("Parse: %v is no FileError", e)
		}
		all = append(all, f)
	}
	return all
}

// TestParseErrors holds every message of testdata/errors to its golden file,
// places and marks included.
func TestParseErrors(t *testing.T) {
	t.Attr("guards", "every problem of a rule file is named at its place, all at once")
	t.Parallel()
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(file), data, Limits{})
			if err == nil {
				t.Fatal("Parse accepts it")
			}
			var got strings.Builder
			for _, p := range problems(t, err) {
				got.WriteString(p.Error() + "\n")
				if caret := p.Caret(); caret != "" {
					got.WriteString(caret + "\n")
				}
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-golden +got; rewrite with -update):\n%s", diff)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	t.Attr("guards", "rule files that are right")
	t.Parallel()
	files, err := filepath.Glob("testdata/rules/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule files: %v", err)
	}
	for _, file := range files {
		r, err := Load(file, Limits{})
		if err != nil {
			t.Errorf("Load(%s):\n%v", file, err)
			continue
		}
		if len(r.Rules()) == 0 || len(r.Version()) != 12 {
			t.Errorf("Load(%s): rules %q, version %q", file, r.Rules(), r.Version())
		}
	}
}
