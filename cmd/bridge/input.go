package main

import (
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
		return &input{Reader: stdin, name: "standard input"}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, unreadFile(name, "events", err)
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, unreadFile(name, "events", syscall.EISDIR)
	}
	return &input{Reader: file, name: name, file: file}, nil
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
