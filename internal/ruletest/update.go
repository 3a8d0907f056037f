package ruletest

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pushbridge/internal/mapper"
)

// change is what a test would say instead: of a value, or of a list's items.
type change struct {
	node  mapper.Node
	text  string // in the place of the value
	items []item // of the list instead, where not nil
	draft bool   // text is what the test at node is to expect
}

// item is one item of a list after a change: one that stands there, which may have
// changes of its own, or a new one.
type item struct {
	node    mapper.Node
	changes []change
	text    string
}

// Update returns the file's text with what was got in the place of what was wanted,
// and is otherwise the same to the byte: comments, order and form stay. It is
// nil where nothing is to change. What cannot be written is left as it is, and a second
// Run tells: merges_with, apart_from, an end of an event that did not end so, a reason
// where there is none.
func (f *File) Update(r *Result) []byte {
	s := source{text: f.data, starts: []int{0}}
	for i, c := range f.data {
		if c == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	for _, t := range r.Tests {
		for i := range t.changes {
			s.change(&t.changes[i])
		}
	}
	if len(s.edits) == 0 {
		return nil
	}
	return s.apply()
}

// source is a file's text and what is to be another in it.
type source struct {
	text   []byte
	starts []int // of lines
	edits  []edit
}

type edit struct {
	from, to int
	text     string
}

func (s *source) apply() []byte {
	slices.SortStableFunc(s.edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	newline := "\n"
	if bytes.Contains(s.text, []byte("\r\n")) {
		newline = "\r\n"
	}
	var out []byte
	at := 0
	for _, e := range s.edits {
		if e.from < at {
			continue // within what another edit has replaced
		}
		out = append(append(out, s.text[at:e.from]...), strings.ReplaceAll(e.text, "\n", newline)...)
		at = e.to
	}
	return append(out, s.text[at:]...)
}

func (s *source) replace(from, to int, text string) {
	s.edits = append(s.edits, edit{from, to, text})
}

func (s *source) change(c *change) {
	switch {
	case c.draft:
		s.draft(c)
	case c.items != nil:
		s.list(c)
	default:
		from, to := s.extent(c.node)
		s.replace(from, to, c.text)
	}
}

// offset turns a place, whose column counts characters, into one of bytes.
func (s *source) offset(line, column int) int {
	at := s.starts[min(line, len(s.starts))-1]
	for range column - 1 {
		_, n := utf8.DecodeRune(s.text[at:])
		at += n
	}
	return at
}

func (s *source) lineStart(at int) int {
	i, found := slices.BinarySearch(s.starts, at)
	if found {
		return at
	}
	return s.starts[i-1]
}

// nextLine is where the line after at begins, or the end of the text.
func (s *source) nextLine(at int) int {
	i, found := slices.BinarySearch(s.starts, at)
	if found {
		i++
	}
	if i == len(s.starts) {
		return len(s.text)
	}
	return s.starts[i]
}

// extent is where a value begins and ends.
func (s *source) extent(n mapper.Node) (from, to int) {
	from = s.offset(n.Place())
	switch {
	case from >= len(s.text):
		return from, from
	case s.text[from] == '{' || s.text[from] == '[' || s.text[from] == '"' || s.text[from] == '\'':
		return from, s.closed(from)
	case n.IsMap():
		for _, v := range n.Members() {
			_, to = s.extent(v)
		}
		return from, to
	case n.IsList():
		items := n.Items()
		_, to = s.extent(items[len(items)-1])
		return from, to
	case s.text[from] == '|' || s.text[from] == '>':
		return from, s.blockEnd(from)
	}
	text, _ := n.Value().(string)
	if text != "" && strings.HasPrefix(string(s.text[from:]), text) {
		return from, from + len(text)
	}
	return from, from + strings.IndexAny(string(s.text[from:])+"\n", " \t\r\n,]}")
}

// closed is the end of the quoted or flow value that begins at from.
func (s *source) closed(from int) int {
	var open []byte // what closes the brackets that are open
	for i := from; i < len(s.text); i++ {
		switch c := s.text[i]; c {
		case '{', '[':
			open = append(open, c+2) // } is two after {, ] two after [
		case '}', ']':
			if n := len(open); n > 0 && open[n-1] == c {
				open = open[:n-1]
			}
		case '"', '\'':
			if i > from && !strings.ContainsRune(" \t\r\n,:[{", rune(s.text[i-1])) {
				continue // in a plain text
			}
			i = s.quoteEnd(i)
		case '#':
			if strings.ContainsRune(" \t\n", rune(s.text[i-1])) {
				i = s.nextLine(i) - 1
			}
		}
		if len(open) == 0 {
			return min(i+1, len(s.text))
		}
	}
	return len(s.text)
}

// quoteEnd is where the quote that begins at from has its closing one.
func (s *source) quoteEnd(from int) int {
	quote := s.text[from]
	for i := from + 1; i < len(s.text); i++ {
		switch {
		case quote == '"' && s.text[i] == '\\':
			i++
		case s.text[i] == quote && quote == '\'' && i+1 < len(s.text) && s.text[i+1] == quote:
			i++
		case s.text[i] == quote:
			return i
		}
	}
	return len(s.text)
}

// blockEnd is the end of the literal text that begins with | or > at from: of the
// last line that is indented more than the key it is of.
func (s *source) blockEnd(from int) int {
	key := len(ofKey.Find(s.text[s.lineStart(from):from]))
	end := s.nextLine(from)
	for at := end; at < len(s.text); at = s.nextLine(at) {
		line := strings.TrimSpace(string(s.text[at:s.nextLine(at)]))
		if line != "" && len(s.indent(at)) <= key {
			break
		}
		if line != "" {
			end = s.nextLine(at)
		}
	}
	return len(strings.TrimRight(string(s.text[:end]), "\r\n"))
}

// indent is the blank beginning of the line that at is in.
func (s *source) indent(at int) string {
	line := string(s.text[s.lineStart(at):s.nextLine(at)])
	return line[:len(line)-len(strings.TrimLeft(line, " "))]
}

// ofKey is what stands before a line's first key.
var ofKey = regexp.MustCompile(`^ *(- +)*`)

// alone is the beginning of a line that holds a key and nothing else.
var alone = regexp.MustCompile(`^\s*(- )*"?[a-z_]+"?:\s*$`)

// list writes a list's items anew: those that stay as they are, with their own
// changes.
func (s *source) list(c *change) {
	from, to := s.extent(c.node)
	if s.text[from] != '-' {
		s.flowList(c, from, to)
		return
	}
	stay := map[mapper.Node]bool{}
	for _, i := range c.items {
		if i.node.IsZero() {
			continue
		}
		stay[i.node] = true
		for k := range i.changes {
			s.change(&i.changes[k])
		}
	}
	if len(c.items) == 0 { // the list stands on lines of its own, below its key
		key := strings.LastIndexByte(string(s.text[:from]), ':')
		s.replace(key+1, to, " []")
		return
	}
	for _, n := range c.node.Items() {
		if !stay[n] {
			begin, end := s.extent(n)
			s.replace(s.lineStart(begin), s.nextLine(end), "")
		}
	}
	indent := s.indent(from)
	after := s.nextLine(strings.LastIndexByte(string(s.text[:from]), ':')) // before the first one's comments
	for _, i := range c.items {
		if !i.node.IsZero() {
			_, end := s.extent(i.node)
			after = s.nextLine(end)
			continue
		}
		text := indent + "- " + i.text + "\n"
		if after > 0 && s.text[after-1] != '\n' {
			text = "\n" + strings.TrimSuffix(text, "\n")
		}
		s.replace(after, after, text)
	}
}

// flowList writes a list that stands in brackets; below its key, where it may.
func (s *source) flowList(c *change, from, to int) {
	texts := make([]string, len(c.items))
	for i, item := range c.items {
		if texts[i] = item.text; item.node.IsZero() {
			continue
		}
		own := source{text: s.text, starts: s.starts}
		for k := range item.changes {
			own.change(&item.changes[k])
		}
		begin, end := s.extent(item.node)
		after := len(s.text) - end
		changed := own.apply()
		texts[i] = string(changed[begin : len(changed)-after])
	}
	before := s.text[s.lineStart(from):from]
	if len(texts) == 0 || !alone.Match(before) {
		s.replace(from, to, "["+strings.Join(texts, ", ")+"]")
		return
	}
	key := from
	for key > 0 && s.text[key-1] == ' ' {
		key--
	}
	indent := strings.Repeat(" ", len(s.indent(from))+2)
	s.replace(key, to, "\n"+indent+"- "+strings.Join(texts, "\n"+indent+"- "))
}

// draft writes what a test expects that says nothing yet.
func (s *source) draft(c *change) {
	from, to := s.extent(c.node)
	if s.text[from] == '{' {
		s.replace(to-1, to-1, ", expect: "+flowed(c.text))
		return
	}
	_, column := c.node.Place()
	indent := strings.Repeat(" ", column-1)
	end := s.nextLine(to)
	text := indent + "expect:\n"
	for line := range strings.Lines(c.text) {
		text += indent + "  " + line
	}
	if end == len(s.text) && !strings.HasSuffix(string(s.text), "\n") {
		text = "\n" + text
	}
	s.replace(end, end, text)
}

// flowed puts the lines of a draft into braces.
func flowed(text string) string {
	text = strings.NewReplacer("calls:\n  - ", "calls: [", "intents:\n  - ", "intents: [", "\n  - ", ", ").Replace(strings.TrimSpace(text))
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "calls: [{") || strings.HasPrefix(line, "intents: [{") {
			line += "]"
		}
		out = append(out, line)
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// draft says what the test would expect if what happens is right.
func (r *trial) draft() {
	var b strings.Builder
	list := func(key string, items []string) {
		if len(items) == 0 {
			b.WriteString(key + ": []\n")
			return
		}
		b.WriteString(key + ":\n")
		for _, i := range items {
			b.WriteString("  - " + i + "\n")
		}
	}
	m, letters := r.mapping()
	if r.single && len(m.Intents) > 0 {
		var items []string
		for i := range m.Intents {
			items = append(items, intentText(r.intentFacts(&m.Intents[i])))
		}
		list("intents", items)
	}
	if r.single && m.Why != "" {
		b.WriteString("unmatched: " + flow(m.Why) + "\n")
	}
	if r.single && len(letters) > 0 {
		b.WriteString("dead_letters: " + flowTexts(letters) + "\n")
	}
	if !r.single {
		var items []string
		for i := range r.got.calls {
			items = append(items, callText(r.callFacts(&r.got.calls[i])))
		}
		list("calls", items)
		b.WriteString("dispositions: " + countsText(r.got.counts()) + "\n")
	}
	r.fail(r.node, Failure{Of: "expect", Got: flowed(b.String()), Why: []string{"nothing is expected yet"}})
	r.out.changes = append(r.out.changes, change{node: r.node, text: b.String(), draft: true})
}

// callText writes a call as a test expects one.
func callText(f facts) string {
	keys := []string{"at", "rule", "condition", "message", "events"}
	if f["lane"].value != "default" {
		keys = slices.Insert(keys, 2, "lane")
	}
	return f.text(keys)
}

// intentText writes an intent as a test expects one.
func intentText(f facts) string {
	keys := []string{"rule", "audience", "message", "priority"}
	for _, key := range []string{"lane", "pool", "mode", "key"} {
		if v := f[key].value; v != "" && v != "default" && v != "merge" {
			keys = append(keys, key)
		}
	}
	return f.text(keys)
}

func (f facts) text(keys []string) string {
	all := make([]string, len(keys))
	for i, key := range keys {
		text := f[key].yaml
		if key == "at" {
			// No later than so: how soon is the scheduler's. What waits for a clock or
			// for an opening goes at that time, and a little after it.
			at := f[key].value.(time.Duration)
			b := bound{op: "<="}
			if why := f["why"].value; why == "digest time" || why == "window opened" {
				b.op = rangeOp
			}
			text = flow(b.around(at).text(time.Time{}))
		}
		all[i] = fmt.Sprintf("%s: %s", key, text)
	}
	return "{" + strings.Join(all, ", ") + "}"
}
