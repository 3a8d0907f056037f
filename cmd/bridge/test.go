package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pushbridge/internal/mapper"
	"pushbridge/internal/ruletest"
)

// testFlags is what the user of `bridge test` chooses.
type testFlags struct {
	update      bool
	verbose     bool
	output      string
	format      string
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
when no test has seen true, or false.`,
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
	flags.StringVarP(&f.output, "output", "o", "text", "text or json")
	flags.StringVar(&f.format, "format", "", "github: failures as annotations of a pull request")
	return cmd
}

func (f *testFlags) check() error {
	if err := checkOutput(f.output); err != nil {
		return err
	}
	var err error
	switch {
	case f.format != "" && f.format != "github":
		err = fmt.Errorf("format %q: want github", f.format)
	case f.format != "" && f.output != "text":
		err = errors.New("of --format and --output only one can be said")
	case f.coverageMin < 0 || f.coverageMin > 100:
		err = fmt.Errorf("coverage-min %v: want 0 to 100", f.coverageMin)
	}
	if err != nil {
		return exitError{code: exitUsage, err: err}
	}
	return nil
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
	var all []tested
	for _, file := range files {
		t := testFile(file, f)
		good = good && t.good()
		all = append(all, t)
	}
	if err := f.print(cmd.OutOrStdout(), all); err != nil {
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

// tested is what the tests of one file came to.
type tested struct {
	ruletest.Result

	Updated  bool          `json:"updated,omitempty"`
	Problems []problemJSON `json:"problems,omitempty"` // why no test could be run

	err error // the same
}

func (t *tested) good() bool { return t.err == nil && !t.Failed() }

func testFile(file string, f *testFlags) tested {
	t := tested{Result: ruletest.Result{File: file, Tests: []ruletest.Tested{}}}
	if t.err = t.run(f); t.err == nil {
		return t
	}
	for _, e := range parts(t.err) {
		if p, ok := errors.AsType[*mapper.FileError](e); ok {
			t.Problems = append(t.Problems, problemOf(p))
			continue
		}
		t.Problems = append(t.Problems, problemJSON{Msg: e.Error()})
	}
	return t
}

func (t *tested) run(f *testFlags) error {
	data, err := os.ReadFile(t.File)
	if err != nil {
		return fmt.Errorf("read tests: %w", err)
	}
	tests, err := ruletest.Parse(t.File, data, f.update)
	if err != nil {
		return err
	}
	rules, err := mapper.Load(tests.Rules, mapper.Limits{})
	if err != nil {
		return err
	}
	if t.Result, err = tests.Run(rules); err != nil || !f.update || !t.Failed() {
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
	if t.Result, err = tests.Run(rules); err != nil {
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
