package browsertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A suite that could not tell a page that works from one that does not would prove
// nothing.
func TestDocumentIsWhatScriptsMadeOfIt(t *testing.T) {
	t.Attr("guards", "the tests of pages")
	t.Parallel()

	serve := func(policy string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			_, _ = io.WriteString(w, `<!doctype html><title>t</title><p id="p">before<script>setTimeout(() => { document.getElementById("p").textContent = "after" }, 3000)</script>`)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}

	url := serve("")
	if got, complaints := Document(t, url, time.Second); !strings.Contains(got, ">before<") || len(complaints) > 0 {
		t.Errorf("after a second: %s\n%q", got, complaints)
	}
	if got, complaints := Document(t, url, 5*time.Second); !strings.Contains(got, ">after<") || len(complaints) > 0 {
		t.Errorf("after five: %s\n%q", got, complaints)
	}
	if got, complaints := Document(t, serve("default-src 'none'"), 5*time.Second); !strings.Contains(got, ">before<") || len(complaints) != 1 || !strings.Contains(complaints[0], "Content Security Policy") {
		t.Errorf("where no script may run: %s\n%q", got, complaints)
	}
}
