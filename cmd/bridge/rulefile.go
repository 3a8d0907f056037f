package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"pushbridge/internal/mapper"
)

// rulesError is a rule file that cannot be used. Its text is what bridge check says
// of the file, so that nobody has to run that to see the places.
type rulesError struct {
	file  string
	cause error // a *mapper.FileError, or several that are joined
}

func (e *rulesError) Error() string {
	var b strings.Builder
	all := parts(e.cause)
	for _, p := range all {
		printProblem(&b, p)
	}
	return b.String() + fmt.Sprintf("%s: %s", e.file, count(len(all), "problem"))
}

func (e *rulesError) Unwrap() error { return e.cause }

// loadRules reads the rule file of a command. An error is a *rulesError.
func loadRules(file string, limits mapper.Limits) (*mapper.Rules, error) {
	rules, err := mapper.Load(file, limits)
	if err == nil {
		return rules, nil
	}
	if unread, ok := errors.AsType[*fs.PathError](err); ok {
		err = unreadFile(file, "rules", unread)
	}
	return nil, &rulesError{file, err}
}
