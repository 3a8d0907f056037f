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
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	want := map[string]string{"state": `class="state">owner<`, "rule": `>region-alert<`, "audience": `>tags_any[bronze gold silver]<`, "check": `<li>push<`}
	budget := regexp.MustCompile(`budget: (\d+) of (\d+) calls`).FindStringSubmatch(p.out.String())
	_, ends, _ := strings.Cut(p.out.String(), "how the events ended: ")
	ends, _, _ = strings.Cut(ends, "\n")
	if budget == nil || strings.Count(ends, ",") < 4 {
		t.Fatalf("summary: %s", p.out.String())
	}
	want["used"], want["quota"] = `class="used">`+budget[1]+`<`, `>of `+budget[2]+`<`
	for end := range strings.SplitSeq(ends, ", ") {
		kind, n, _ := strings.Cut(end, " ")
		want[kind] = kind + "<b>" + n + "<"
	}
	for name, part := range want {
		if !strings.Contains(document, part) {
			t.Errorf("%s: %q is not in\n%s", name, part, document)
		}
	}
}
