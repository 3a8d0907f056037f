package console

import (
	"embed"
	"net/http"
)

// page is the web console: it asks the API of the server that it came from, and
// needs nothing from anywhere else.
//
//go:embed page
var page embed.FS

// pagePolicy lets the page load nothing but its own files and ask nobody but its own
// server, so that a text that an event brought can do nothing there.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func servePage(mux *http.ServeMux) {
	for path, file := range map[string]string{
		"GET /{$}": "index.html", "GET /console.css": "console.css", "GET /console.js": "console.js",
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", pagePolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-cache") // another release has another page
			http.ServeFileFS(w, r, page, "page/"+file)
		})
	}
}
