package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/mapper"
	"pushbridge/internal/ruletest"
)

// checkFlags are what is asked of bridge check.
type checkFlags struct {
	reportFlags

	strict bool
}

func newCheckCmd() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check rule files: every problem, with its place and the mend",
		Long: `Check rule files as bridge run reads them, and harder. A path that ends in /...
is every rule file below it. Each finding is a line that begins with
file:line:column, and the line of the file with a mark under it.

  error    the file is refused. The exit code is 1 if there is any.
  warning  the file is taken, and does not do what its author must have meant: a
           rule that is never asked, a message that nobody shares, a name that
           nobody uses. With --strict the exit code is 1 for these too.
  note     the file is taken, and costs more calls than it seems to.

docs/check.md lists what is looked for.`,
		Example: "  bridge check rules.yaml\n" +
			"  bridge check --strict --format github rules/...\n" +
			"  bridge check -o json rules/*.yaml",
		Args: atLeastOneFile,
		RunE: func(cmd *cobra.Command, paths []string) error { return f.run(cmd, paths) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.strict, "strict", false, "exit with 1 for warnings too")
	f.add(cmd, "findings")
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, paths []string) error {
	if err := f.check(); err != nil {
		return err
	}
	files, err := walk(paths, isRuleFile)
	if err != nil {
		return err
	}
	now := time.Now()
	results := make([]checked, len(files))
	bad := false
	for i, file := range files {
		results[i] = checkFile(file, now)
		bad = bad || results[i].bad(f.strict)
	}
	if err := f.print(cmd.OutOrStdout(), results); err != nil {
		return err
	}
	if bad {
		return exitError{code: exitFindings}
	}
	return nil
}

// isRuleFile says whether a file that a walk came to is one of rules: YAML with a
// top-level key of theirs. One that cannot be read is told when it is.
func isRuleFile(path string) bool {
	name := strings.TrimSuffix(path, filepath.Ext(path))
	if !isYAML(path) || strings.HasSuffix(name, ruletest.Suffix) {
		return false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return true
	}
	for line := range bytes.Lines(bytes.TrimPrefix(data, byteOrderMark)) {
		if bytes.HasPrefix(line, []byte("rules:")) {
			return true
		}
	}
	return false
}

func atLeastOneFile(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return exitError{code: exitUsage, err: errors.New("name at least one file")}
	}
	return nil
}

// oneArg wants one argument, and says which where it is not there.
func oneArg(otherwise string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return exitError{code: exitUsage, err: errors.New(otherwise)}
		}
		return nil
	}
}

// checked is one rule file's result.
type checked struct {
	File     string        `json:"file"`
	Version  string        `json:"version,omitempty"`
	Rules    int           `json:"rules"`
	Lanes    []string      `json:"lanes,omitempty"` // beside the default one
	Problems []problemJSON `json:"problems"`
	Warnings []problemJSON `json:"warnings,omitempty"`
	Notes    []problemJSON `json:"notes,omitempty"`

	findings []*mapper.FileError // all of them, in the order of their places
	err      error               // the file could not be checked at all
}

type problemJSON struct {
	File   string `json:"file,omitempty"` // where it is another one: a schema
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Field  string `json:"field,omitempty"`
	Msg    string `json:"msg"`
	Do     string `json:"do,omitempty"`
}

func checkFile(file string, now time.Time) checked {
	c := checked{File: file, Problems: []problemJSON{}}
	data, err := os.ReadFile(file)
	if err != nil {
		c.findings = []*mapper.FileError{unreadFile(file, "rules", err)}
		c.Problems = append(c.Problems, problemOf(c.findings[0]))
		return c
	}
	rules, findings, err := mapper.Check(file, data, mapper.Limits{}, now)
	if err != nil {
		c.err = err
		c.Problems = append(c.Problems, problemJSON{Msg: err.Error()})
		return c
	}
	if c.findings = findings; rules != nil {
		c.Version, c.Rules = rules.Version(), len(rules.Rules())
		for _, lane := range rules.Lanes()[1:] {
			c.Lanes = append(c.Lanes, lane.Name)
		}
	}
	for _, f := range findings {
		p := problemOf(f)
		if f.File != file {
			p.File = f.File
		}
		switch f.Severity {
		case mapper.Warning:
			c.Warnings = append(c.Warnings, p)
		case mapper.Note:
			c.Notes = append(c.Notes, p)
		case mapper.Problem:
			c.Problems = append(c.Problems, p)
		}
	}
	return c
}

// unreadFile says of a file that it cannot be read, in the form of all findings.
func unreadFile(file, what string, err error) *mapper.FileError {
	do := "see that it is a file which this user may read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		do = "mend the path, or make it"
	case errors.Is(err, syscall.EISDIR):
		do = "name a file in it"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // the path is the finding's place
	}
	return &mapper.FileError{File: file, Msg: fmt.Sprintf("read %s: %v", what, err), Do: do, Severity: mapper.Problem}
}

// bad says whether the file fails the check.
func (c *checked) bad(strict bool) bool {
	return len(c.Problems) > 0 || strict && len(c.Warnings) > 0
}

func problemOf(f *mapper.FileError) problemJSON {
	return problemJSON{Line: f.Line, Column: f.Column, Rule: f.Rule, Field: f.Field, Msg: f.Msg, Do: f.Do}
}

// parts returns the errors that a joined one holds.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
