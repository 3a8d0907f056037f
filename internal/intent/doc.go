// Package intent is one ask: what one event wants under one rule. Who is to be
// reached, with which message, how hard to try, and where it came from.
//
// It is pure: standard library only, no clock, no goroutine, no I/O. Its values
// are made by constructors that refuse what the API would refuse, and do not
// change afterwards. It does not know how rules are written, nor how the API is
// called; the JSON of its elements is the API's own.
package intent
