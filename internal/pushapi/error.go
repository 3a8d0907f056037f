package pushapi

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a call that did not end in success.
type Error struct {
	Class  Class
	Code   int    // the API's ErrorCode; 0 where no answer was read
	Info   string // the API's ErrorInfo, at most 200 bytes of one line, no secrets
	Status int    // the HTTP status where it is not 200; 0 otherwise
	Do     string // what a person does now; empty where the bridge does it itself
	Err    error  // what else went wrong: transport, breaker, encoding; no secrets
}

// Error says what the API or the transport answered, and what to do.
func (e *Error) Error() string {
	s := "push"
	if e.Status != 0 {
		s += fmt.Sprintf(": http status %d", e.Status)
	}
	if e.Code != 0 {
		s += fmt.Sprintf(": code %d", e.Code)
	}
	if e.Info != "" {
		s += ": " + e.Info
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Do != "" {
		s += " (" + e.Do + ")"
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Limits of what others wrote, in bytes: the API's texts are shorter, those of a
// certificate or a broken server can be anything.
const (
	maxInfoBytes   = 200
	maxCauseBytes  = 500
	maxTaskIDBytes = 128 // twice the longest that the API's page shows
)

// oneLine returns at most most bytes of s, whole characters, without control
// characters: the text goes to logs, results and terminals.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
