package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pushbridge/internal/mapper"
)

// checkOutput says whether -o names a form of output.
func checkOutput(output string) error {
	if err := checkWord("output", output, []string{"text", "json"}); err != nil {
		return exitError{code: exitUsage, err: err}
	}
	return nil
}

// reportFlags are the forms of a report that may stand beside a pull request.
type reportFlags struct{ output, format string }

func (f *reportFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	cmd.Flags().StringVar(&f.format, "format", "", "github: "+what+" as annotations of a pull request; json: as -o json")
	apart(cmd, "format", "output", "only one can be said")
}

// check makes of both what the output is.
func (f *reportFlags) check() error {
	if f.format == "" {
		return checkOutput(f.output)
	}
	if err := checkWord("format", f.format, []string{"github", "json"}); err != nil {
		return exitError{code: exitUsage, err: err}
	}
	if f.format == "json" {
		f.output = "json"
	}
	return nil
}

// checkWritable says what keeps the file of a flag from being written, as far as it can
// be known before.
func checkWritable(flag, file string) error {
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("--%s %q: is a directory; name a file in it", flag, file)
	}
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return fmt.Errorf("--%s %q: there is no directory %s; make it, or mend the path", flag, file, filepath.Dir(file))
	}
	return nil
}

// printJSON is the form for programs.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// flush ends a table of a text that is made in memory, or of one whose writes are not
// looked at either: whoever prints to a closed pipe is not told.
func flush(t *tabwriter.Writer) { _ = t.Flush() }

// noticed is an output that knows whether anything was written to it.
type noticed struct {
	to      io.Writer
	written bool
}

func (n *noticed) Write(p []byte) (int, error) {
	n.written = n.written || len(p) > 0
	return n.to.Write(p)
}

// wantsJSON says whether the command was asked for the form for programs.
func wantsJSON(cmd *cobra.Command) bool {
	for name, value := range map[string]string{"output": "json", "format": "json", "json": "true"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Value.String() == value {
			return true
		}
	}
	return false
}

// failJSON writes, in the place of a report that cannot be made, why: on one line,
// since a report may be a line an event. What is wrong with the command line itself is
// for who typed it.
func failJSON(w io.Writer, err error) {
	exit := exitOf(err)
	if exit.err == nil || exit.code != exitFindings {
		return
	}
	failure := struct {
		Problems []problemJSON `json:"problems"`
	}{problemsOf(exit.err)}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(failure) // whoever closed the output is told on the other one
}

// problemsOf are the parts of an error, with their places where they have any.
func problemsOf(err error) []problemJSON {
	var all []problemJSON
	if rules, ok := errors.AsType[*rulesError](err); ok {
		err = rules.cause
	}
	for _, e := range parts(err) {
		p := problemJSON{Msg: e.Error()}
		if f, ok := errors.AsType[*mapper.FileError](e); ok {
			p = problemOf(f)
			p.File = f.File
		}
		all = append(all, p)
	}
	return all
}
