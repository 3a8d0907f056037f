package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestActionsAreForThisMachineAlone(t *testing.T) {
	t.Attr("guards", "nobody from elsewhere, and no page in a browser, may act without authentication")
	t.Parallel()
	const loopback, elsewhere = "127.0.0.1:5000", "192.0.2.7:5000"

	for name, tt := range map[string]struct {
		method  string // empty: POST
		peer    string // empty: loopback
		host    string // empty: localhost:8080
		header  [2]string
		body    string
		status  int
		explain string // part of the answer
	}{
		"from this machine":         {body: "it", status: http.StatusTeapot, explain: `"done": "it"`},
		"by IPv6":                   {peer: "[::1]:5000", host: "[::1]:8080", status: http.StatusTeapot},
		"by its address":            {host: "127.0.0.1", status: http.StatusTeapot},
		"from another":              {peer: elsewhere, status: http.StatusForbidden, explain: "192.0.2.7 is not on it"},
		"through a proxy here":      {header: [2]string{"X-Forwarded-For", "192.0.2.7"}, status: http.StatusForbidden, explain: "a proxy passes this on"},
		"by a name that leads here": {host: "evil.example:8080", status: http.StatusForbidden, explain: `not by the name "evil.example"`},
		"from a page":               {header: [2]string{"Sec-Fetch-Site", "cross-site"}, status: http.StatusForbidden},
		"from a page elsewhere":     {header: [2]string{"Origin", "https://evil.example"}, status: http.StatusForbidden},
		"a peer that is none":       {peer: "@", status: http.StatusForbidden},
		"read":                      {method: http.MethodGet, status: http.StatusMethodNotAllowed},
		"too much":                  {body: strings.Repeat("x", maxAction+1), status: http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := Listen(newConfig())
			if err != nil {
				t.Fatal(err)
			}
			defer server.lis.Close()
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			request := httptest.NewRequestWithContext(t.Context(), or(tt.method, http.MethodPost), "/-/do", strings.NewReader(tt.body))
			request.RemoteAddr, request.Host = or(tt.peer, loopback), or(tt.host, "localhost:8080")
			if tt.header[0] != "" {
				request.Header.Set(tt.header[0], tt.header[1])
			}
			answer := httptest.NewRecorder()
			server.Handler().ServeHTTP(answer, request)
			if body := answer.Body.String(); answer.Code != tt.status || !strings.Contains(body, tt.explain) {
				t.Errorf("%d %q, want %d %q", answer.Code, body, tt.status, tt.explain)
			}
		})
	}
}
