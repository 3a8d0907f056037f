package mapper

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
)

// loader goes through a rule file once and notes every problem on its way, so
// that an author sees all of them.
type loader struct {
	file     string
	lines    []string
	language *language
	rule     string // the rule being read
	ifEmpty  string // what the author of an empty file is to write
	faults   []*FileError
	warnings []*FileError // what is legal and will surprise
	refused  int          // calls of refuse: a part that raised it must not be used

	bared map[[2]int]bool // lines and columns of strings that begin like a tag, told when the text was read

	catalog    *catalog
	validators map[string]*validator
	typing     *typing         // of the rule being read; nil: its expressions are not checked
	facts      facts           // of the rule being read: what match and when make sure of
	warned     map[string]bool // of the rule being read: paths that may be absent or null, told once

	expressions []placed // of the rule being read, in its order

	root     *node
	compiled []*rule
	places   []*node // of the compiled rules

	vocabulary vocabulary
	test       *testAudience // nil: there is none

	lanes     []Lane // the default lane first
	intervals intervals
	zones     map[string]*time.Location // one pointer a name
	gates     *gates
	remap     bool

	maxRequest int // bytes of the largest push request
}

// refuse notes a problem. A nil place means the whole file.
func (l *loader) refuse(place *node, field, msg, do string) {
	l.refused++
	if place != nil && place.unread {
		return // noted already, when the tree was read
	}
	l.faults = append(l.faults, l.problem(place, field, msg, do))
}

// warn notes what is legal and will surprise.
func (l *loader) warn(place *node, field, msg, do string) {
	e := l.problem(place, field, msg, do)
	e.Severity = Warning
	l.warnings = append(l.warnings, e)
}

// note notes what is right and costs more than it seems to.
func (l *loader) note(place *node, field, msg, do string) {
	e := l.problem(place, field, msg, do)
	e.Severity = Note
	l.warnings = append(l.warnings, e)
}

func (l *loader) problem(place *node, field, msg, do string) *FileError {
	e := &FileError{File: l.file, Rule: l.rule, Field: field, Msg: msg, Do: do, Severity: Problem}
	if place != nil {
		e.Line, e.Column = place.line, place.column
		e.Excerpt = l.excerpt(place.line)
	}
	return e
}

func (l *loader) excerpt(line int) string {
	if line < 1 || line > len(l.lines) {
		return ""
	}
	return strings.TrimPrefix(strings.TrimRight(l.lines[line-1], "\r"), byteOrderMark)
}

// err returns all problems in the order of their places.
func (l *loader) err() error {
	byPlace(l.faults)
	errs := make([]error, len(l.faults))
	for i, f := range l.faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

func byPlace(all []*FileError) {
	slices.SortStableFunc(all, func(a, b *FileError) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// keys are the names that a map may have: those of this version, and those of
// the rule language that this version does not act on. To accept and ignore
// one of these would be the worst of errors.
type keys struct {
	known []string
	later []string
}

// meant says what to write instead of a key that is unknown.
func (k *keys) meant(name string) string {
	if key, value, spaced := strings.Cut(name, " "); spaced && slices.Contains(k.known, key) {
		return fmt.Sprintf("write a colon behind %s: %[1]s: %s", key, shortened(strings.TrimSpace(value)))
	}
	return meant(name, k.known, "its keys are "+strings.Join(k.known, ", "))
}

// fields checks that n is a map and its keys are known. It returns nil where
// nothing more can be said about it.
func (l *loader) fields(n *node, field string, k keys) *node {
	if n.kind != mapNode {
		l.refuse(n, field, fmt.Sprintf("want a map, got %s", n), "its keys are "+strings.Join(k.known, ", "))
		return nil
	}
	for _, p := range n.pairs {
		name := p.key.text
		switch {
		case slices.Contains(k.known, name):
		case slices.Contains(k.later, name):
			l.refuse(p.key, join(field, name), "not in this version", "take it out")
		default:
			l.refuse(p.key, join(field, name), "unknown key", k.meant(name))
		}
	}
	return n
}

func join(field, name string) string {
	if field == "" || name == "" || name[0] == '[' {
		return field + name
	}
	return field + "." + name
}

func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// text returns a string's characters, false where n is none.
func (l *loader) text(n *node, field string) (string, bool) {
	switch n.kind {
	case textNode:
		return n.text, true
	case nullNode:
		l.refuse(n, field, "there is no value", "write one or take the key out")
	case boolNode, integerNode, floatNode:
		l.refuse(n, field, fmt.Sprintf("want a string, got %s", n), fmt.Sprintf("put it in quotes: %q", n.text))
	case listNode, mapNode:
		l.refuse(n, field, fmt.Sprintf("want a string, got %s", n), "write a single text here")
	}
	return "", false
}

// template compiles a string that may hold ${…}; nil where it is wrong.
func (l *loader) template(n *node, field string) *template {
	return l.templateOf(n, field, anyText)
}

// usage is what a template's text is for.
type usage uint8

const (
	anyText   usage = iota + 1
	exactText       // it names people, so only strings and whole numbers
	exactList       // the same, and a list spreads
)

func (l *loader) templateOf(n *node, field string, u usage) *template {
	s, ok := l.text(n, field)
	if !ok {
		return nil
	}
	t, err := l.language.template(s)
	if err != nil {
		l.refuse(n, field, err.Error(), mend(err))
		return nil
	}
	if source, kind, bad := t.notText(u == exactList); bad {
		do := "make it one with string(…)"
		if strings.HasPrefix(kind, "optional") {
			do = "say what to take when it is absent: .orValue(…)"
		}
		l.refuse(n, field, fmt.Sprintf("${%s} is of type %s, want text", source, kind), do)
		return nil
	}
	for _, p := range t.parts {
		if p.expr != nil {
			l.expressions = append(l.expressions, placed{field, n, p.at, p.expr})
			l.typed(typedPlace{n, field, p.at}, p.expr.source, func(kind *cel.Type) (string, string) { return notText(kind, u, len(t.parts) == 1) })
		}
	}
	return t
}

// flag reads a boolean.
func (l *loader) flag(n *node, field string) (bool, bool) {
	if n.kind != boolNode {
		l.refuse(n, field, fmt.Sprintf("want true or false, got %s", n), "write true or false, without quotes")
		return false, false
	}
	return n.text == "true", true
}

// inDays is what other programs take for a duration.
var inDays = regexp.MustCompile(`^\d+(\.\d+)?(d|w|days?|weeks?)\b`)

// duration reads Go's durations. A number without a unit is refused: it reads
// as seconds to one author and as minutes to the next.
func (l *loader) duration(n *node, field string) (time.Duration, bool) {
	const do = "write it like 90s, 30m, 24h or 1h30m"
	switch n.kind {
	case textNode:
	case integerNode, floatNode:
		l.refuse(n, field, fmt.Sprintf("duration %s has no unit", n.text), do)
		return 0, false
	case nullNode, boolNode, listNode, mapNode:
		l.refuse(n, field, fmt.Sprintf("want a duration, got %s", n), do)
		return 0, false
	}
	d, err := time.ParseDuration(n.text)
	switch {
	case err != nil && strings.Trim(n.text, "0123456789.") == "", err == nil && n.text == "0":
		l.refuse(n, field, fmt.Sprintf("duration %q has no unit", n.text), do)
	case err != nil && inDays.MatchString(n.text):
		l.refuse(n, field, fmt.Sprintf("%q is no duration", n.text), "a day may have 23 hours: write hours, like 24h or 168h")
	case err != nil:
		l.refuse(n, field, fmt.Sprintf("%q is no duration", n.text), do)
	case d < 0 || strings.HasPrefix(n.text, "+") || strings.HasPrefix(n.text, "-"):
		l.refuse(n, field, fmt.Sprintf("duration %s has a sign", n.text), do)
	default:
		return d, true
	}
	return 0, false
}
