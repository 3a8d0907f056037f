package main

import (
	"errors"
	"fmt"
	"io"
)

// Exit codes.
const (
	exitFindings = 1 // the work was done and found something wrong, or it could not be done
	exitUsage    = 2 // the command line or the environment is wrong
)

// exitError is an error with the exit code it asks for; a command that has
// already told the user everything leaves err nil.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// report prints the error for the user and returns the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[exitError](err)
	if !ok {
		exit = exitError{code: exitFindings, err: err}
	}
	if exit.err != nil {
		fmt.Fprintf(stderr, "bridge: %v\n", exit.err)
	}
	return exit.code
}
