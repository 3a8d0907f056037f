// Package explain says of one event what every rule makes of it: why it was taken or
// not, what each expression came to, whom it reaches, what it says, when it may go,
// and the request that would be sent.
//
// Of returns a value for programs and for people. It prints nothing, sends nothing,
// reads no clock and knows no other event: what merges with what is the scheduler's.
package explain
