package mapper

import (
	"regexp"
	"strings"
)

// yamlText is the lines of a file, as its author sees them: what has to be mended is
// told by them where the parser gives up.
type yamlText []string

func linesOf(data []byte) yamlText { return strings.Split(string(data), "\n") }

var (
	dashes   = regexp.MustCompile(`^ *(?:- +)*`)
	blockKey = regexp.MustCompile(`^ *(?:- +)*([A-Za-z_][\w.-]*|"[^"]*"|'[^']*') *:(?:\s+|$)`)
)

// line returns a line's text, "" where there is none.
func (t yamlText) line(n int) string {
	if n < 1 || n > len(t) {
		return ""
	}
	return t[n-1]
}

// from returns the rest of the line, from the place on.
func (t yamlText) from(place *node) string {
	text := []rune(t.line(place.line))
	return string(text[min(max(place.column-1, 0), len(text)):])
}

func (t yamlText) before(place *node) string {
	text := []rune(t.line(place.line))
	return string(text[:min(max(place.column-1, 0), len(text))])
}

// valueColumn returns where the value begins behind the key, or the dash.
func (t yamlText) valueColumn(line int) int {
	text := t.line(line)
	if key := blockKey.FindString(text); key != "" {
		return len([]rune(key)) + 1
	}
	return len(dashes.FindString(text)) + 1
}

// key returns the key that a line begins with, "" where there is none.
func key(text string) string {
	if found := blockKey.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

func indentation(text string) int { return len(text) - len(strings.TrimLeft(text, " ")) }

func first(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}

// ends says whether the string that begins with " ends on its line.
func ends(text string) bool {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return true
		}
	}
	return false
}

func uncommented(text string) string {
	before, _, _ := strings.Cut(text, " #")
	if strings.Count(before, `"`)%2 != strings.Count(text, `"`)%2 || strings.Count(before, "'")%2 != strings.Count(text, "'")%2 {
		return text // a # inside quotes
	}
	return before
}

// quoted returns the text as YAML takes it for one string.
func quoted(text string) string {
	text = shortened(strings.TrimSpace(uncommented(text)))
	if !strings.ContainsAny(text, `"\`) {
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// quoteWhole says how the value that begins there is written in quotes.
func (t yamlText) quoteWhole(start *node) string {
	next := t.line(start.line + 1)
	if strings.TrimSpace(next) != "" && indentation(next) > len(dashes.FindString(t.line(start.line))) {
		return "put all of it in quotes, to the end of the last line"
	}
	return "quote the whole: " + quoted(t.from(start))
}

func shortened(text string) string {
	if text := []rune(text); len(text) > 60 {
		return string(text[:60]) + "…"
	}
	return text
}

// enclosed returns the text up to the bracket that closes its first one, or all of it.
func enclosed(text string) string {
	depth := 0
	for i, r := range text {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return text[:i+1]
			}
		}
	}
	return text
}
