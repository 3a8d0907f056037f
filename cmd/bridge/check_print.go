package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"pushbridge/internal/mapper"
)

func (f *checkFlags) print(w io.Writer, results []checked) error {
	if f.output == "json" {
		return printJSON(w, results)
	}
	for i := range results {
		if c := &results[i]; f.format == "github" {
			c.annotate(w)
		} else {
			c.print(w, f.strict)
		}
	}
	return nil
}

// print writes the findings for people, and what there is in one line, which ends
// in ok where the exit code says so too.
func (c *checked) print(w io.Writer, strict bool) {
	if c.err != nil {
		printProblem(w, c.err)
	}
	for _, finding := range c.findings {
		printProblem(w, finding)
	}
	if n := len(c.Problems); n > 0 {
		fmt.Fprintf(w, "%s: %s\n", c.File, strings.Join(append([]string{count(n, "problem")}, c.counts()...), ", "))
		return
	}
	all := []string{count(c.Rules, "rule")}
	if len(c.Lanes) > 0 {
		all = append(all, count(1+len(c.Lanes), "lane"))
	}
	ok := " ok"
	if c.bad(strict) {
		ok = ""
	}
	fmt.Fprintf(w, "%s: %s%s\n", c.File, strings.Join(append(all, c.counts()...), ", "), ok)
}

// counts says how much there is beside problems.
func (c *checked) counts() []string {
	var all []string
	if n := len(c.Warnings); n > 0 {
		all = append(all, count(n, "warning"))
	}
	if n := len(c.Notes); n > 0 {
		all = append(all, count(n, "note"))
	}
	return all
}

// annotate writes the findings as GitHub shows them.
func (c *checked) annotate(w io.Writer) {
	if c.err != nil {
		annotation{level: "error", file: c.File, text: c.err.Error()}.write(w)
	}
	for _, f := range c.findings {
		level := map[mapper.Severity]string{mapper.Problem: "error", mapper.Warning: "warning", mapper.Note: "notice"}[f.Severity]
		annotation{level: level, file: f.File, line: f.Line, column: f.Column, text: f.Text()}.write(w)
	}
}

// printProblem writes a problem and, where it has one, its place in the file.
func printProblem(w io.Writer, e error) {
	fmt.Fprintln(w, e)
	if f, ok := errors.AsType[*mapper.FileError](e); ok && f.Caret() != "" {
		fmt.Fprintln(w, f.Caret())
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
