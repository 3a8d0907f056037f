// Package pushapi makes one call of the push API and says what came of it:
// request, signature, HTTP, error classes, breaker and back-off.
//
// It never decides whom to push to or when: it does not wait, does not repeat
// a call and keeps no budget. One Push is at most one HTTP request, and its
// Outcome says what the caller may do next and from which instant on.
//
//	Request ─► Encode ─► breaker ─► sign ─► POST ─► parse ─► class ─► Outcome
//	                        ▲                                  │
//	                        └──── retry and doubt count ───────┘
//
// The code table of push-api.md stands in codes.go and nowhere else; the rest
// of the program looks at the Class only.
//
// The URL of a call carries its signature, so no error, log line or metric of
// this package shows a URL's query, and what the API or the transport says is
// searched for key and signature before it is passed on.
//
// A Client is safe for concurrent use. It is meant for one caller at a time:
// whoever calls keeps the interval between two calls.
package pushapi
