package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Action is something that people may do. It is given the request's body, and
// returns the status and what to answer, as JSON.
type Action func(ctx context.Context, body []byte) (status int, answer any)

// maxAction is how large the body of an action may be.
const maxAction = 64 << 10

// act answers an action. There is no authentication yet, so it is only for who is on
// this machine: a peer on a loopback address that speaks for nobody else, and no
// page in a browser, which may be anybody's.
func (s *Server) act(do Action) http.Handler {
	return new(http.CrossOriginProtection).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := local(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAction))
		if err != nil {
			status := http.StatusBadRequest
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, fmt.Sprintf("read the request: %v", err), status)
			return
		}
		status, answer := do(r.Context(), body)
		s.answer(w, status, answer)
	}))
}

// local says why a request is not taken for one of this machine.
func local(r *http.Request) error {
	const do = "do it from the machine or the pod itself"
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(h) != "" {
			return fmt.Errorf("a proxy passes this on (%s); actions are for this machine alone: %s", h, do)
		}
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !net.ParseIP(peer).IsLoopback() {
		return fmt.Errorf("actions are for this machine alone, and %s is not on it: %s", peer, do)
	}
	// A name of the attacker's own that leads here is no name of this machine.
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if !strings.EqualFold(host, "localhost") && !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("actions are for this machine alone, by localhost or a loopback address, not by the name %q", host)
	}
	return nil
}
