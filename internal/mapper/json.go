package mapper

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A document is an event's data: its bytes and one token a JSON value, in one
// pass and without a copy. Rules name a few fields of many, so decoding all of
// them into maps costs several times the whole mapping; skipping over a subtree
// is one step here. Numbers stay as they were written.
type document struct {
	raw    []byte
	tokens []token
}

type token struct {
	kind       tokenKind
	escaped    bool  // a string with a backslash in it
	start, end int32 // the bytes; a string's are those between the quotes
	next       int32 // the token after this value and all it holds
}

type tokenKind uint8

const (
	objectToken tokenKind = iota + 1 // its members follow: key, value, key, value …
	arrayToken
	stringToken
	numberToken
	trueToken
	falseToken
	nullToken
)

func (k tokenKind) String() string {
	switch k {
	case objectToken:
		return "an object"
	case arrayToken:
		return "a list"
	case stringToken:
		return "a string"
	case numberToken:
		return "a number"
	case trueToken, falseToken:
		return "a boolean"
	case nullToken:
		return "null"
	}
	return "no value"
}

// maxDepth bounds recursion on data that somebody else wrote.
const maxDepth = 200

// read replaces the document by the JSON in raw, which must not change while it
// is used. It refuses what RFC 8259 refuses.
func (d *document) read(raw []byte) error {
	d.raw, d.tokens = raw, d.tokens[:0]
	if !utf8.Valid(raw) {
		return errors.New("data is not UTF-8")
	}
	s := scanner{document: d}
	s.space()
	if !s.value(0) {
		return fmt.Errorf("data is not JSON: byte %d: %s", s.at, s.why)
	}
	if s.space(); s.at < len(raw) {
		return fmt.Errorf("data is not JSON: byte %d: more follows the value", s.at)
	}
	return nil
}

// member returns the token of an object's member, the last of that name as
// most readers have it, or -1.
func (d *document) member(object int, name string) int {
	found := -1
	end := int(d.tokens[object].next)
	for key := object + 1; key < end; key = int(d.tokens[key+1].next) {
		if d.is(key, name) {
			found = key + 1
		}
	}
	return found
}

// item returns the token of a list's item, or -1.
func (d *document) item(list, index int) int {
	end := int(d.tokens[list].next)
	for i := list + 1; i < end; i = int(d.tokens[i].next) {
		if index == 0 {
			return i
		}
		index--
	}
	return -1
}

// length returns the number of a list's items.
func (d *document) length(list int) int64 {
	n := int64(0)
	for i := list + 1; i < int(d.tokens[list].next); i = int(d.tokens[i].next) {
		n++
	}
	return n
}

// is says whether a string has these characters.
func (d *document) is(i int, text string) bool {
	t := &d.tokens[i]
	return !t.escaped && string(d.raw[t.start:t.end]) == text || t.escaped && d.text(i) == text
}

// text returns a string's or a number's characters.
func (d *document) text(i int) string {
	if t := d.tokens[i]; !t.escaped {
		return string(d.raw[t.start:t.end])
	}
	return string(d.appendText(nil, i))
}

// appendText appends a scalar as text: a string's characters, a number as it
// was written, true, false or null.
func (d *document) appendText(dst []byte, i int) []byte {
	t := d.tokens[i]
	raw := d.raw[t.start:t.end]
	if !t.escaped {
		return append(dst, raw...)
	}
	for len(raw) > 0 {
		if raw[0] != '\\' {
			dst, raw = append(dst, raw[0]), raw[1:]
			continue
		}
		switch raw[1] {
		case 'u':
			r, rest := unquoteRune(raw)
			dst, raw = utf8.AppendRune(dst, r), rest
			continue
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, raw[1])
		}
		raw = raw[2:]
	}
	return dst
}

// unquoteRune reads one \uXXXX or a pair of them; the scanner has checked both.
func unquoteRune(raw []byte) (rune, []byte) {
	r := hex4(raw[2:6])
	if utf16.IsSurrogate(r) {
		return utf16.DecodeRune(r, hex4(raw[8:12])), raw[12:]
	}
	return r, raw[6:]
}

func hex4(b []byte) rune {
	n, err := strconv.ParseUint(string(b), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
