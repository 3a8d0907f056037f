// Package console is what people, probes and Prometheus see of a running
// instance: health, metrics, profiles and a page over HTTP.
//
// It knows nothing of the bridge and imports none of our packages: who starts it
// hands in what to ask, and what people on the same machine may do. Handlers run on
// the server's goroutines; the functions they call must be safe for that.
package console
