package main

import (
	"encoding/json"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
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
