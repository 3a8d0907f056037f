package mapper

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const documentText = `# A comment.
list: # and one here
  - {a: 1, b: 1.50, c: "x", d: null} # and here
  - [true, .5, 0x10]
text: |
  two
  lines
wait: 90s
many: 3
`

func TestDocument(t *testing.T) {
	t.Attr("guards", "files beside the rules are read as strictly, with their places")
	t.Parallel()
	for name, text := range map[string]string{"lines of Unix": documentText, "lines of Windows": strings.ReplaceAll(documentText, "\n", "\r\n")} {
		d := ReadDocument("d.yaml", []byte(text), "write something")
		root := d.Root()
		if !root.Map("list", "text", "wait", "many") {
			t.Fatalf("%s: no map", name)
		}
		got := fmt.Sprint(root.Value())
		const want = "map[list:[map[a:1 b:1.50 c:x d:<nil>] [true 0.5 16]] many:3 text:two\nlines\n wait:90s]"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		items := root.Get("list").List()
		if line, column := items[1].Place(); len(items) != 2 || line != 4 || column != 5 {
			t.Errorf("%s: item 2 of %d at %d:%d, want 4:5", name, len(items), line, column)
		}
		wait, ok := root.Get("wait").Duration()
		many, ok2 := root.Get("many").Count()
		if !ok || !ok2 || wait.Seconds() != 90 || many != 3 || d.Err() != nil {
			t.Errorf("%s: %v, %d, %v", name, wait, many, d.Err())
		}
		if !root.Get("nothing").IsZero() || root.Get("text").IsList() || !items[0].IsMap() {
			t.Errorf("%s: kinds are mixed up", name)
		}
		// What is wrong is noted with its place, and not before it is asked for.
		root.Map("list", "text", "wait")
		items[0].Get("a").Text()
		root.Get("text").Count()
		root.Get("text").Duration()
		root.Get("many").List()
		items[0].Get("c").Refuse("it is bad", "make it good")
		var all []string
		for _, e := range d.Err().(interface{ Unwrap() []error }).Unwrap() {
			p, _ := errors.AsType[*FileError](e)
			all = append(all, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Field))
		}
		want2 := []string{"3:9 list[0].a", "3:24 list[0].c", "5:7 text", "5:7 text", "9:1 many", "9:7 many"}
		if diff := cmp.Diff(want2, all); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for text, want := range map[string]string{"": "the file is empty; write something", "a: 1\na: 2": `key "a" is there twice`, "\xff": "not UTF-8", "a: [": ""} {
		if err := ReadDocument("d.yaml", []byte(text), "write something").Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
