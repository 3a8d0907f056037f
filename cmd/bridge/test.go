package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pushbridge/internal/mapper"
	"pushbridge/internal/ruletest"
)

// testFlags is what the user of `bridge test` chooses.
type testFlags struct {
	reportFlags

	update      bool
	verbose     bool
	coverage    bool
	coverageMin float64
}

func newTestCmd() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run the tests that stand beside rules: events and times in, calls and dispositions out",
		Long: `Run files of tests, by custom rules_test.yaml beside rules.yaml, through the same
mapper and the same scheduler that bridge run uses, in virtual time. Nothing is
sent. A path that ends in /... is every *_test.yaml below it.

What a test expects and does not get is told with what there is instead and why,
and the exit code is 1. --update writes what there is into the file, in the place
of what was expected, and leaves everything else as it is: read the difference.
A test without expect: gets one.

--coverage says which rules no test made take an event, and which parts of their
when, and of their filters, no test has seen true, or false.`,
		Example: "  bridge test rules_test.yaml\n" +
			"  bridge test --coverage-min 100 --format github rules/...\n" +
			"  bridge test --update rules_test.yaml && git diff",
		Args: atLeastOneFile,
		RunE: func(cmd *cobra.Command, paths []string) error { return f.run(cmd, paths) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.update, "update", false, "write what happens into the files, in the place of what they expect")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "name the tests that pass too")
	flags.BoolVar(&f.coverage, "coverage", false, "say what of the rules no test has seen")
	flags.Float64Var(&f.coverageMin, "coverage-min", 0, "fail where less than so many percent of a rule file were seen (implies --coverage)")
	f.add(cmd, "failures")
	return cmd
}

func (f *testFlags) check() error {
	if f.coverageMin < 0 || f.coverageMin > 100 {
		return exitError{code: exitUsage, err: fmt.Errorf("coverage-min %v: want 0 to 100", f.coverageMin)}
	}
	return f.reportFlags.check()
}

func (f *testFlags) run(cmd *cobra.Command, paths []string) error {
	if err := f.check(); err != nil {
		return err
	}
	files, err := walk(paths, isTestFile)
	if err != nil {
		return err
	}
	good := true
	all := testReport{Files: []tested{}, books: map[string]*rulebook{}}
	for _, file := range files {
		t := all.test(file, f)
		good = good && t.good()
		all.Files = append(all.Files, t)
	}
	if f.coverage || f.coverageMin > 0 {
		all.cover()
		for _, c := range all.Coverage {
			good = good && c.Percent >= f.coverageMin
		}
	}
	if err := f.print(cmd.OutOrStdout(), &all); err != nil {
		return err
	}
	if !good {
		return exitError{code: exitFindings}
	}
	return nil
}

func isTestFile(path string) bool {
	return isYAML(path) && strings.HasSuffix(strings.TrimSuffix(path, filepath.Ext(path)), ruletest.Suffix)
}

// testReport is what all files came to.
type testReport struct {
	Files    []tested  `json:"files"`
	Coverage []covered `json:"coverage,omitempty"` // by rule file

	books map[string]*rulebook
}

// rulebook is a rule file, which several files may test.
type rulebook struct {
	rules *mapper.Rules
	seen  *mapper.Coverage
}

func (r *testReport) book(path string) (*rulebook, error) {
	path = filepath.Clean(path)
	if b := r.books[path]; b != nil {
		return b, nil
	}
	rules, err := mapper.Load(path, mapper.Limits{})
	if err != nil {
		return nil, err
	}
	seen, err := rules.NewCoverage()
	if err != nil {
		return nil, err
	}
	r.books[path] = &rulebook{rules, seen}
	return r.books[path], nil
}

// covered is what the tests have seen of one rule file.
type covered struct {
	Rules   string      `json:"rules"`
	Seen    int         `json:"seen"`
	Of      int         `json:"of"` // rules, and operands of when and filters with each of their values
	Percent float64     `json:"percent"`
	Missing []uncovered `json:"missing"`
}

type uncovered struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Msg    string `json:"msg"`
}

func (r *testReport) cover() {
	for _, path := range slices.Sorted(maps.Keys(r.books)) {
		of, missing := r.books[path].seen.Report()
		c := covered{Rules: path, Seen: of - len(missing), Of: of, Missing: []uncovered{}}
		c.Percent = 100 * float64(c.Seen) / float64(of)
		for i := range missing {
			c.Missing = append(c.Missing, uncovered{missing[i].Line, missing[i].Column, missing[i].String()})
		}
		r.Coverage = append(r.Coverage, c)
	}
}

// tested is what the tests of one file came to.
type tested struct {
	ruletest.Result

	Updated  bool          `json:"updated,omitempty"`
	Problems []problemJSON `json:"problems,omitempty"` // why no test could be run

	err error // the same
}

func (t *tested) good() bool { return t.err == nil && !t.Failed() }

func (r *testReport) test(file string, f *testFlags) tested {
	t := tested{Result: ruletest.Result{File: file, Tests: []ruletest.Tested{}}}
	if t.err = t.run(r, f); t.err == nil {
		return t
	}
	for _, e := range parts(t.err) {
		if p, ok := errors.AsType[*mapper.FileError](e); ok {
			problem := problemOf(p)
			if p.File != file { // the rules that it tests
				problem.File = p.File
			}
			t.Problems = append(t.Problems, problem)
			continue
		}
		t.Problems = append(t.Problems, problemJSON{Msg: e.Error()})
	}
	return t
}

func (t *tested) run(all *testReport, f *testFlags) error {
	data, err := os.ReadFile(t.File)
	if err != nil {
		return unreadFile(t.File, "tests", err)
	}
	tests, err := ruletest.Parse(t.File, data, f.update)
	if err != nil {
		return err
	}
	book, err := all.book(tests.Rules)
	if unread, ok := errors.AsType[*fs.PathError](err); ok && unread.Path == filepath.Clean(tests.Rules) {
		e := unreadFile(t.File, "rules "+tests.Rules, err)
		e.Do = "say in this file which rules it tests, rules: PATH; without that they stand beside it, by its name without " + ruletest.Suffix
		return e
	}
	if err != nil {
		return err
	}
	if t.Result, err = tests.Run(book.rules, book.seen); err != nil || !f.update || !t.Failed() {
		return err
	}
	changed := tests.Update(&t.Result)
	if changed == nil {
		return nil
	}
	// What was written is judged like what anybody else writes.
	if tests, err = ruletest.Parse(t.File, changed, false); err != nil {
		return fmt.Errorf("update %s, which is left as it was: %w", t.File, err)
	}
	if t.Result, err = tests.Run(book.rules, book.seen); err != nil {
		return err
	}
	t.Updated = true
	return replaceFile(t.File, changed)
}

// replaceFile writes a file's new text, and keeps its mode.
func replaceFile(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("update tests: %w", err)
	}
	if err := os.WriteFile(path, data, info.Mode().Perm()); err != nil {
		return fmt.Errorf("update tests: %w", err)
	}
	return nil
}
