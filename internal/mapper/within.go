package mapper

import "strconv"

// within returns the place in the file of a byte of the string n, so that a
// problem inside an expression is marked where it is. Where the file's text
// cannot be followed it is the string's own place.
func (l *loader) within(n *node, at int) (line, column int) {
	if n.kind != textNode || n.line < 1 || n.line > len(l.lines) || at > len(n.text) {
		return n.line, n.column
	}
	r := rawText{lines: l.lines, line: n.line - 1, column: n.column - 1}
	r.load()
	switch r.peek(0) {
	case '"', '\'':
		r.quote = r.peek(0)
		r.column++
	case '|', '>':
		r.nextLine()
	}
	for i, want := range n.text {
		if !r.seek(want) {
			return n.line, n.column
		}
		if i >= at {
			return r.line + 1, r.column + 1
		}
		r.column += r.width
	}
	return r.line + 1, r.column + 1
}

// rawText goes through the file's characters as YAML reads a string: it knows
// escapes and folded lines, and skips what is in the file and not in the string.
type rawText struct {
	lines        []string
	line, column int // from 0, in characters
	runes        []rune
	quote        rune
	width        int // of the character that seek found
}

// lineEnd is what peek returns at the end of a line.
const lineEnd = '\n'

func (r *rawText) load() { r.runes = []rune(r.lines[r.line]) }

func (r *rawText) peek(ahead int) rune {
	if r.column+ahead >= len(r.runes) {
		return lineEnd
	}
	return r.runes[r.column+ahead]
}

func (r *rawText) nextLine() bool {
	if r.line+1 >= len(r.lines) {
		return false
	}
	r.line, r.column = r.line+1, 0
	r.load()
	return true
}

// seek goes to the next place that stands for the character.
func (r *rawText) seek(want rune) bool {
	for {
		got, width := r.one()
		if got == want || got == lineEnd && want == ' ' {
			if r.width = width; got == lineEnd && r.column >= len(r.runes) {
				r.width = 0
				return r.nextLine()
			}
			return true
		}
		if r.column += width; r.column > len(r.runes) && !r.nextLine() {
			return false
		}
	}
}

// one returns the character at the place and how many of the file's it takes.
func (r *rawText) one() (rune, int) {
	c := r.peek(0)
	switch {
	case r.quote == '\'' && c == '\'' && r.peek(1) == '\'':
		return c, 2
	case r.quote != '"' || c != '\\':
		return c, 1
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[r.peek(1)]
	if digits == 0 || r.column+2+digits > len(r.runes) {
		if plain, ok := map[rune]rune{'n': '\n', 't': '\t', 'r': '\r', '0': 0}[r.peek(1)]; ok {
			return plain, 2
		}
		return r.peek(1), 2
	}
	code, err := strconv.ParseUint(string(r.runes[r.column+2:r.column+2+digits]), 16, 32)
	if err != nil {
		return c, 1
	}
	return rune(code), 2 + digits
}
