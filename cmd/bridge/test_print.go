package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"pushbridge/internal/mapper"
	"pushbridge/internal/ruletest"
)

func (f *testFlags) print(w io.Writer, all *testReport) error {
	switch {
	case f.output == "json":
		return printJSON(w, all)
	case f.format == "github":
		for i := range all.Files {
			all.Files[i].annotate(w)
		}
		for _, c := range all.Coverage {
			for _, m := range c.Missing {
				annotation{level: "warning", file: c.Rules, line: m.Line, column: m.Column, title: "not tested", text: m.Msg}.write(w)
			}
			if c.Percent < f.coverageMin { // or only warnings would stand beside exit code 1
				text := fmt.Sprintf("coverage %.1f %%, wanted %v %% (%d of %d seen)", c.Percent, f.coverageMin, c.Seen, c.Of)
				annotation{level: "error", file: c.Rules, title: "not tested enough", text: text}.write(w)
			}
		}
		return nil
	}
	var b strings.Builder
	for i := range all.Files {
		all.Files[i].write(&b, f.verbose)
	}
	for _, c := range all.Coverage {
		for _, m := range c.Missing {
			fmt.Fprintf(&b, "%s:%d:%d: %s\n", c.Rules, m.Line, m.Column, m.Msg)
		}
		verdict := "ok  "
		if c.Percent < f.coverageMin {
			verdict = "FAIL"
		}
		fmt.Fprintf(&b, "%s  %s: %.1f %% seen, %d of %d\n", verdict, c.Rules, c.Percent, c.Seen, c.Of)
	}
	_, err := io.WriteString(w, visible(b.String()))
	return err
}

// write writes one file's tests for people.
func (t *tested) write(b *strings.Builder, verbose bool) {
	if t.err != nil {
		all := parts(t.err)
		for _, e := range all {
			printProblem(b, e)
		}
		fmt.Fprintf(b, "FAIL  %s: %s, no test was run\n", t.File, count(len(all), "problem"))
		return
	}
	failed := 0
	for _, one := range t.Tests {
		if len(one.Failures) > 0 {
			failed++
			fmt.Fprintf(b, "--- FAIL  %s\n", one.Name)
			for i := range one.Failures {
				printFailure(b, t.File, &one.Failures[i])
			}
		} else if verbose {
			fmt.Fprintf(b, "--- ok    %s\n", one.Name)
		}
	}
	verdict, of := "ok  ", count(len(t.Tests), "test")
	if failed > 0 {
		verdict, of = "FAIL", fmt.Sprintf("%d of %s", failed, of)
	}
	updated := ""
	if t.Updated {
		updated = ", updated"
		if failed > 0 {
			updated += "; what is left cannot be written from what happened: change it by hand"
		}
	}
	fmt.Fprintf(b, "%s  %s: %s%s\n", verdict, t.File, of, updated)
}

func printFailure(b *strings.Builder, file string, f *ruletest.Failure) {
	fmt.Fprintf(b, "%s:%d:%d: %s\n", file, f.Line, f.Column, subject(f))
	b.WriteString(difference(f, "    "))
}

func subject(f *ruletest.Failure) string {
	if f.Key == "" {
		return f.Of
	}
	return f.Of + ": " + f.Key
}

// difference is what was wanted, what there is, and why.
func difference(f *ruletest.Failure, indent string) string {
	var b strings.Builder
	line := func(word, text, none string) {
		if text == "" {
			text = none
		}
		fmt.Fprintf(&b, "%s%s  %s\n", indent, word, strings.ReplaceAll(text, "\n", "\n"+indent+"      "))
	}
	line("want", f.Want, "(nothing)")
	line("got ", f.Got, "(nothing)")
	for _, why := range f.Why {
		fmt.Fprintf(&b, "%swhy   %s\n", indent, why)
	}
	return b.String()
}

// annotate writes failures and problems as GitHub shows them.
func (t *tested) annotate(w io.Writer) {
	if t.err != nil {
		for _, e := range parts(t.err) {
			a := annotation{level: "error", file: t.File, text: e.Error()}
			if p, ok := errors.AsType[*mapper.FileError](e); ok {
				a.file, a.line, a.column, a.text = p.File, p.Line, p.Column, p.Text()
			}
			a.write(w)
		}
		return
	}
	for _, one := range t.Tests {
		for i := range one.Failures {
			f := &one.Failures[i]
			annotation{
				level: "error", file: t.File, line: f.Line, column: f.Column,
				title: one.Name, text: subject(f) + "\n" + strings.TrimSpace(difference(f, "")),
			}.write(w)
		}
	}
}
