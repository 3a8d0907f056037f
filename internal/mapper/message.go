package mapper

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/intent"
)

// messageSpec is what of a rule makes its message.
type messageSpec struct {
	elements   []elementSpec
	offline    *offlineSpec
	sender     *template // nil: the calling account
	onlineOnly bool
	lifeTime   time.Duration

	fixed intent.Message // where nothing hangs on the event
}

var itemKeys = keys{known: []string{"item"}}

// message compiles `message`, `sender`, `online_only`, `life_time` and
// `offline` of the rule n.
func (l *loader) message(n *node, field string, base defaults) messageSpec {
	before := l.refused
	m := messageSpec{sender: base.sender}
	if v := n.get("sender"); v != nil {
		m.sender = l.sender(v, join(field, "sender"))
	}
	if v := n.get("online_only"); v != nil {
		m.onlineOnly, _ = l.flag(v, join(field, "online_only"))
	}
	if v := n.get("life_time"); v != nil {
		d, ok := l.duration(v, join(field, "life_time"))
		if ok && (d <= 0 || d > intent.MaxLifeTime || d%time.Second != 0) {
			l.refuse(v, join(field, "life_time"), fmt.Sprintf("%s is no time that the API stores a message for", v.text), "write whole seconds, more than 0 and at most 168h")
		}
		m.lifeTime = d
	}
	if v := n.get("offline"); v != nil {
		m.offline = l.offline(v, join(field, "offline"))
	}
	at := join(field, "message")
	v, digest := n.get("message"), isDigest(n)
	if v != nil && v.kind == mapNode && digest && l.fields(v, at, itemKeys) != nil {
		// Of several messages in one call each is an item.
		at = join(at, "item")
		if v.get("item") == nil {
			l.refuse(v, at, "it is missing", `write item: [{text: "…"}]`)
			return m
		}
		v = v.get("item")
	}
	switch {
	case v == nil:
		l.refuse(n, at, "it is missing", `say what: message: [{text: "…"}]`)
		return m
	case v.kind == mapNode && v.get("item") != nil:
		l.refuse(v, join(at, "item"), "only a digest has items", "write a list of elements, or coalesce: {mode: digest}")
		return m
	case v.kind != listNode || len(v.items) == 0:
		l.refuse(v, at, fmt.Sprintf("want a list with at least one element, got %s", v), `write - text: "…"`)
		return m
	}
	customs := 0
	for i, item := range v.items {
		e, word := l.element(item, index(at, i))
		if word == "custom" {
			customs++
		}
		m.elements = append(m.elements, e)
	}
	switch {
	case customs > 1:
		l.refuse(v, at, fmt.Sprintf("%d custom elements, and a message has at most one", customs), "put what they say into one")
	case customs == 1 && digest:
		l.refuse(v, at, "a call holds at most one custom element, so this digest would never hold two messages", "say it with another element, or write mode: merge")
	}
	if digest && m.offline != nil && !m.offline.literal() {
		l.warn(n.get("offline"), join(field, "offline"), "messages with different notifications never share a call", "write it without ${…}, as the digest's own")
	}
	if l.refused == before {
		l.fixMessage(v, at, &m)
	}
	return m
}

func (l *loader) sender(n *node, field string) *template {
	t := l.template(n, field)
	if t != nil && len(t.parts) == 0 {
		l.refuse(n, field, "it is empty", "name an account or take the key out")
	}
	return t
}

// element compiles one element and returns its kind's word.
func (l *loader) element(n *node, field string) (elementSpec, string) {
	all := kinds()
	k := keys{known: []string{"text"}}
	for word := range all {
		k.known = append(k.known, word)
	}
	slices.Sort(k.known[1:])
	if l.fields(n, field, k) == nil {
		return elementSpec{}, ""
	}
	if len(n.pairs) != 1 {
		l.refuse(n, field, fmt.Sprintf("an element has %d kinds, want exactly one", len(n.pairs)), "choose of "+strings.Join(k.known, ", "))
		return elementSpec{}, ""
	}
	word, v := n.pairs[0].key.text, n.pairs[0].value
	at := join(field, word)
	if word == "text" {
		t := l.template(v, at)
		if t != nil && len(t.parts) == 0 {
			l.refuse(v, at, "it is empty, and the API takes no empty text", "write what users read, or take the element out")
		}
		return elementSpec{word: word, text: t}, word
	}
	kind, ok := all[word]
	if !ok {
		return elementSpec{}, ""
	}
	before := l.refused
	e := elementSpec{word: word, build: kind.build}
	l.section(v, place{field: at}, kind, &e)
	if l.refused == before && e.literal() {
		// The API's own rules, as far as they can be seen now.
		built, name, err := e.element(&scope{})
		if err == nil {
			name = word
			_, err = intent.NewMessage(intent.Content{Elements: []intent.Element{built}})
		}
		if err != nil {
			l.refuse(v, join(field, name), strings.TrimPrefix(err.Error(), "message element 1: "), "the API takes no such element: correct it")
		}
	}
	return e, word
}

// place is where in an element a section stands: its path in the rule, and what
// its fields' names begin with.
type place struct{ field, prefix string }

// section reads the fields of an element, or of a section of it.
func (l *loader) section(n *node, at place, k kind, e *elementSpec) {
	field, prefix := at.field, at.prefix
	rule := prefix
	if list, _, ok := strings.Cut(prefix, "["); ok {
		rule = list + "." // "sizes[2]." has its fields under "sizes."
	}
	var names keys
	for name := range k.fields {
		if short, ok := strings.CutPrefix(name, rule); ok && !strings.Contains(short, ".") {
			names.known = append(names.known, short)
		}
	}
	slices.Sort(names.known)
	if l.fields(n, field, names) == nil {
		return
	}
	for _, name := range names.known {
		v, at := n.get(name), join(field, name)
		form := k.fields[rule+name]
		switch {
		case v == nil:
			if slices.Contains(k.need, rule+name) {
				l.refuse(n, at, "it is missing", "the API asks for it")
			}
		case form == section:
			l.section(v, place{at, prefix + name + "."}, k, e)
		case form == sections:
			if v.kind != listNode || len(v.items) == 0 {
				l.refuse(v, at, fmt.Sprintf("want a list with at least one entry, got %s", v), "write - type: …, with its other fields")
				continue
			}
			e.count = len(v.items)
			for i, item := range v.items {
				l.section(item, place{index(at, i), prefix + index(name, i) + "."}, k, e)
			}
		default:
			if t := l.fieldValue(v, at, form); t != nil {
				e.fields = append(e.fields, fieldSpec{name: prefix + name, form: form, value: t})
			}
		}
	}
}

// fieldValue compiles a field; numbers may be written as such.
func (l *loader) fieldValue(n *node, field string, f form) *template {
	if n.kind == integerNode && (f == whole || f == decimal) || n.kind == floatNode && f == decimal {
		return &template{parts: []part{{text: n.text}}}
	}
	if f == whole || f == decimal {
		return l.numberTemplate(n, field, f)
	}
	t := l.template(n, field)
	if t == nil || f == wordsForm {
		return t
	}
	if text, ok := t.literal(); ok {
		if _, known := wordsOf(f)[text]; !known {
			what := "type of size"
			if f == picture {
				what = "format of a picture"
			}
			l.noWord(n, field, what, slices.Sorted(maps.Keys(wordsOf(f))))
			return nil
		}
	}
	return t
}

func (l *loader) numberTemplate(n *node, field string, f form) *template {
	want := "a number"
	if f == whole {
		want = "a whole number"
	}
	if n.kind != textNode {
		l.refuse(n, field, fmt.Sprintf("want %s, got %s", want, n), "write "+want+", or \"${…}\" that gives one")
		return nil
	}
	t := l.template(n, field)
	if t == nil {
		return nil
	}
	if _, ok := t.literal(); ok {
		l.refuse(n, field, "want a number or ${…}, got a string", "leave out the quotes")
		return nil
	}
	return t
}
