package mapper

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// native is the document as encoding/json would decode it with UseNumber.
func native(d *document, i int) any {
	switch t := d.tokens[i]; t.kind {
	case objectToken:
		m := map[string]any{}
		for key := i + 1; key < int(t.next); key = int(d.tokens[key+1].next) {
			m[d.text(key)] = native(d, key+1)
		}
		return m
	case arrayToken:
		l := []any{}
		for k := i + 1; k < int(t.next); k = int(d.tokens[k].next) {
			l = append(l, native(d, k))
		}
		return l
	case stringToken:
		return d.text(i)
	case numberToken:
		return json.Number(d.text(i))
	case trueToken:
		return true
	case falseToken:
		return false
	case nullToken:
	}
	return nil
}

// FuzzDocument holds the scanner to encoding/json, but for what is stricter on
// purpose: bytes that are no UTF-8, half surrogate pairs, depth.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{"a":{"b":[1,2.50,-0,1e21,"x\u00e9\ud83d\ude00\n"]},"a":null,"":true}`, ` [ ] `, `{}`, `"a"`, `12345678901234567890`,
		`{"a" : [ false , {"c":"d"} ] }`, `01`, `1.`, `-`, `"\ud800"`, `{"a":1,}`, `[1,]`, "\"\x01\"", `tru`, ``, `{"a":1}x`, "\"\xff\"", `"\u12g4"`, `"\x"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d document
		err := d.read(raw)

		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var want any
		wantErr := dec.Decode(&want)
		if wantErr == nil && !json.Valid(raw) {
			return // more than one value
		}
		if err == nil && wantErr != nil {
			t.Fatalf("read(%q) = nil, want an error: %v", raw, wantErr)
		}
		if err != nil {
			strict := !utf8.Valid(raw) || strings.Contains(err.Error(), "surrogate") || strings.Contains(err.Error(), "deeper")
			if wantErr == nil && !strict {
				t.Fatalf("read(%q) = %v, want none", raw, err)
			}
			return
		}
		if diff := cmp.Diff(want, native(&d, 0)); diff != "" {
			t.Fatalf("read(%q) (-encoding/json +document):\n%s", raw, diff)
		}
	})
}

func TestDocumentLookup(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	var d document
	if err := d.read([]byte(`{"a":{"x":{"y":1}},"tiers":["g",["s"],3],"\u0061b":2,"tiers":["last"]}`)); err != nil {
		t.Fatal(err)
	}
	if got := d.text(d.item(d.member(0, "tiers"), 0)); got != "last" {
		t.Errorf("the first item of the last member tiers is %q, want last", got)
	}
	if got := d.text(d.member(0, "ab")); got != "2" {
		t.Errorf("the member with an escaped name is %q, want 2", got)
	}
	for _, name := range []string{"x", "y", "", "b"} {
		if got := d.member(0, name); got != -1 {
			t.Errorf("member(%q) = token %d, want none: it is not of the outer object", name, got)
		}
	}
	if got := d.item(d.member(0, "tiers"), 1); got != -1 {
		t.Errorf("item 1 of one = token %d, want none", got)
	}
}
