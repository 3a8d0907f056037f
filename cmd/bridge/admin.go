package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// adminFlags say which running bridge is asked.
type adminFlags struct {
	url     string
	timeout time.Duration
}

func (f *adminFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "url", "", "the bridge's HTTP address (default: BRIDGE_URL, then http://localhost:8080)")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long the bridge may take to answer")
}

// at is the address of a path of its admin API.
func (f *adminFlags) at(path string) string {
	return strings.TrimSuffix(cmp.Or(f.url, os.Getenv("BRIDGE_URL"), "http://localhost:8080"), "/") + path
}

// askBridge asks a running bridge and reads its JSON; with a body, even an empty one,
// it asks for an action. What is no JSON is the error.
func askBridge(ctx context.Context, address string, body []byte, into any) (int, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, exitError{code: exitUsage, err: errors.New("--url or BRIDGE_URL is no address: want one like http://localhost:8080")}
	}
	if scheme := request.URL.Scheme; scheme != "http" && scheme != "https" || request.URL.Host == "" {
		return 0, exitError{code: exitUsage, err: fmt.Errorf("--url or BRIDGE_URL: %q: want http:// or https://, then host and port, as http://localhost:8080", request.URL.Redacted())}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, unasked(request.URL.Host, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err != nil {
		return 0, unasked(request.URL.Host, err)
	}
	if response.Header.Get("Content-Type") != "application/json" {
		if response.StatusCode == http.StatusNotFound {
			return response.StatusCode, nil
		}
		if response.StatusCode == http.StatusOK {
			return 0, fmt.Errorf("ask the bridge at %s: what answers there is no bridge (see --url and BRIDGE_URL)", request.URL.Host)
		}
		return 0, fmt.Errorf("%s: %s: %s", request.URL.Redacted(), response.Status, strings.TrimSpace(string(text)))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return 0, fmt.Errorf("%s: the answer is none of a bridge: %w", request.URL.Redacted(), err)
	}
	return response.StatusCode, nil
}

// unasked says why a bridge could not be asked, and what to do.
func unasked(host string, err error) error {
	const running = "is it running there? see --url and BRIDGE_URL"
	what, do := "", running
	name, _ := errors.AsType[*net.DNSError](err)
	invalid, expired := errors.AsType[x509.CertificateInvalidError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case name != nil && name.IsNotFound:
		what = "there is no host " + name.Name
	case name != nil:
		what, do = fmt.Sprintf("the name %s could not be looked up", name.Name), "see that this machine's DNS answers"
	case errors.Is(err, syscall.ECONNREFUSED):
		what = "the connection is refused"
	case expired && invalid.Reason == x509.Expired:
		what, do = "its certificate is not valid today", "renew it, or set this machine's clock"
	case certificate:
		what, do = "its certificate is not trusted here", "name the host as the certificate does, and its authority with SSL_CERT_FILE"
	case plain || errors.Is(err, http.ErrSchemeMismatch):
		what, do = "it does not speak TLS", "write http:// in --url or BRIDGE_URL"
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		what = "it hung up"
	case timeout != nil && timeout.Timeout():
		what = "it does not answer in time"
	default:
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the method and the address are said
		}
		return fmt.Errorf("ask the bridge at %s: %w (%s)", host, err, do)
	}
	return fmt.Errorf("ask the bridge at %s: %s (%s)", host, what, do)
}
