package mapper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
)

// FuzzParse: any text is refused with places, or gives rules that map events
// without a panic.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	e := event.New()
	e.SetType("x")
	e.SetID("1")
	e.SetSource("/a")
	e.DataEncoded = []byte(`{"title":"t","tiers":["a"],"x":1,"city":"Oslo"}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse("f.yaml", data, Limits{})
		if err != nil {
			lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r")
			for _, p := range problems(t, err) {
				if p.Line > lines+1 || p.Msg == "" || strings.ContainsAny(p.Error(), "\x00") && !strings.Contains(string(data), "\x00") {
					t.Fatalf("problem %q at line %d of %d", p, p.Line, lines)
				}
				_ = p.Caret()
			}
			return
		}
		if again, findings := mustCheck(t, "f.yaml", data); again == nil {
			t.Fatalf("Parse takes it, Check does not:\n%s", printed(findings))
		}
		for _, lane := range r.Lanes() {
			if lane.Terms.Interval = time.Second; lane.Terms.Calls == 0 {
				continue // the environment's, which may be too few
			}
			if err := lane.Terms.Check(); err != nil {
				t.Fatalf("lane %q: %v", lane.Name, err)
			}
		}
		m := r.Map(&e, intent.Origin{Received: received})
		for _, in := range m.Intents {
			if in.Message.IsZero() || len(in.Audiences) == 0 || in.Policy.Mode == 0 || in.Policy.OnDoubt == 0 || in.Policy.Priority == 0 || in.Policy.Expires.IsZero() {
				t.Fatalf("an intent in parts: %+v", in)
			}
		}
	})
}

// FuzzTemplate: literal text comes back as it was, and rendering never panics.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"plain", "${data.x}", "a ${data.a.b[0]} b", "$${x}", "$", "${", "${}", "${'}'}", `${"\"}"}`, "${{'a': 1}.a}", "${r'\\'}", `${'''}'''}`,
		"${event.type}", "${data.l}", "${data.?z.orValue(1)}", "${data.l.map(x, x + 'a').join()}", "$$${data.x}", "${data.x}${data.x}",
	} {
		f.Add(s)
	}
	l, err := newLanguage()
	if err != nil {
		f.Fatal(err)
	}
	e := event.New()
	e.SetType("x")
	e.DataEncoded = []byte(`{"x":"v","a":{"b":[1.50]},"l":["a","b"]}`)
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := l.template(source)
		if err != nil {
			if !strings.Contains(source, "${") {
				t.Fatalf("template(%q) = %v, and it has no expression", source, err)
			}
			return
		}
		var s scope
		s.reset(&e, intent.Origin{Received: received})
		got, err := tmpl.render(&s)
		if !strings.Contains(source, "${") && (err != nil || got != source) {
			t.Fatalf("template(%q) renders %q, %v", source, got, err)
		}
		if err == nil && utf8.ValidString(source) && !utf8.ValidString(got) {
			t.Fatalf("template(%q) renders %q, which is not UTF-8", source, got)
		}
	})
}
