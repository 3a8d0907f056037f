package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"pushbridge/internal/consume"
)

// jsonReader reads JSON values that stand one after another, each on one line or
// on several. What is no JSON ends where a line begins the next object.
type jsonReader struct {
	name string
	in   *bufio.Reader
	rest []byte // read and not yet returned
	line int    // that rest begins on, from 1
	gone int    // characters of that line that are dropped
	ends bool
}

// brokenError is text of the stream that is no JSON.
type brokenError struct {
	line, column int // in characters
	err          error
}

func (b *brokenError) Error() string {
	return fmt.Sprintf("no JSON at %d:%d: %v; one structured CloudEvent a line is expected", b.line, b.column, b.err)
}

func newJSONReader(name string, in io.Reader) *jsonReader {
	return &jsonReader{name: name, in: bufio.NewReader(in), line: 1}
}

// next returns a value and the line that it begins on; io.EOF after the last. After
// a *brokenError it goes on.
func (r *jsonReader) next() (json.RawMessage, int, error) {
	for {
		r.drop(len(r.rest) - len(bytes.TrimLeft(r.rest, " \t\r\n")))
		if len(r.rest) == 0 {
			if r.ends {
				return nil, r.line, io.EOF
			}
			if err := r.more(); err != nil {
				return nil, r.line, err
			}
			continue
		}
		var value json.RawMessage
		dec := json.NewDecoder(bytes.NewReader(r.rest))
		err := dec.Decode(&value)
		line := r.line
		switch {
		case err == nil:
			r.drop(int(dec.InputOffset()))
			return value, line, nil
		case errors.Is(err, io.ErrUnexpectedEOF) && !r.ends:
			if err := r.more(); err != nil {
				return nil, line, err
			}
			continue
		}
		broken := r.broken(err)
		if err := r.skip(); err != nil {
			return nil, line, err
		}
		return nil, line, broken
	}
}

// broken says where the rest stops being JSON.
func (r *jsonReader) broken(err error) *brokenError {
	before := r.rest
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before = r.rest[:min(max(int(syntax.Offset)-1, 0), len(r.rest))]
		err = errors.New(consume.WhyNoJSON(r.rest, len(before)))
	} else {
		before = bytes.TrimRight(before, "\r\n")
		err = errors.New(consume.WhyNoJSON(before, len(before)))
	}
	if i := bytes.Index(before, []byte("\n{")); i >= 0 {
		before, err = before[:i], errors.New("the object does not end") // the next one begins
	}
	lines, characters := endOf(before)
	if lines == 0 {
		characters += r.gone
	}
	return &brokenError{line: r.line + lines, column: characters + 1, err: err}
}

// skip drops the rest up to a line that begins an object.
func (r *jsonReader) skip() error {
	for {
		if i := bytes.Index(r.rest, []byte("\n{")); i >= 0 {
			r.drop(i + 1)
			return nil
		}
		if r.ends {
			r.drop(len(r.rest))
			return nil
		}
		r.drop(max(len(r.rest)-1, 0)) // of a line its end is kept, to see the next begin
		if err := r.more(); err != nil {
			return err
		}
	}
}

// endOf says how many lines the text ends, and how many characters of the next it has.
func endOf(text []byte) (lines, characters int) {
	return bytes.Count(text, []byte("\n")), utf8.RuneCount(text[bytes.LastIndexByte(text, '\n')+1:])
}

func (r *jsonReader) drop(n int) {
	lines, characters := endOf(r.rest[:n])
	if r.line += lines; lines > 0 {
		r.gone = 0
	}
	r.gone += characters
	r.rest = r.rest[n:]
}

// more reads a line.
func (r *jsonReader) more() error {
	line, err := r.in.ReadBytes('\n')
	r.rest = append(r.rest, line...)
	if errors.Is(err, io.EOF) {
		r.ends, err = true, nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	return nil
}
