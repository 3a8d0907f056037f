package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// input is a file of events, or standard input where its name is "-".
type input struct {
	io.Reader
	name string // for people
	file *os.File
}

func openInput(name string, stdin io.Reader) (*input, error) {
	if name == "-" {
		return &input{Reader: unmarked(stdin), name: "standard input"}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, unreadFile(name, "events", err)
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, unreadFile(name, "events", syscall.EISDIR)
	}
	return &input{Reader: unmarked(file), name: name, file: file}, nil
}

// byteOrderMark is what some editors and spreadsheets begin a UTF-8 file with.
var byteOrderMark = []byte("\xef\xbb\xbf")

// unmarked leaves out a byte order mark at the beginning.
func unmarked(in io.Reader) io.Reader {
	r := bufio.NewReader(in)
	if mark, err := r.Peek(len(byteOrderMark)); err == nil && bytes.Equal(mark, byteOrderMark) {
		_, _ = r.Discard(len(mark)) // they are in its buffer
	}
	return r
}

// onOneLine adds to why a line is no event that an event may not go over several, where
// it seems to.
func onOneLine(line []byte, err error) error {
	var value json.RawMessage
	if errors.Is(json.NewDecoder(bytes.NewReader(line)).Decode(&value), io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w; an event stands on one line, as jq -c . writes it", err)
	}
	return err
}

// path is the file's, empty where it is standard input.
func (i *input) path() string {
	if i.file == nil {
		return ""
	}
	return i.name
}

// close closes what was opened. It was only read, so there is nothing to fail.
func (i *input) close() {
	if i.file != nil {
		_ = i.file.Close()
	}
}
