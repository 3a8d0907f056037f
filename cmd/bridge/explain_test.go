package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
)

// FuzzJSONReader: what is JSON comes out whole, nothing comes forever, and a broken
// object hides no object that begins a line behind it.
func FuzzJSONReader(f *testing.F) {
	for _, seed := range []string{"", "{}", "{\n}\n{}", "{\"a\":\n{}\n{}", "x\ny\n", "\xef\xbb\xbf{} {}", "[1,\n{", "{}}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// Behind two lines of their own nothing in front is incomplete any more.
		const last = `{"the":"last"}`
		r := newJSONReader("fuzz", bytes.NewReader(append(text, "\n]\n"+last+"\n"...)))
		var end string
		for n := 0; ; n++ {
			value, line, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if n > len(text)+4 || line < 1 {
				t.Fatalf("%d values, line %d, of %q", n, line, text)
			}
			broken, ok := errors.AsType[*brokenError](err)
			switch {
			case ok && (broken.line < line || broken.column < 0):
				t.Fatalf("broken at %d:%d, begins on %d: %q", broken.line, broken.column, line, text)
			case !ok && (err != nil || !json.Valid(value)):
				t.Fatalf("%q: %v", value, err)
			}
			end = string(value)
		}
		if end != last {
			t.Fatalf("the last is %q: %q", end, text)
		}
	})
}
