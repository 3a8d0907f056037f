package mapper

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	yamltoken "github.com/goccy/go-yaml/token"
)

// mistake is a place in text that is no YAML. What the parser says of it is a
// hint only: what the author has to mend stands in the text, often before the
// place where the parser gave up.
type mistake struct {
	yamlText
	l      *loader
	tokens yamltoken.Tokens   // up to where the scanner gave up
	token  *yamltoken.Token   // the one complained about, nil: unknown
	open   []*yamltoken.Token // the brackets around it, the innermost last
	place  *node
	said   string
}

// syntax notes what the parser could not read.
func (l *loader) syntax(data []byte, tokens yamltoken.Tokens, err error) {
	m := &mistake{yamlText: linesOf(data), l: l, tokens: tokens, place: &node{line: 1, column: 1}, said: err.Error()}
	if e, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		m.said = e.Message
		if e.Token != nil && e.Token.Position != nil {
			m.token, m.place = e.Token, placeOf(e.Token)
		}
	}
	m.open = opened(m.tokens, m.token)
	for _, explained := range []func() bool{m.braces, m.characters, m.quotes, m.brackets, m.flow, m.behind, m.colons, m.indent} {
		if explained() {
			return
		}
	}
	l.refuse(m.place, "", "this is no YAML", fmt.Sprintf("mend it here, or just before (%s)", m.said))
}

func placeOf(t *yamltoken.Token) *node {
	if t.Position == nil {
		return &node{line: 1, column: 1}
	}
	return &node{line: t.Position.Line, column: t.Position.Column}
}

// braces explains the one trap that rule files have by nature: YAML takes the {
// of an unquoted ${…} for its own.
func (m *mistake) braces() bool {
	trapped := false
	for _, t := range m.tokens {
		if t.Type == yamltoken.MappingStartType && t.Prev != nil && t.Prev.Type == yamltoken.StringType &&
			strings.HasSuffix(t.Prev.Value, "$") && placeOf(t.Prev).line == placeOf(t).line {
			trapped = true
			m.l.refuse(&node{line: placeOf(t).line, column: placeOf(t).column - 1}, "",
				"inside { } or [ ] YAML takes the brace of ${ for its own", `put the string in quotes: "${…}"`)
		}
	}
	return trapped
}

// characters explains those that mean something to YAML which nobody meant.
func (m *mistake) characters() bool {
	rest := m.from(m.place)
	switch {
	case strings.Contains(m.said, "'\t'") || strings.Contains(m.said, "tab character"):
		m.l.refuse(m.place, "", "there is a tab", "YAML is indented with spaces: replace it")
	case strings.Contains(m.said, "reserved character"):
		m.l.refuse(m.place, "", fmt.Sprintf("no value may begin with %s", first(rest)), "put it in quotes: "+quoted(rest))
	case strings.Contains(m.said, "invalid tag character"):
		begin := len([]rune(m.before(m.place)[:max(strings.LastIndex(m.before(m.place), "!"), 0)])) + 1
		m.l.refuse(&node{line: m.place.line, column: begin}, "", "a value that begins with ! is a tag to YAML", "put all of it in quotes")
	case strings.Contains(m.said, "unknown escape"):
		m.l.refuse(m.place, "", fmt.Sprintf(`\%s means nothing inside " "`, first(rest)),
			fmt.Sprintf(`write \\%s for a backslash, or put the string in ' '`, first(rest)))
	case strings.Contains(m.said, "document separator"):
		m.l.refuse(m.place, "", "there is something behind --- on its line", "take --- out: a rule file is one document")
	case strings.Contains(m.said, "header option"):
		start := &node{line: m.place.line, column: m.valueColumn(m.place.line)}
		m.l.refuse(start, "", "a value that begins with | or > is text on the lines below, and nothing may follow on this one", "begin it on the next line, or quote the whole: "+quoted(m.from(start)))
	case strings.Contains(m.said, "block sequence entries"):
		m.l.refuse(m.place, "", "a list cannot begin behind a key on its line", "begin it on the next line, or quote the string: "+quoted(rest))
	case m.is(yamltoken.TagType, yamltoken.AnchorType, yamltoken.AliasType):
		m.l.special(m.place)
	default:
		return false
	}
	return true
}

// quotes explains those that do not end, or end too early.
func (m *mistake) quotes() bool {
	if strings.Contains(m.said, "could not find end character") {
		quote := first(m.from(m.place))
		if quote == `"` && ends(m.from(m.place)) {
			m.l.refuse(m.place, "", `an escape in this string is cut short`, `write \x41, \u0041 or \U00000041, or put the string in ' '`)
		} else {
			m.l.refuse(m.place, "", "the quote is never closed", fmt.Sprintf("write %s where the string ends", quote))
		}
		return true
	}
	if m.token == nil || m.token.Prev == nil || !isQuote(m.token.Prev) || len(m.open) > 0 {
		return false
	}
	begin, rest := placeOf(m.token.Prev), m.from(m.place)
	quote := first(m.from(begin))
	if begin.line != m.place.line {
		m.l.refuse(begin, "", fmt.Sprintf("the quote is never closed before line %d", m.place.line), fmt.Sprintf("write %s where the string ends", quote))
		return true
	}
	if strings.HasSuffix(m.before(m.place), quote) && letter.MatchString(rest) && strings.HasSuffix(strings.TrimSpace(rest), quote) {
		twice := map[string]string{`"`: `\"`, `'`: `''`}[quote]
		m.l.refuse(m.place, "", fmt.Sprintf("the string ends at the %s before this", quote), fmt.Sprintf("inside the string write it %s", twice))
		return true
	}
	if m.token.Type == yamltoken.MappingValueType {
		return false
	}
	m.l.refuse(m.place, "", "text goes on behind the closing quote", m.quoteWhole(begin))
	return true
}

// brackets explains those that stand right behind a key, without a colon.
func (m *mistake) brackets() bool {
	line := m.line(m.place.line)
	if w := bracketKey.FindStringSubmatch(line); w != nil && len(m.open) == 0 {
		m.l.noColon(&node{line: m.place.line, column: len(dashes.FindString(line)) + 1}, w[1], w[2])
		return true
	}
	t := m.token
	inMap := len(m.open) > 0 && m.open[len(m.open)-1].Type == yamltoken.MappingStartType
	if !inMap || t == nil || t.Next == nil || t.Type != yamltoken.StringType || t.Prev == nil || t.Prev.Type == yamltoken.MappingValueType {
		return false
	}
	if t.Next.Type == yamltoken.MappingStartType || t.Next.Type == yamltoken.SequenceStartType {
		m.l.noColon(m.place, t.Value, m.from(placeOf(t.Next)))
		return true
	}
	return false
}

var bracketKey = regexp.MustCompile(`^ *(?:- +)*([A-Za-z_][\w.-]*) *([{\[].*)$`)

// noColon refuses a key that a bracket follows.
func (l *loader) noColon(place *node, key, value string) {
	l.refuse(place, "", "the colon is missing behind "+key, fmt.Sprintf("write %s: %s", key, shortened(enclosed(strings.TrimSpace(uncommented(value))))))
}

// flow explains brackets that do not end, and commas.
func (m *mistake) flow() bool {
	never := strings.Contains(m.said, "not found") || strings.Contains(m.said, "could not find flow mapping end")
	if len(m.open) == 0 && !never {
		return false
	}
	if never || strings.Contains(m.said, "must be specified") {
		return m.unclosed(never)
	}
	if m.is(yamltoken.CollectEntryType) {
		m.l.refuse(m.place, "", "there is nothing before this comma", "take it out, or write what is missing")
		return true
	}
	return false
}

// unclosed explains a bracket that is missing, or a comma.
func (m *mistake) unclosed(atEnd bool) bool {
	open := m.open
	if atEnd {
		open = opened(m.tokens, nil)
	}
	if len(open) == 0 {
		return false
	}
	last := open[len(open)-1]
	begin, end, whole := first(last.Value), "]", "list"
	if last.Type == yamltoken.MappingStartType {
		end, whole = "}", "map"
	}
	switch {
	case atEnd || m.token == nil || m.token.Prev == nil || placeOf(m.token.Prev).line != m.place.line:
		m.l.refuse(placeOf(last), "", fmt.Sprintf("the %s is never closed", begin), fmt.Sprintf("write %s where the %s ends", end, whole))
	case m.is(yamltoken.MappingEndType, yamltoken.SequenceEndType):
		m.l.refuse(m.place, "", fmt.Sprintf("here ends what began with %s in line %d", begin, placeOf(last).line), fmt.Sprintf("write %s before this, or instead of it", end))
	default:
		m.l.refuse(m.place, "", "there is no comma before this", "write one, or put all of the string in quotes")
	}
	return true
}

// behind explains text that goes on behind a list or a map in brackets.
func (m *mistake) behind() bool {
	before, rest := strings.TrimSpace(m.before(m.place)), m.from(m.place)
	if len(m.open) > 0 || !strings.HasSuffix(before, "]") && !strings.HasSuffix(before, "}") || rest == "" {
		return false
	}
	if begin, ok := map[string]string{"]": "[", "}": "{"}[first(rest)]; ok {
		m.l.refuse(m.place, "", fmt.Sprintf("no %s is open that this could close", begin), "take it out, or write "+begin+" where it begins")
		return true
	}
	start := &node{line: m.place.line, column: m.valueColumn(m.place.line)}
	if value := m.from(start); strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") {
		do := m.quoteWhole(start)
		if key(m.line(m.place.line)) != "when" {
			do = "take it out, or " + do
		}
		m.l.refuse(m.place, "", fmt.Sprintf("text goes on behind the closing %s", before[len(before)-1:]), do)
		return true
	}
	return false
}

// colons explains one too few, and one too many.
func (m *mistake) colons() bool {
	if m.token == nil {
		return false
	}
	if m.is(yamltoken.MappingValueType) {
		m.l.refuse(m.place, "", "there is no key before this colon", "write the key, or put a string with a colon in quotes")
		return true
	}
	if strings.Contains(m.said, "mapping value") {
		next := m.token.Next
		if next == nil || placeOf(next).line != m.place.line {
			return false
		}
		if len(m.open) > 0 {
			m.l.refuse(m.place, "", "a colon and a space in a string without quotes", "put all of the string in quotes")
			return true
		}
		start := &node{line: m.place.line, column: m.valueColumn(m.place.line)}
		m.l.refuse(m.place, "", "a colon and a space in a string without quotes, which YAML takes for a key and its value", m.quoteWhole(start))
		return true
	}
	start := m.start()
	if start == nil || start.line == m.place.line && !strings.Contains(m.said, "key name") && !strings.Contains(m.said, "non-map") {
		return false
	}
	text := strings.TrimSpace(uncommented(m.from(start)))
	if w := tightColon.FindStringSubmatch(text); w != nil {
		m.l.refuse(start, "", "there is no space behind the colon", fmt.Sprintf("write %s: %s", w[1], shortened(w[2])))
		return true
	}
	if w := noColon.FindStringSubmatch(text); w != nil {
		m.l.refuse(start, "", "the colon is missing", strings.TrimSpace(fmt.Sprintf("write %s: %s", w[1], shortened(w[2]))))
		return true
	}
	return false
}

var (
	letter     = regexp.MustCompile(`^\pL`)
	tightColon = regexp.MustCompile(`^([A-Za-z_]\w*):(\S.*)$`)
	noColon    = regexp.MustCompile(`^([A-Za-z_]\w*)(?:\s+(\S.*))?$`)
)

// indent explains lines that begin in a column of their own.
func (m *mistake) indent() bool {
	if m.token == nil || len(m.open) > 0 {
		return false
	}
	line := m.place.line
	if strings.Contains(m.said, "mapping value") {
		if line = m.place.line + 1; m.token.Next != nil {
			line = placeOf(m.token.Next).line // of the colon that is too much
		}
		above := key(m.line(m.place.line))
		place := &node{line: line, column: indentation(m.line(line)) + 1}
		if above == "" || line <= m.place.line {
			return false
		}
		if !blockKey.MatchString(m.line(line)) {
			m.l.refuse(place, "", "a colon and a space in a string without quotes, on a line that goes on with it", "put all of the string in quotes")
			return true
		}
		m.l.refuse(place, "", fmt.Sprintf("the line is indented too far, which makes it part of the text in line %d", m.place.line),
			fmt.Sprintf("begin it in column %d, below %s", len(dashes.FindString(m.line(m.place.line)))+1, above))
		return true
	}
	if strings.TrimSpace(m.before(m.place)) != "" || !m.is(yamltoken.StringType, yamltoken.SequenceEntryType, yamltoken.DoubleQuoteType, yamltoken.SingleQuoteType) {
		return false
	}
	column := indentation(m.line(line)) + 1
	if m.token.Type == yamltoken.StringType && !blockKey.MatchString(m.line(line)) {
		m.l.refuse(m.place, "", "this belongs to no key", "write key: before it, or indent it like the text that it goes on with")
		return true
	}
	var may []string
	for _, at := range m.columns(line, column) {
		may = append(may, fmt.Sprintf("in column %d, like %s in line %d", at.column, at.text, at.line))
	}
	if len(may) == 0 {
		m.l.refuse(m.place, "", "a list and a map stand side by side", "indent the one that belongs to the other")
		return true
	}
	m.l.refuse(m.place, "", "the line is indented like none that it could go on with", "begin it "+strings.Join(may, ", or "))
	return true
}

// columns finds in the lines above where the line might have begun that begins in
// the column: the nearest to the right of it, and the nearest to the left.
func (m *mistake) columns(line, column int) []*node {
	dash := strings.HasPrefix(strings.TrimSpace(m.line(line)), "- ")
	var right, left *node
	limit := 1 << 30
	for i := line - 1; i >= 1 && left == nil; i-- {
		text := m.line(i)
		in := indentation(text) + 1
		isDash := strings.HasPrefix(strings.TrimSpace(text), "- ")
		if in > limit || !isDash && !blockKey.MatchString(text) {
			continue
		}
		limit = in - 1
		at := &node{line: i, column: in, text: "-"}
		if !dash {
			at.column, at.text = len(dashes.FindString(text))+1, key(text)
		}
		switch {
		case dash && !isDash, at.text == "":
		case at.column > column:
			right = at
		case at.column < column:
			left = at
		}
	}
	var found []*node
	for _, at := range []*node{right, left} {
		if at != nil {
			found = append(found, at)
		}
	}
	return found
}

// start returns where the token's text begins, which the parser does not know of
// text that goes on over several lines; nil where it cannot be found.
func (m *mistake) start() *node {
	words := strings.Fields(m.token.Value)
	if m.token.Type != yamltoken.StringType || len(words) == 0 {
		return nil
	}
	from := 1
	if m.token.Prev != nil {
		from = placeOf(m.token.Prev).line
	}
	for i := max(from, 1); i <= m.place.line; i++ {
		indent := dashes.FindString(m.line(i))
		if strings.HasPrefix(m.line(i)[len(indent):], words[0]) {
			return &node{line: i, column: len(indent) + 1}
		}
	}
	return nil
}

// opened returns the brackets that are open before the token, or at the end.
func opened(tokens yamltoken.Tokens, end *yamltoken.Token) []*yamltoken.Token {
	var open []*yamltoken.Token
	for _, t := range tokens {
		switch {
		case t == end:
			return open
		case t.Type == yamltoken.MappingStartType || t.Type == yamltoken.SequenceStartType:
			open = append(open, t)
		case (t.Type == yamltoken.MappingEndType || t.Type == yamltoken.SequenceEndType) && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	return open
}

func (m *mistake) is(types ...yamltoken.Type) bool {
	return m.token != nil && slices.Contains(types, m.token.Type)
}

func isQuote(t *yamltoken.Token) bool {
	return t.Type == yamltoken.DoubleQuoteType || t.Type == yamltoken.SingleQuoteType
}
