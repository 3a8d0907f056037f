package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// checkOutput says whether -o names a form of output.
func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return exitError{code: exitUsage, err: fmt.Errorf("output %q: want text or json", output)}
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
