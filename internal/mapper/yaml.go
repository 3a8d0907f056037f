package mapper

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	yamltoken "github.com/goccy/go-yaml/token"
)

// node is a value of the rule file with its place. The tree knows nothing of
// rules; it is YAML without what a rule file has no use for.
type node struct {
	kind         nodeKind
	text         string // a scalar's
	items        []*node
	pairs        []pair
	line, column int
	unread       bool // there is more, which we refuse to read
}

type pair struct {
	key   *node
	value *node
}

type nodeKind uint8

const (
	nullNode nodeKind = iota + 1
	boolNode
	integerNode
	floatNode
	textNode
	listNode
	mapNode
)

func (k nodeKind) String() string {
	switch k {
	case nullNode:
		return "nothing"
	case boolNode:
		return "a boolean"
	case integerNode:
		return "a whole number"
	case floatNode:
		return "a number"
	case textNode:
		return "a string"
	case listNode:
		return "a list"
	case mapNode:
		return "a map"
	}
	return "an unknown value"
}

// String says what the node is, for messages.
func (n *node) String() string {
	if n.kind == listNode && len(n.items) == 0 || n.kind == mapNode && len(n.pairs) == 0 {
		return "an empty" + strings.TrimPrefix(n.kind.String(), "a")
	}
	return n.kind.String()
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.value
		}
	}
	return nil
}

// byteOrderMark is what some editors begin a file with.
const byteOrderMark = "\xef\xbb\xbf"

// tree reads the YAML. Problems are noted in l; nil means that there is nothing
// to go on with.
func (l *loader) tree(data []byte) *node {
	if !utf8.Valid(data) {
		l.refuse(nil, "", "the file is not UTF-8", "save it as UTF-8")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark)) // the parser takes it for text
	// To YAML it is all one; the parser counts a line twice that ends in a comment.
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	tokens := lexer.Tokenize(string(data))
	for _, t := range tokens {
		if t.Type == yamltoken.DirectiveType {
			l.refuse(placeOf(t), "", "a line that begins with % is a directive of YAML, which is not read", "take the line out")
			return nil
		}
	}
	if !bytes.HasSuffix(data, []byte("\n")) && bytes.Contains(data[bytes.LastIndexByte(data, '\n')+1:], []byte("!")) {
		tokens = lexer.Tokenize(string(data) + "\n") // the scanner leaves out a tag at the very end
	}
	if mended, found := l.bare(data, tokens); found {
		data, tokens = mended, lexer.Tokenize(string(mended))
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntax(data, tokens, err)
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		l.refuse(nil, "", "the file is empty", l.ifEmpty)
		return nil
	}
	root := l.node(file.Docs[0].Body)
	for _, more := range file.Docs[1:] {
		if more.Body != nil {
			l.refuse(at(more.Body), "", "a second document", "keep all rules in one")
		}
	}
	return root
}

func at(n ast.Node) *node {
	p := n.GetToken().Position
	return &node{line: p.Line, column: p.Column}
}

// node turns the parser's tree into ours. Anchors, aliases, merge keys and tags
// are refused: a rule is to be read where it stands.
func (l *loader) node(n ast.Node) *node {
	out := at(n)
	out.text = n.GetToken().Value
	switch n := n.(type) {
	case *ast.NullNode:
		out.kind = nullNode
	case *ast.BoolNode:
		out.kind = boolNode
	case *ast.IntegerNode:
		out.kind, out.text = integerNode, fmt.Sprint(n.Value)
	case *ast.FloatNode:
		out.kind = floatNode
	case *ast.StringNode:
		out.kind, out.text = textNode, n.Value
	case *ast.LiteralNode:
		out.kind, out.text = textNode, n.Value.Value
	case *ast.SequenceNode:
		out.kind = listNode
		for _, item := range n.Values {
			out.items = append(out.items, l.node(item))
		}
	case *ast.MappingNode:
		out.kind = mapNode
		if len(n.Values) > 0 && n.GetToken().Type != yamltoken.MappingStartType {
			// A block mapping's own token is its first colon.
			*out = node{kind: mapNode, line: at(n.Values[0].Key).line, column: at(n.Values[0].Key).column}
		}
		for _, v := range n.Values {
			l.pair(out, v)
		}
	case *ast.MappingValueNode:
		*out = node{kind: mapNode, line: at(n.Key).line, column: at(n.Key).column}
		l.pair(out, n)
	default:
		l.special(out)
		out.kind, out.unread = nullNode, true
	}
	return out
}

func (l *loader) pair(m *node, v *ast.MappingValueNode) {
	key, ok := v.Key.(*ast.StringNode)
	if !ok {
		l.refuse(at(v.Key), "", fmt.Sprintf("key %s is no string", v.Key.GetToken().Value), "put it in quotes; merge keys (<<) are not read")
		return
	}
	place := at(key)
	place.kind, place.text = textNode, key.Value
	if word := l.swallowed(key); word != "" {
		// Of its value nothing more is said, and not that the key is missing either.
		place.text = word
		m.pairs = append(m.pairs, pair{key: place, value: &node{kind: nullNode, line: place.line, column: place.column, unread: true}})
		return
	}
	if m.get(key.Value) != nil {
		l.refuse(place, "", fmt.Sprintf("key %q is there twice", key.Value), "keep one")
		return
	}
	m.pairs = append(m.pairs, pair{key: place, value: l.node(v.Value)})
}

var swallowing = regexp.MustCompile(`^([A-Za-z_][\w.-]*) *([{\[].*)$`)

// swallowed notes a key that holds an open bracket, as YAML reads match {type: x}: what
// is meant is the key before the bracket, which is returned, and a colon behind it.
func (l *loader) swallowed(key *ast.StringNode) string {
	w := swallowing.FindStringSubmatch(key.Value)
	if w == nil || isQuote(key.GetToken()) || strings.Count(w[2], "{") == strings.Count(w[2], "}") && strings.Count(w[2], "[") == strings.Count(w[2], "]") {
		return ""
	}
	text := []rune(yamlText{l.excerpt(at(key).line)}.from(&node{line: 1, column: at(key).column}))
	l.noColon(at(key), w[1], string(text[min(len([]rune(w[1])), len(text)):]))
	return w[1]
}
