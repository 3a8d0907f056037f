package pushapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"time"
)

// errCallerLeft is a call that its caller gave up, by cancelling its context,
// before a byte of it was written.
var errCallerLeft = errors.New("cancelled before it was sent")

// DialFunc connects to an address, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// newTransport returns the one transport of a Client.
func newTransport(caFile string, dial DialFunc, timeout time.Duration) (*http.Transport, error) {
	t := &http.Transport{
		// HTTP/1.1 only: there is one call at a time, and HTTP/2 brings repeats of
		// its own and a connection whose requests end each other.
		Protocols:       new(http.Protocols),
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns:    2,
		// Below what load balancers keep: a connection that the other side closes
		// just as a call goes out leaves the call in doubt.
		IdleConnTimeout:        30 * time.Second,
		DialContext:            dial,
		TLSHandshakeTimeout:    timeout, // of a connection that is still being made when its call is over
		MaxResponseHeaderBytes: maxAnswerBytes,
		DisableCompression:     true, // answers are a hundred bytes
	}
	t.Protocols.SetHTTP1(true)
	if dial == nil {
		t.DialContext = (&net.Dialer{Timeout: timeout}).DialContext
		t.Proxy = http.ProxyFromEnvironment
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read push ca file: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read push ca file %s: it holds no certificate in PEM", caFile)
		}
	}
	return t, nil
}

// exchange is one request and what came back.
type exchange struct {
	status int
	body   []byte // at most maxAnswerBytes
	err    error  // why there is no response; it may hold secrets
	sent   bool   // a byte of the request may have left
	ended  time.Time
}

// post makes one HTTP request. It goes past http.Client, which would follow
// redirects and put the URL into errors.
//
// The transport repeats a request by itself only where a kept connection turns
// out dead before a byte was written. It never repeats a POST of which some
// byte may have been read: that needs an idempotency header.
func post(ctx context.Context, rt http.RoundTripper, url string, body []byte) (x exchange) {
	if ctx.Err() != nil {
		return exchange{err: errCallerLeft, ended: time.Now()}
	}
	// Until the transport asks for a connection, and from when it has one, a byte
	// may leave. In between none can: a second question means that the first
	// connection took nothing.
	x.sent = true
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { x.sent = false },
		GotConn: func(got httptrace.GotConnInfo) {
			x.sent = true
			// Of a connection and a deadline that come at once, as after the process
			// was frozen, the transport takes either.
			if until, ok := ctx.Deadline(); ok {
				_ = got.Conn.SetWriteDeadline(until) // it fails where the connection is closed
			}
		},
	})
	defer func() { x.ended = time.Now() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return exchange{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		x.err = err
		return x
	}
	defer resp.Body.Close()
	x.status = resp.StatusCode
	x.body, x.err = io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes)) // what is cut off no longer parses
	return x
}
