package main

import (
	"flag"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"pushbridge/internal/browsertest"
)

var picture = flag.String("picture", "", "write a picture of the console, in the midst of the demo, to this file")

// Promise: explained. The console of a real run says what the demo's summary says.
func TestConsoleShowsTheDemo(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()

	p := startBridge(t, nil, "demo", "--keep")
	url := p.find(`^Console: (http://\S+/)$`)[1]
	if *picture != "" {
		p.find(`push \(deadline\)`)
		browsertest.Picture(t, url, *picture, time.Second)
	}
	p.find(`^Kept running\. Console: ` + regexp.QuoteMeta(url) + ` `)
	document, _ := browsertest.Document(t, url, time.Second)
	for name, want := range map[string]string{
		"state": `class="state">owner<`, "calls": `class="used">11<`, "quota": `>of 100<`, "rules": `>region-alert<`, "audience": `>tags_any[bronze gold silver]<`,
		"pushed": `pushed<b>94<`, "superseded": `superseded<b>11<`, "dead letters": `dead-lettered<b>2<`, "checks": `<li>push<`,
	} {
		if !strings.Contains(document, want) {
			t.Errorf("%s: %q is not in\n%s", name, want, document)
		}
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
