// Package infer drafts JSON Schemas of event types from events that were seen.
//
// A draft says no more than the events do: every event that it was made of keeps
// to it, and the same events give the same bytes in whatever order they come. It
// guesses in two things alone, which a person should look at: that a few words
// which come again and again are all there are, and that what every event has is
// required. It keeps no event; what it remembers is bounded.
//
// cmd owns it. It reads data as mapper does, so what a draft counts is what
// rules will see.
package infer
