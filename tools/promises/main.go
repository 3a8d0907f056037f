// Command promises reads the output of go test -json and prints which tests
// guard which of the design's promises.
//
// It runs nothing itself. It ends with 1 where a promise has no test or one of
// its tests failed, with 2 where its input cannot be read; the names below and
// those in the tests' t.Attr("promise", …) are one list, owned by
// docs/design.md.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// The five promises, in the order of the design.
var promises = []string{"nothing-lost", "exactly-the-right-people", "budget", "one-writer", "explained"}

func main() {
	report, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(2)
	}
	if !report.print(os.Stdout) {
		os.Exit(1)
	}
}

// event is a line of go test -json, as cmd/test2json documents it.
type event struct {
	Action  string
	Package string
	Test    string
	Key     string
	Value   string
}

// testID names a test in the way a reader finds it.
type testID struct{ pkg, test string }

// report is what one run of the tests says about the promises.
type report struct {
	guards map[string][]testID // by promise, in the order of the run
	ended  map[testID]string   // pass, fail or skip
	broken []string            // packages that failed, among them those that did not build
}

// read takes a whole run. A line that is no JSON is an error: it means that
// the input is not from go test -json, and a report on it would say nothing.
func read(r io.Reader) (*report, error) {
	rep := &report{guards: map[string][]testID{}, ended: map[testID]string{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20) // a failed test may print a long diff in one line
	for n := 1; lines.Scan(); n++ {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("line %d is not from go test -json: %w", n, err)
		}
		id := testID{e.Package, e.Test}
		switch e.Action {
		case "attr":
			// A subtest may say what its parent said; a test that runs twice says it twice.
			if e.Key == "promise" && !slices.Contains(rep.guards[e.Value], id) {
				rep.guards[e.Value] = append(rep.guards[e.Value], id)
			}
		case "pass", "fail", "skip":
			if e.Test != "" {
				rep.ended[id] = e.Action
			} else if e.Action == "fail" {
				rep.broken = append(rep.broken, e.Package)
			}
		}
	}
	return rep, lines.Err()
}

// print writes promise → tests and reports whether every promise is guarded
// and every guard passed. A skipped test guards nothing.
func (r *report) print(w io.Writer) bool {
	kept := true
	for _, name := range promises {
		tests := r.guards[name]
		slices.SortFunc(tests, func(a, b testID) int {
			return strings.Compare(a.pkg+"."+a.test, b.pkg+"."+b.test)
		})
		passed := 0
		for _, id := range tests {
			if r.ended[id] == "pass" {
				passed++
			}
		}
		fmt.Fprintf(w, "%s: %d of %d tests pass\n", name, passed, len(tests))
		kept = kept && passed > 0
		for _, id := range tests {
			how := r.ended[id]
			if how == "" { // its package died before it ended
				how = "fail"
			}
			kept = kept && how != "fail"
			mark := map[string]string{"pass": "  ", "fail": "✗ ", "skip": "- "}[how]
			fmt.Fprintf(w, "  %s%s %s\n", mark, strings.TrimPrefix(id.pkg, "pushbridge/"), id.test)
		}
	}
	for name := range r.guards {
		if !slices.Contains(promises, name) {
			fmt.Fprintf(w, "%s: no such promise, named by %s %s\n", name, r.guards[name][0].pkg, r.guards[name][0].test)
			kept = false
		}
	}
	for _, pkg := range r.broken {
		fmt.Fprintf(w, "package failed: %s\n", pkg)
		kept = false
	}
	return kept
}
