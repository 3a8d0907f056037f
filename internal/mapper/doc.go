// Package mapper turns an event into intents by the rules of one file.
//
// It never asks a clock, a network or another event: Rules is an immutable
// value, Map a pure function of its arguments, safe for concurrent use. It
// does not merge, pace or send, and it never falls back to everyone: a rule
// that cannot say exactly whom it means fails, and its event is dead-lettered.
//
//	file ──Parse──► tree with positions ──compile──► Rules
//	                                                   │
//	event ── match ──► filters ──► when ──► audience, message, policy ──► Mapping
//
// Expressions, in `when` and in `${…}`, are CEL over two variables:
//
//   - event: the CloudEvent's attributes and extensions as strings, in the form
//     that CloudEvents gives them as text, so that an event means the same
//     whether it came structured or binary;
//   - data: the JSON in the event's data; an empty object where there is none;
//     a string (bytes, if it is no UTF-8) where its content type is not JSON.
//     A number is an int where it is written without fraction and exponent, else
//     a double: CEL compares them freely, and computes after double(…).
//
// A rule whose `when` fails (an absent field, a wrong type) counts as matched
// and failed, since nobody knows whether it would have matched; has(data.x)
// and data.?x.orValue(…) ask without failing. After a rule that matched, failed
// or not, later rules are asked only if it says `continue: true`.
//
// bridge holds the Rules in force and swaps the whole value on a reload.
package mapper
