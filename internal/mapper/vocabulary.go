package mapper

import (
	"fmt"
	"slices"
	"strings"
)

// vocabulary is the file's `vocabulary`: the tags and the attributes that rules
// may name. The API takes any word and reaches nobody with a wrong one, and
// still counts the call.
type vocabulary struct {
	tags, attributes *wordSet // nil: any
}

// wordSet is a set of words and of beginnings of words.
type wordSet struct {
	known    []string // in the file's order, for messages
	whole    map[string]bool
	prefixes []string
}

// has says whether the word is in the set.
func (w *wordSet) has(word string) bool {
	return w == nil || w.whole[word] || slices.ContainsFunc(w.prefixes, func(p string) bool { return strings.HasPrefix(word, p) })
}

// begins says whether some word of the set begins with the text.
func (w *wordSet) begins(text string) bool {
	if w == nil || w.has(text) {
		return true
	}
	for word := range w.whole {
		if strings.HasPrefix(word, text) {
			return true
		}
	}
	return slices.ContainsFunc(w.prefixes, func(p string) bool { return strings.HasPrefix(p, text) })
}

// notInVocabulary is the cause where a rendered tag is in no vocabulary.
const notInVocabulary = "it is not in the file's vocabulary"

var vocabularyKeys = keys{known: []string{"tags", "attributes"}}

// vocabularyOf compiles `vocabulary`.
func (l *loader) vocabularyOf(n *node) {
	const field = "vocabulary"
	if l.fields(n, field, vocabularyKeys) == nil {
		return
	}
	if len(n.pairs) == 0 {
		l.refuse(n, field, "it says nothing", "list the tags and attributes that the app has, or take it out")
	}
	for name, to := range map[string]**wordSet{"tags": &l.vocabulary.tags, "attributes": &l.vocabulary.attributes} {
		if v := n.get(name); v != nil {
			*to = l.wordSet(v, join(field, name))
		}
	}
}

// wordSet reads a list of words. A word that ends in * stands for all that begin
// with what is before it. It returns nil where one is wrong.
func (l *loader) wordSet(n *node, field string) *wordSet {
	if n.kind != listNode || len(n.items) == 0 {
		l.refuse(n, field, fmt.Sprintf("want a list with at least one word, got %s", n), `write [gold, "region:*"], or take the key out to allow any`)
		return nil
	}
	before := l.refused
	w := &wordSet{whole: map[string]bool{}}
	for i, item := range n.items {
		at := index(field, i)
		text, ok := l.text(item, at)
		head, open := strings.CutSuffix(text, "*")
		switch {
		case !ok:
			continue
		case text == "":
			l.refuse(item, at, "it is empty, and no tag or attribute is", "write a word, or take it out")
		case strings.Contains(head, "*"):
			l.refuse(item, at, fmt.Sprintf("%q has a * before its end", text), "only the end can be open, like region:*")
		case strings.Contains(text, "${"):
			l.refuse(item, at, "a vocabulary is not an expression: ${…} means nothing here", `write the words, or an open end like "region:*"`)
		case slices.Contains(w.known, text):
			l.refuse(item, at, fmt.Sprintf("%q is there twice", text), "keep one")
		case open:
			w.prefixes = append(w.prefixes, head)
		default:
			w.whole[text] = true
		}
		w.known = append(w.known, text)
	}
	if l.refused > before {
		return nil // rules are not to be blamed for it
	}
	return w
}

// checkWord refuses a word that is written out and not in the vocabulary.
func (l *loader) checkWord(n *node, field, word string, w *wordSet) {
	if !w.has(word) {
		l.refuse(n, field, fmt.Sprintf("%q is not in the vocabulary", word), w.mend(word))
	}
}

// checkHead refuses a template none of whose texts can be in the vocabulary.
func (l *loader) checkHead(n *node, field string, t *template, w *wordSet) {
	if len(t.parts) > 0 && t.parts[0].expr == nil && !w.begins(t.parts[0].text) {
		l.refuse(n, field, fmt.Sprintf("nothing in the vocabulary begins with %q", t.parts[0].text), w.mend(t.parts[0].text+"*"))
	}
}

func (w *wordSet) mend(word string) string {
	const most = 8
	known := strings.Join(w.known[:min(most, len(w.known))], ", ")
	if len(w.known) > most {
		known += " …"
	}
	return meant(word, w.known, "it has "+known+"; correct the word, or add it")
}
