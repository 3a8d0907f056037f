// Package demo holds the rules and events that `bridge demo` plays.
//
// It is data and nothing else. The events' times are a script: the distance of
// each from the first says when it is emitted.
package demo

import _ "embed"

// Rules is the rule file.
//
//go:embed rules.yaml
var Rules []byte

// Events is one structured CloudEvent a line, in the order in which they are
// emitted.
//
//go:embed events.jsonl
var Events []byte

// NoEvent is the value of a record that is no CloudEvent.
//
//go:embed no-event.txt
var NoEvent []byte
