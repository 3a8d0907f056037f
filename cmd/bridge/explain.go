package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"pushbridge/internal/explain"
	"pushbridge/internal/mapper"
)

// explained is one event of the input.
type explained struct {
	Number int    `json:"number"`         // from 1
	File   string `json:"file,omitempty"` // empty: standard input
	Line   int    `json:"line"`           // where it begins or, of what is no JSON, where it breaks
	Column int    `json:"column,omitempty"`
	explain.Explanation

	place string // file:line
}

func newExplainCmd() *cobra.Command {
	var rulesFile, output, received string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "explain --rules FILE EVENTS",
		Short: "Show for each event which rule takes it, to whom, saying what, how urgently, or why not",
		Long: "EVENTS is a file of CloudEvents in structured JSON, one after another; - reads standard input.\n" +
			"Where a condition is false, or fails, every part of it is shown with its value and\n" +
			"its place; -v shows that of all expressions, -o json too. Nothing is sent. The\n" +
			"MsgRandom of the request is drawn when it is. The exit code is 1 if an event would\n" +
			"be dead-lettered, or there is none.",
		Example: "  bridge explain --rules rules.yaml events.jsonl\n" +
			"  kcat -b localhost:9092 -C -t member.promo -e -q | bridge explain --rules rules.yaml -o json -",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exitError{code: exitUsage, err: errors.New("name one file of events, or -")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			at := time.Now()
			if received != "" {
				var err error
				if at, err = time.Parse(time.RFC3339, received); err != nil {
					return exitError{code: exitUsage, err: fmt.Errorf("received %q: want a time like 2026-03-01T09:00:00+08:00", received)}
				}
			}
			rules, err := loadRules(rulesFile, mapper.Limits{})
			if err != nil {
				return err
			}
			in, err := openInput(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			defer in.close()
			x := explainer{file: in.path(), rules: rules, received: at, asJSON: output == "json", verbose: verbose}
			return x.all(in.name, in, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&rulesFile, "rules", "", "rule file")
	cmd.Flags().StringVar(&received, "received", "", "when the events reached Kafka, RFC 3339 (default now)")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show what every expression came to, not only those that kept the event away")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json, one object an event")
	need(cmd, "rules", "name the rule file, as --rules rules.yaml")
	return cmd
}

// explainer knows what is asked about every event.
type explainer struct {
	file     string // of the events; empty: standard input
	rules    *mapper.Rules
	received time.Time
	asJSON   bool
	verbose  bool
}

// all goes through the stream of events. One that is no CloudEvent, or no JSON, is
// a finding; so is a stream without any.
func (e explainer) all(name string, in io.Reader, out, stderr io.Writer) error {
	reader, enc := newJSONReader(name, in), json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	bad := false
	for n := 1; ; n++ {
		raw, line, err := reader.next()
		if errors.Is(err, io.EOF) {
			if n == 1 {
				fmt.Fprintf(stderr, "%s: no events\n", name)
				bad = true
			}
			break
		}
		x := explained{Number: n, File: e.file, Line: line, place: fmt.Sprintf("%s:%d", name, line)}
		if broken, ok := errors.AsType[*brokenError](err); ok {
			x.Line, x.Column = broken.line, broken.column
			x.Explanation = explain.Explanation{Error: broken.Error(), Received: e.received, Version: e.rules.Version(), Rules: []explain.Rule{}}
		} else if err != nil {
			return err
		} else if x.Explanation, err = explain.Of(e.rules, raw, e.received); err != nil {
			return fmt.Errorf("%s: %w", x.place, err)
		}
		bad = bad || x.DeadLetter()
		if e.asJSON {
			err = enc.Encode(x)
		} else {
			err = x.write(out, e.verbose)
		}
		if err != nil {
			return err
		}
	}
	if bad {
		return exitError{code: exitFindings}
	}
	return nil
}
