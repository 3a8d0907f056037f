package mapper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"pushbridge/internal/audience"
)

// audienceSpec is `audience`, compiled.
type audienceSpec struct {
	kind  audience.Kind
	items []audienceItem
	fixed []audience.Audience // where nothing hangs on the event
	bare  bool                // the whole value is one ${…}: tags_any: ${data.tiers}
	words *wordSet            // that tags must be of; nil: any
}

// audienceItem is a tag, a list of tags, or the value of an attribute.
type audienceItem struct {
	name  string // the attribute's; "" for tags
	value *template
}

var audienceKinds = []audience.Kind{audience.AnyTag, audience.AllTags, audience.AnyAttr, audience.AllAttrs, audience.Everyone}

// audience compiles `audience`, and checks what is written out as far as the
// event cannot change it.
func (l *loader) audience(n *node, field string) audienceSpec {
	var k keys
	for _, kind := range audienceKinds {
		k.known = append(k.known, kind.String())
	}
	if l.fields(n, field, k) == nil {
		return audienceSpec{}
	}
	if len(n.pairs) != 1 {
		l.refuse(n, field, fmt.Sprintf("it has %d keys, want exactly one", len(n.pairs)), "choose of "+strings.Join(k.known, ", "))
		return audienceSpec{}
	}
	v, field := n.pairs[0].value, join(field, n.pairs[0].key.text)
	for _, kind := range audienceKinds {
		if kind.String() != n.pairs[0].key.text {
			continue
		}
		before := l.refused
		spec := audienceSpec{kind: kind}
		switch kind {
		case audience.Everyone:
			if v.kind != boolNode || v.text != "true" {
				l.refuse(v, field, "it can only be true", "write everyone: true, or name tags or attributes")
			}
		case audience.AnyTag, audience.AllTags:
			spec.words = l.vocabulary.tags
			l.tags(v, field, &spec)
		case audience.AnyAttr, audience.AllAttrs:
			l.attributes(v, field, &spec)
		}
		if l.refused == before {
			l.fix(v, field, &spec)
		}
		return spec
	}
	return audienceSpec{}
}

func (l *loader) tags(n *node, field string, spec *audienceSpec) {
	if n.kind != listNode {
		t := l.templateOf(n, field, exactList)
		if t != nil && t.whole() == nil {
			l.refuse(n, field, "want a list of tags", "write [\"gold\"], or one ${…} that gives a list")
		}
		spec.bare, spec.items = true, []audienceItem{{value: t}}
		return
	}
	if len(n.items) == 0 {
		l.refuse(n, field, "the list is empty, and an empty audience is never everyone", "name a tag, or write everyone: true")
	}
	literals := 0
	for i, item := range n.items {
		at := index(field, i)
		t := l.templateOf(item, at, exactList)
		if t == nil {
			continue
		}
		if text, ok := t.literal(); ok {
			literals++
			l.checkTag(item, at, text)
			l.checkWord(item, at, text, spec.words)
		} else {
			l.checkHead(item, at, t, spec.words)
		}
		spec.items = append(spec.items, audienceItem{value: t})
	}
	if spec.kind == audience.AllTags && literals > audience.MaxTags {
		l.refuse(n, field, fmt.Sprintf("%d tags, allowed 1 to %d", literals, audience.MaxTags), "the API cannot ask for more at once")
	}
}

func (l *loader) checkTag(n *node, field, text string) {
	if _, err := audience.OfAnyTag(text); err != nil {
		l.refuseText(n, field, text, err)
	}
}

// refuseText refuses a tag or a value that is written out and no legal one.
func (l *loader) refuseText(n *node, field, text string, err error) {
	if text == "" {
		l.refuse(n, field, "it is empty, which names nobody", "write it, or take it out: an empty one is never everyone")
		return
	}
	l.refuse(n, field, blame(text, err).Error(), "shorten it: the API counts bytes of UTF-8, not characters")
}

func (l *loader) attributes(n *node, field string, spec *audienceSpec) {
	if n.kind != mapNode || len(n.pairs) == 0 || len(n.pairs) > audience.MaxPairs {
		got := n.String()
		if len(n.pairs) > 0 {
			got = fmt.Sprintf("%d", len(n.pairs))
		}
		l.refuse(n, field, fmt.Sprintf("want a map of 1 to %d attributes, got %s", audience.MaxPairs, got), "write {city: \"${data.city}\"}")
		return
	}
	for _, p := range n.pairs {
		at := join(field, p.key.text)
		t := l.templateOf(p.value, at, exactText)
		if t == nil {
			continue
		}
		value, literal := t.literal()
		if !literal {
			value = "x" // only the name can be checked now
		}
		switch _, err := audience.OfAnyAttr(map[string]string{p.key.text: value}); {
		case err == nil:
		case value == "" || len(value) > audience.MaxBytes:
			l.refuseText(p.value, at, value, err)
		case p.key.text == "":
			l.refuse(p.key, at, "an attribute without a name", "name it as the app does")
		case len(p.key.text) > audience.MaxBytes:
			l.refuse(p.key, at, fmt.Sprintf("the name has %d bytes, allowed 1 to %d", len(p.key.text), audience.MaxBytes), "name the attribute as the app does: the API counts bytes of UTF-8, not characters")
		default:
			l.refuse(p.key, at, err.Error(), "name the attribute as the app does")
		}
		l.checkWord(p.key, at, p.key.text, l.vocabulary.attributes)
		spec.items = append(spec.items, audienceItem{name: p.key.text, value: t})
	}
}

// fix evaluates an audience that is written out.
func (l *loader) fix(n *node, field string, spec *audienceSpec) {
	for _, item := range spec.items {
		if _, ok := item.value.literal(); !ok {
			return
		}
	}
	fixed, _, err := spec.compose(&scope{})
	if err != nil {
		l.refuse(n, field, err.Error(), "the API does not take it: see its limits in docs/rules.md")
		return
	}
	spec.fixed = fixed
}

// build returns the event's audience, or in parts (audience.Spread). On an
// error it names the field.
func (a *audienceSpec) build(s *scope) ([]audience.Audience, string, error) {
	if a.fixed != nil {
		return a.fixed, "", nil
	}
	known := a.appendKey(s)
	if known {
		if parts, ok := s.audiences.get(a, s.key); ok {
			return parts, "", nil
		}
	}
	parts, field, err := a.compose(s)
	if err == nil && known {
		s.audiences.put(a, s.key, parts)
	}
	return parts, field, err
}

// appendKey makes s.key of the audience's texts, and says whether they are the
// whole audience: a list is not, and what does not render is compose's to blame.
func (a *audienceSpec) appendKey(s *scope) bool {
	s.key = s.key[:0]
	ok := !a.bare
	for i := 0; ok && i < len(a.items); i++ {
		s.key, ok = a.items[i].value.appendKey(s.key, s, true)
	}
	return ok
}

// compose is build without memory.
func (a *audienceSpec) compose(s *scope) ([]audience.Audience, string, error) {
	field := "audience." + a.kind.String()
	switch a.kind {
	case audience.Everyone:
		return []audience.Audience{audience.All()}, "", nil
	case audience.AnyTag, audience.AllTags:
		if item, err := a.renderTags(s); err != nil {
			if !a.bare {
				field = index(field, item)
			}
			return nil, field, err
		}
		if i := slices.IndexFunc(s.tags, func(tag string) bool { return !a.words.has(tag) }); i >= 0 {
			return nil, index(field, i), &valueError{value: shorten(s.tags[i]), why: notInVocabulary}
		}
		parts, err := a.ofTags(s.tags)
		if err != nil {
			return nil, a.guilty(s, field, &err), err
		}
		return parts, "", nil
	case audience.AnyAttr, audience.AllAttrs:
		return a.ofAttributes(s, field)
	}
	panic("mapper: audience without a kind")
}

// renderTags fills s.tags; on an error it returns the item's number.
func (a *audienceSpec) renderTags(s *scope) (int, error) {
	s.tags = s.tags[:0]
	for i, item := range a.items {
		var err error
		if x := item.value.whole(); x != nil {
			s.tags, err = x.appendList(s.tags, s)
		} else {
			var text string
			text, err = item.value.renderExact(s)
			s.tags = append(s.tags, text)
		}
		if err != nil {
			return i, err
		}
	}
	return 0, nil
}

func (a *audienceSpec) ofTags(tags []string) ([]audience.Audience, error) {
	if a.kind == audience.AnyTag {
		return audience.Spread(tags...)
	}
	one, err := audience.OfAllTags(tags...)
	if err != nil {
		return nil, err
	}
	return []audience.Audience{one}, nil
}

// guilty narrows an error about all tags down to the tag that caused it, and
// returns that tag's field.
func (a *audienceSpec) guilty(s *scope, field string, err *error) string {
	for i, tag := range s.tags {
		if _, e := audience.OfAnyTag(tag); e != nil {
			*err = blame(tag, e)
			return index(field, i)
		}
	}
	*err = &valueError{value: shorten(strings.Join(s.tags, ", ")), why: (*err).Error(), err: *err}
	return field
}

func (a *audienceSpec) ofAttributes(s *scope, field string) ([]audience.Audience, string, error) {
	clear(s.pairs)
	if s.pairs == nil {
		s.pairs = make(map[string]string, len(a.items))
	}
	pairs := s.pairs
	for _, item := range a.items {
		value, err := item.value.renderExact(s)
		if err != nil {
			return nil, join(field, item.name), err
		}
		pairs[item.name] = value
	}
	of := audience.OfAnyAttr
	if a.kind == audience.AllAttrs {
		of = audience.OfAllAttrs
	}
	one, err := of(pairs)
	if err == nil {
		return []audience.Audience{one}, "", nil
	}
	for _, item := range a.items {
		value := pairs[item.name]
		if _, err := audience.OfAnyAttr(map[string]string{item.name: value}); err != nil {
			return nil, join(field, item.name), blame(value, err)
		}
	}
	return nil, field, err
}

// blame turns a limit's error about one text into one whose value is beside it
// and not in it; the cause stays for errors.As.
func blame(value string, err error) error {
	why := err.Error()
	switch limit, ok := errors.AsType[*audience.LimitError](err); {
	case value == "":
		why = "it renders empty"
	case ok && limit.Max == audience.MaxBytes:
		why = fmt.Sprintf("%d bytes, allowed 1 to %d", limit.Got, limit.Max)
	case !utf8.ValidString(value):
		why = "it is not UTF-8"
	}
	return &valueError{value: shorten(strings.ToValidUTF8(value, "\uFFFD")), why: why, err: err}
}
