package mapper

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Severity says what a finding about a rule file means for it.
type Severity uint8

// The severities.
const (
	Problem Severity = iota + 1 // the file is refused
	Warning                     // the file is taken, and will surprise its author
	Note                        // the file is taken, and costs more than it seems to
)

// String returns the word that people and JSON read.
func (s Severity) String() string {
	switch s {
	case Problem:
		return "error"
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// FileError is one finding about a rule file. Parse returns all problems of a
// file at once, joined, in the order of their places.
type FileError struct {
	File         string
	Line, Column int    // both from 1; 0 where the whole file is meant
	Rule         string // the rule's name, where it is known
	Field        string // the path in the rule: "audience.tags_any[2]"
	Msg          string
	Do           string // what the author does now; may be empty
	Excerpt      string // the line of the file
	Severity     Severity
}

// Error returns file:line:column and the text, on one line.
func (e *FileError) Error() string {
	place := e.File
	if e.Line > 0 {
		place += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	if e.Severity == Warning || e.Severity == Note {
		place += ": " + e.Severity.String()
	}
	return place + ": " + e.Text()
}

// Text returns the rule, the field, what is wrong and the mend.
func (e *FileError) Text() string {
	var b strings.Builder
	if e.Rule != "" {
		fmt.Fprintf(&b, "rule %q: ", e.Rule)
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Msg)
	if e.Do != "" {
		b.WriteString("; " + e.Do)
	}
	return b.String()
}

// Caret returns the line of the file with a mark under the column, or "".
func (e *FileError) Caret() string {
	if e.Excerpt == "" {
		return ""
	}
	line, column := around([]rune(e.Excerpt), e.Column-1)
	// Tabs stay tabs, so that the mark stands under its column in any terminal.
	var pad strings.Builder
	for i, r := range line {
		switch {
		case i >= column:
			return string(line) + "\n" + pad.String() + "^"
		case r == '\t':
			pad.WriteByte('\t')
		default:
			pad.WriteByte(' ')
		}
	}
	return string(line) + "\n" + pad.String() + "^"
}

// maxExcerpt bounds what is shown of a line: one that holds a page hides the others.
const maxExcerpt = 240 // characters

// around cuts a line that is too long to what stands around the column, which moves.
func around(line []rune, column int) ([]rune, int) {
	if len(line) <= maxExcerpt {
		return line, column
	}
	from := max(0, min(column-maxExcerpt/2, len(line)-maxExcerpt))
	to := from + maxExcerpt
	cut := line[from:to:to]
	if to < len(line) {
		cut = append(cut, '…')
	}
	if from > 0 {
		cut, column = append([]rune{'…'}, cut...), column-from+1
	}
	return cut, column
}

// RuleError says why a rule could not be applied to an event, which is then
// dead-lettered.
type RuleError struct {
	Rule  string // empty: no rule was asked, since the data breaks the event's schema
	Field string // the path in the rule: "when", "audience.tags_any[2]"
	Value string // what the field rendered to, cut after 120 bytes; may be empty
	Err   error
}

// Error names rule, field, value and cause.
func (e *RuleError) Error() string {
	if e.Rule == "" {
		return e.Err.Error() // of the event itself
	}
	at := fmt.Sprintf("rule %q: %s: ", e.Rule, e.Field)
	if e.Value == "" {
		return at + e.Err.Error()
	}
	return at + fmt.Sprintf("%q: ", e.Value) + e.Err.Error()
}

// Unwrap returns the cause.
func (e *RuleError) Unwrap() error { return e.Err }

// errEmpty is the cause where a text must not be empty.
var errEmpty = errors.New("it renders empty")

// valueError is a cause that knows the value it complains about.
type valueError struct {
	value string
	why   string
	err   error // the cause for errors.As, or nil
}

func (e *valueError) Error() string { return e.why }
func (e *valueError) Unwrap() error { return e.err }

// maxValueBytes bounds a value in an error: it ends in headers and log lines.
const maxValueBytes = 120

func shorten(s string) string {
	if len(s) <= maxValueBytes {
		return s
	}
	cut := maxValueBytes
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
