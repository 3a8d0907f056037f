package mapper

import (
	"fmt"
	"strings"

	yamltoken "github.com/goccy/go-yaml/token"
)

// bare takes out values which begin with a character that makes them a tag, an
// anchor or an alias, where a string is meant: when: !has(data.x). Each is noted,
// and an alias stands in its place, of which nothing more is said: the parser
// would give a tag what stands on the lines below it.
func (l *loader) bare(data []byte, tokens yamltoken.Tokens) ([]byte, bool) {
	var lines yamlText
	kinds := map[yamltoken.Type]string{yamltoken.TagType: "a tag", yamltoken.AnchorType: "an anchor", yamltoken.AliasType: "an alias"}
	seen := 0 // the line: one value begins on it, and a line may be all that there is
	for _, t := range tokens {
		kind := kinds[t.Type]
		if kind == "" || placeOf(t).line == seen {
			continue
		}
		seen = placeOf(t).line
		if lines == nil {
			lines = linesOf(data)
			l.bared = map[[2]int]bool{}
		}
		place := placeOf(t)
		value, before := lines.from(place), lines.before(place)
		meant := key(before) == "when" || strings.HasPrefix(value, "!") && !strings.HasPrefix(value, "!!")
		if value == "" || before == "" || !meant || place.column != lines.valueColumn(place.line) {
			continue
		}
		do := "put it in quotes: " + quoted(value)
		lines[place.line-1] = before + "*x"
		for i := place.line; i < len(lines) && indentation(lines[i]) > len(dashes.FindString(before)); i++ {
			lines[i], do = "", "put all of it in quotes" // the value goes on there
		}
		l.refuse(place, "", fmt.Sprintf("a value that begins with %s is %s to YAML", first(value), kind), do)
		l.bared[[2]int{place.line, place.column}] = true
	}
	if len(l.bared) == 0 {
		return data, false
	}
	return []byte(strings.Join(lines, "\n")), true
}

func (l *loader) noted(place *node) bool { return l.bared[[2]int{place.line, place.column}] }

// special notes what YAML has and a rule file has no use for.
func (l *loader) special(place *node) {
	if !l.noted(place) {
		l.refuse(place, "", "anchors, aliases, tags and special numbers are not read", "write the value out")
	}
}
