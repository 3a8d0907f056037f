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

// exitOf is how an error ends the command.
func exitOf(err error) exitError {
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit
	}
	return exitError{code: exitFindings, err: err}
}

// report prints the error for the user and returns the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	exit := exitOf(err)
	if exit.err == nil {
		return exit.code
	}
	who := "bridge: "
	if _, ok := exit.err.(*rulesError); ok { //nolint:errorlint // a wrapped one is a part of a sentence
		who = "" // each line names its file, as bridge check prints it
	}
	fmt.Fprintf(stderr, "%s%v\n", who, exit.err)
	return exit.code
}
