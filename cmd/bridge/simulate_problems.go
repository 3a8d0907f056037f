package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"pushbridge/internal/simulate"
)

// recorded is where a simulation's events come from.
type recorded struct {
	arrivals iter.Seq2[simulate.Arrival, error]
	lines    bool                    // they are lines, of a file or of standard input; otherwise records of topics
	name     string                  // of all of them, for people
	file     string                  // that holds them; empty: none does
	place    func(line int64) string // of an arrival, for people
	close    func()
}

// none says that there were no events: a report of nothing would look like a quiet day.
func (s *recorded) none() error {
	do := "see --topic, --from and --to"
	if s.lines {
		do = "name a file with one structured CloudEvent a line"
	}
	return fmt.Errorf("%s: there are no events, so nothing was simulated; %s", s.name, do)
}

// columnError is why a line is no event, where it is known at which of its characters.
type columnError struct {
	column int
	error
}

func (e *columnError) Unwrap() error { return e.error }

// inLine adds to the error where the line stops being JSON, if that is what is wrong.
func inLine(line []byte, err error) error {
	var value json.RawMessage
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(line, &value))
	if !ok {
		return err
	}
	before := line[:min(max(int(syntax.Offset)-1, 0), len(line))]
	return &columnError{utf8.RuneCount(before) + 1, onOneLine(line, err)}
}

// eventProblemJSON is an event that was dead-lettered, for programs.
type eventProblemJSON struct {
	Place  string `json:"place"`
	File   string `json:"file,omitempty"` // absent: standard input, or topics
	Line   int64  `json:"line,omitempty"` // not of topics
	Column int    `json:"column,omitempty"`
	Msg    string `json:"msg"`
}

// problems are the first events that were dead-lettered.
func (s *recorded) problems(r *simulate.Report) []eventProblemJSON {
	var all []eventProblemJSON
	for _, p := range r.Problems {
		x := eventProblemJSON{Place: s.place(p.Line), File: s.file, Msg: p.Err.Error()}
		if s.lines {
			x.Line = p.Line
		}
		if at, ok := errors.AsType[*columnError](p.Err); ok {
			x.Column = at.column
			x.Place += fmt.Sprint(":", at.column)
		}
		all = append(all, x)
	}
	return all
}

// reportProblems names what was dead-lettered.
func (s *recorded) reportProblems(stderr io.Writer, r *simulate.Report) error {
	if len(r.Problems) == 0 {
		return nil
	}
	for _, p := range s.problems(r) {
		fmt.Fprintln(stderr, visible(p.Place+": "+p.Msg))
	}
	if more := r.Ends.DeadLettered - len(r.Problems); more > 0 {
		fmt.Fprintf(stderr, "and %d more\n", more)
	}
	return exitError{code: exitFindings}
}
