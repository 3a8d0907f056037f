package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pushbridge/internal/mapper"
)

// checked is one rule file's result.
type checked struct {
	File     string        `json:"file"`
	Version  string        `json:"version,omitempty"`
	Rules    int           `json:"rules"`
	Lanes    []string      `json:"lanes,omitempty"` // beside the default one
	Problems []problemJSON `json:"problems"`
	Warnings []problemJSON `json:"warnings,omitempty"`

	warned []*mapper.FileError
	err    error
}

type problemJSON struct {
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Field  string `json:"field,omitempty"`
	Msg    string `json:"msg"`
	Do     string `json:"do,omitempty"`
}

func newCheckCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check rule files: every problem, with its place and the mend",
		Long: `Check rule files as bridge run reads them. Each problem is a line that begins
with file:line:column. The exit code is 1 if there is any. What is legal and
will surprise is a warning, which leaves the exit code alone.`,
		Example: "  bridge check rules.yaml\n  bridge check -o json rules/*.yaml",
		Args:    atLeastOneFile,
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			good := true
			results := make([]checked, len(files))
			for i, file := range files {
				results[i] = checkFile(file)
				good = good && results[i].err == nil
			}
			if err := printChecked(cmd.OutOrStdout(), output, results); err != nil {
				return err
			}
			if !good {
				return exitError{code: exitFindings}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func atLeastOneFile(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return exitError{code: exitUsage, err: errors.New("name at least one file")}
	}
	return nil
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return exitError{code: exitUsage, err: fmt.Errorf("output %q: want text or json", output)}
	}
	return nil
}

func checkFile(file string) checked {
	rules, err := mapper.Load(file, mapper.Limits{})
	c := checked{File: file, Problems: []problemJSON{}, err: err}
	if err == nil {
		c.Version, c.Rules, c.warned = rules.Version(), len(rules.Rules()), rules.Warnings()
		for _, lane := range rules.Lanes()[1:] {
			c.Lanes = append(c.Lanes, lane.Name)
		}
		for _, w := range c.warned {
			c.Warnings = append(c.Warnings, problemOf(w))
		}
		return c
	}
	for _, e := range parts(err) {
		if f, ok := errors.AsType[*mapper.FileError](e); ok {
			c.Problems = append(c.Problems, problemOf(f))
			continue
		}
		c.Problems = append(c.Problems, problemJSON{Msg: e.Error()})
	}
	return c
}

func problemOf(f *mapper.FileError) problemJSON {
	return problemJSON{f.Line, f.Column, f.Rule, f.Field, f.Msg, f.Do}
}

// parts returns the errors that a joined one holds.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func printChecked(w io.Writer, output string, results []checked) error {
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(results)
	}
	for _, c := range results {
		if c.err == nil {
			for _, warning := range c.warned {
				printProblem(w, warning)
			}
			fmt.Fprintf(w, "%s: %s ok\n", c.File, strings.Join(c.counts(), ", "))
			continue
		}
		all := parts(c.err)
		for _, e := range all {
			printProblem(w, e)
		}
		fmt.Fprintf(w, "%s: %s\n", c.File, count(len(all), "problem"))
	}
	return nil
}

// printProblem writes a problem and, where it has one, its place in the file.
func printProblem(w io.Writer, e error) {
	fmt.Fprintln(w, e)
	if f, ok := errors.AsType[*mapper.FileError](e); ok && f.Caret() != "" {
		fmt.Fprintln(w, f.Caret())
	}
}

// counts says what is in a good file.
func (c *checked) counts() []string {
	all := []string{count(c.Rules, "rule")}
	if len(c.Lanes) > 0 {
		all = append(all, count(1+len(c.Lanes), "lane"))
	}
	if len(c.warned) > 0 {
		all = append(all, count(len(c.warned), "warning"))
	}
	return all
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
