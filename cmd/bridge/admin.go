package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
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
func askBridge(ctx context.Context, url string, body []byte, into any) (int, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, exitError{code: exitUsage, err: fmt.Errorf("--url: %w", err)}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask the bridge: %w (is it running there? see --url and BRIDGE_URL)", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err != nil {
		return 0, fmt.Errorf("read the bridge's answer: %w", err)
	}
	if response.Header.Get("Content-Type") != "application/json" {
		if response.StatusCode == http.StatusNotFound {
			return response.StatusCode, nil
		}
		return 0, fmt.Errorf("%s: %s: %s", url, response.Status, strings.TrimSpace(string(text)))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return 0, fmt.Errorf("%s: the answer is none of a bridge: %w", url, err)
	}
	return response.StatusCode, nil
}
