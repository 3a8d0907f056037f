package mapper

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Document is a YAML file that stands beside a rule file and is read as strictly:
// in UTF-8, no key unknown or repeated, no anchors, and each problem with its
// place. Whoever reads it notes what else is wrong, and asks for all of it at the
// end.
type Document struct {
	l    *loader
	root *node
}

// ReadDocument reads the text. The name stands in problems, ifEmpty says what the
// author of an empty file is to write.
func ReadDocument(name string, data []byte, ifEmpty string) *Document {
	l := &loader{file: name, lines: strings.Split(string(data), "\n"), ifEmpty: ifEmpty}
	d := &Document{l: l, root: l.tree(data)}
	if d.root == nil {
		d.root = &node{kind: nullNode, unread: true}
	}
	return d
}

// Root returns the file's one value.
func (d *Document) Root() Node { return Node{d: d, n: d.root} }

// Err returns all problems that were noted: errors.Join of *FileError, in the
// order of their places, or nil.
func (d *Document) Err() error { return d.l.err() }

// Node is a value of a Document. The zero Node stands for one that is not there.
type Node struct {
	d     *Document
	n     *node
	field string
}

// IsZero says whether there is no such value.
func (n Node) IsZero() bool { return n.n == nil }

// Place returns line and column, from 1.
func (n Node) Place() (line, column int) { return n.n.line, n.n.column }

// Refuse notes a problem of the value, and what its author does now.
func (n Node) Refuse(msg, do string) { n.d.l.refuse(n.n, n.field, msg, do) }

// Map says whether n is a map; that it is none, and keys beside these, are noted.
func (n Node) Map(known ...string) bool {
	return n.d.l.fields(n.n, n.field, keys{known: known}) != nil
}

// IsMap says whether n is a map.
func (n Node) IsMap() bool { return n.n.kind == mapNode }

// IsList says whether n is a list.
func (n Node) IsList() bool { return n.n.kind == listNode }

// Get returns the value of a key, the zero Node where there is none.
func (n Node) Get(key string) Node {
	v := n.n.get(key)
	if v == nil {
		return Node{}
	}
	return Node{n.d, v, join(n.field, key)}
}

// Members yields the keys of a map, in the file's order, and their values.
func (n Node) Members() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		for _, p := range n.n.pairs {
			if !yield(p.key.text, Node{n.d, p.value, join(n.field, p.key.text)}) {
				return
			}
		}
	}
}

// List returns the items of a list; if n is none, or empty, that is noted.
func (n Node) List() []Node {
	switch {
	case n.n.kind != listNode:
		n.Refuse(fmt.Sprintf("want a list, got %s", n.n), "")
		return nil
	case len(n.n.items) == 0:
		n.Refuse("the list is empty", "write at least one entry, or leave it out")
		return nil
	}
	return n.Items()
}

// Items returns the items of a list, nil where n is none.
func (n Node) Items() []Node {
	items := make([]Node, len(n.n.items))
	for i, item := range n.n.items {
		items[i] = Node{n.d, item, index(n.field, i)}
	}
	return items
}

// Text returns a string's characters; if n is none, that is noted.
func (n Node) Text() (string, bool) { return n.d.l.text(n.n, n.field) }

// Word returns a string that is one of a few words; if it is none of them, that is
// noted.
func (n Node) Word(what string, words ...string) (string, bool) {
	s, ok := n.Text()
	if ok && !slices.Contains(words, s) {
		n.d.l.noWord(n.n, n.field, what, words)
		return "", false
	}
	return s, ok
}

// Duration returns a duration, which has a unit; if n is none, that is noted.
func (n Node) Duration() (time.Duration, bool) { return n.d.l.duration(n.n, n.field) }

// Count returns a whole number from 0 on; if n is none, that is noted.
func (n Node) Count() (int, bool) {
	if n.n.kind == integerNode {
		if v, err := strconv.Atoi(n.n.text); err == nil && v >= 0 {
			return v, true
		}
	}
	n.Refuse(fmt.Sprintf("want a whole number, got %s", n.n), "")
	return 0, false
}

// Value returns the value as encoding/json gives it: nil, bool, json.Number,
// string, []any or map[string]any.
func (n Node) Value() any { return n.n.value() }

func (n *node) value() any {
	switch n.kind {
	case boolNode:
		return n.text == "true"
	case integerNode:
		return json.Number(n.text)
	case floatNode:
		if json.Valid([]byte(n.text)) {
			return json.Number(n.text)
		}
		if f, err := strconv.ParseFloat(n.text, 64); err == nil { // .5, +1.5
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		}
		return n.text
	case textNode:
		return n.text
	case listNode:
		all := make([]any, len(n.items))
		for i, item := range n.items {
			all[i] = item.value()
		}
		return all
	case mapNode:
		all := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			all[p.key.text] = p.value.value()
		}
		return all
	case nullNode:
	}
	return nil
}
