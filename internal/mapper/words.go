package mapper

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// choice is what a value may be that is one of a few words.
type choice[T fmt.Stringer] struct {
	what string // it is, for messages
	of   []T
}

// read returns what the word stands for; false where it is none of them, which is noted.
func (c choice[T]) read(l *loader, n *node, field string) (T, bool) {
	var none T
	s, ok := l.text(n, field)
	if !ok {
		return none, false
	}
	words := make([]string, len(c.of))
	for i, v := range c.of {
		if words[i] = v.String(); words[i] == s {
			return v, true
		}
	}
	l.noWord(n, field, c.what, words)
	return none, false
}

// noWord refuses a text that is none of the words that may stand there.
func (l *loader) noWord(n *node, field, what string, words []string) {
	l.refuse(n, field, fmt.Sprintf("there is no %s %q", what, n.text), meant(n.text, words, "write "+oneOf(words)))
}

// meant asks whether a known word was meant, where one is near, and else says the
// other thing.
func meant(word string, known []string, otherwise string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return otherwise
}

// nearest returns the known name that the word was probably meant to be, or "". That
// one is in capitals makes no distance: who shouts has the right letters.
func nearest(word string, known []string) string {
	best, bestDistance := "", 3
	if len(word) <= 3 {
		bestDistance = 2 // two letters of three make any word
	}
	word = strings.ToLower(word)
	for _, name := range known {
		d := levenshtein.ComputeDistance(word, strings.ToLower(name))
		if swapped(word, strings.ToLower(name)) {
			d = 1 // one slip, though two letters differ
		}
		if d < bestDistance && d < len(name) {
			best, bestDistance = name, d
		}
	}
	return best
}

// oneSlip says whether a letter too many, too few, another one, or two that changed
// places make one word of the other.
func oneSlip(a, b string) bool { return swapped(a, b) || levenshtein.ComputeDistance(a, b) == 1 }

// swapped says whether the words differ by two neighbouring letters that changed places.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// oneOf is a list of words as one says what may be chosen.
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	end := len(words) - 1
	return strings.Join(words[:end], ", ") + " or " + words[end]
}
