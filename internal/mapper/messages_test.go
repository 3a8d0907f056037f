package mapper

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// saying is one call in the package's source that tells an author something.
type saying struct {
	place string
	msg   string // as a regular expression; "": it is computed elsewhere
	do    string
}

// TestEveryMessageHasAGoldenFile reads the package's source for what it can say
// about a rule file, and looks for it in the golden files, where people have read
// it.
func TestEveryMessageHasAGoldenFile(t *testing.T) {
	t.Attr("guards", "every message of the loader has a golden file that was read")
	t.Parallel()
	said := goldenTexts(t)
	all := messages(t)
	if len(all) < 150 {
		t.Fatalf("%d messages found, want 150 or more: are refuse, warn and note still their names?", len(all))
	}
	computed := 0
	for _, m := range all {
		if m.msg == "" {
			computed++
			continue
		}
		want := regexp.MustCompile(`(^|: )` + m.msg + "; " + m.do + `$`)
		if !slices.ContainsFunc(said, want.MatchString) {
			t.Errorf("%s: no golden file has %s; %s", m.place, m.msg, m.do)
		}
	}
	if computed > 30 {
		t.Errorf("%d of %d messages are computed and cannot be looked for", computed, len(all))
	}
}

// TestEveryMessageIsWhole holds what people read to the form: a place, what is
// wrong and the mend, each said once.
func TestEveryMessageIsWhole(t *testing.T) {
	t.Attr("guards", "every message of the loader names place, mistake and mend")
	t.Parallel()
	for _, line := range goldenTexts(t) {
		msg, do, ok := strings.Cut(line, "; ")
		switch {
		case !ok || do == "":
			t.Errorf("no mend: %s", line)
		case strings.HasSuffix(line, ".") || strings.HasPrefix(do, " ") || strings.Contains(msg, "%!"):
			t.Errorf("no sentence of ours: %s", line)
		}
		for _, word := range []string{"strconv", "json: cannot", "yaml: line", "runtime error", "<nil>", "failed to", "cannot unmarshal", "*mapper", "0x"} {
			if strings.Contains(line, word) {
				t.Errorf("the words of a program: %s", line)
			}
		}
	}
}

// goldenTexts are the lines of the golden files that tell something.
func goldenTexts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.golden")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	head := regexp.MustCompile(`^[a-z0-9./-]+\.(yaml|json)(:\d+:\d+)?: `)
	var lines []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSuffix(line, "\n"); head.MatchString(line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// messages finds the calls of refuse, warn and note.
func messages(t *testing.T) []saying {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []saying
	set := gotoken.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 4 {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"refuse", "warn", "note"}, f.Sel.Name) {
				return true
			}
			m := saying{place: set.Position(call.Pos()).String()}
			if text, known := pattern(call.Args[2]); known {
				m.msg = text
			}
			if m.do, ok = pattern(call.Args[3]); !ok {
				m.do = ".+"
			}
			all = append(all, m)
			return true
		})
	}
	return all
}

// pattern returns a regular expression for what the expression may say; false
// where nothing of it is known.
func pattern(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return regexp.QuoteMeta(text), err == nil
	case *ast.BinaryExpr:
		left, knownLeft := pattern(e.X)
		right, knownRight := pattern(e.Y)
		return left + right, knownLeft || knownRight
	case *ast.ParenExpr:
		return pattern(e.X)
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.SelectorExpr)
		if !ok || f.Sel.Name != "Sprintf" {
			return ".*", false
		}
		format, known := pattern(e.Args[0])
		return regexp.MustCompile(`%[a-z]`).ReplaceAllString(format, ".*"), known
	}
	return ".*", false
}
