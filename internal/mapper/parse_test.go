package mapper

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printed returns findings as bridge check prints them.
func printed(findings []*FileError) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.Error() + "\n")
		if caret := f.Caret(); caret != "" {
			b.WriteString(caret + "\n")
		}
	}
	return b.String()
}

// golden compares with a file; GOLDEN=1 writes it anew.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-golden +got; rewrite with GOLDEN=1):\n%s", diff)
	}
}

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
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", printed(problems(t, err)))
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
