package pushsim

import (
	"encoding/json"
	"fmt"
	"slices"
)

// conditionKind is which of the four keys a condition has, or none.
type conditionKind uint8

const (
	everyone conditionKind = iota + 1
	tagsOr
	tagsAnd
	attrsOr
	attrsAnd
)

// condition says whom a push is for. The zero condition is invalid.
type condition struct {
	kind  conditionKind
	tags  []string          // tagsOr, tagsAnd
	pairs map[string]string // attrsOr, attrsAnd: name to value
}

// conditionKey is one of the names that the API knows in a Condition.
type conditionKey struct {
	name string
	kind conditionKind
}

// conditionKeys are the four keys in the order of the page.
var conditionKeys = []conditionKey{{"TagsOr", tagsOr}, {"TagsAnd", tagsAnd}, {"AttrsOr", attrsOr}, {"AttrsAnd", attrsAnd}}

// parseCondition reads Condition and judges it. A condition that says nothing
// ({}, an empty list, only keys that the API does not know) is documented
// nowhere; it reaches everyone, which is the reading that shows a careless
// caller up, unless strict makes it 90010.
func parseCondition(f fields, attr func(string) bool, strict bool) (condition, []string, refusal) {
	raw, ok := f.get("Condition")
	if !ok {
		return condition{kind: everyone}, nil, refusal{}
	}
	keys, ok := parseObject(raw)
	if !ok {
		return condition{}, nil, refuse(codeBadFormat, "Condition is no object")
	}
	var found []condition
	var ignored []string
	for _, key := range conditionKeys {
		raw, ok := keys.get(key.name)
		if !ok {
			continue
		}
		c, r := parseKey(key.name, key.kind, raw)
		if r.given() {
			return condition{}, nil, r
		}
		if len(c.tags)+len(c.pairs) > 0 {
			found = append(found, c)
		}
	}
	for name := range keys {
		if !slices.ContainsFunc(conditionKeys, func(k conditionKey) bool { return k.name == name }) {
			ignored = append(ignored, "Condition."+name)
		}
	}
	slices.Sort(ignored)
	switch {
	case len(found) > 1:
		return condition{}, ignored, refuse(codeTagsAndAttrs, "Condition has more than one of TagsOr, TagsAnd, AttrsOr, AttrsAnd")
	case len(found) == 0 && strict:
		return condition{}, ignored, refuse(codeBadFormat, "Condition says nothing")
	case len(found) == 0:
		return condition{kind: everyone}, ignored, refusal{}
	}
	c := found[0]
	return c, ignored, c.judge(attr)
}

// parseKey reads one key's value without judging its limits, which come after
// the question whether two keys stand together.
func parseKey(name string, kind conditionKind, raw json.RawMessage) (condition, refusal) {
	c := condition{kind: kind}
	if kind == tagsOr || kind == tagsAnd {
		list, ok := parseArray(raw)
		if !ok {
			return c, refuse(codeBadFormat, name+" is no array")
		}
		for i, item := range list {
			tag := ""
			if string(item) != "null" { // a null tag is an empty one
				if tag, ok = parseText(item); !ok {
					return c, refuse(codeBadFormat, fmt.Sprintf("%s[%d] is no string", name, i))
				}
			}
			c.tags = append(c.tags, tag)
		}
		return c, refusal{}
	}
	pairs, ok := parseObject(raw)
	if !ok {
		return c, refuse(codeBadFormat, name+" is no object")
	}
	c.pairs = make(map[string]string, len(pairs))
	for attr, raw := range pairs {
		value, ok := parseText(raw)
		if !ok {
			return c, refuse(codeBadAttribute, fmt.Sprintf("the value of attribute %q is no string", attr))
		}
		c.pairs[attr] = value
	}
	return c, refusal{}
}

// judge checks the limits of the one key.
func (c condition) judge(attr func(string) bool) refusal {
	if r := judgeTags(c.tags); r.given() {
		return r
	}
	if len(c.tags) > limitTags {
		return refuse(codeTooManyTags, fmt.Sprintf("%d tags, at most %d", len(c.tags), limitTags))
	}
	for i, tag := range c.tags {
		if slices.Contains(c.tags[:i], tag) {
			return refuse(codeTagRepeated, fmt.Sprintf("tag %q is repeated", tag))
		}
	}
	for name, value := range c.pairs {
		switch {
		case !attr(name):
			return refuse(codeBadAttribute, fmt.Sprintf("attribute %q is not set up", name))
		case value == "" || len(value) > limitAttrBytes:
			return refuse(codeBadAttribute, fmt.Sprintf("the value of attribute %q has %d bytes", name, len(value)))
		}
	}
	return refusal{}
}

// judgeTags checks each tag's length, which is in bytes of UTF-8.
func judgeTags(tags []string) refusal {
	if slices.Contains(tags, "") {
		return refuse(codeTagEmpty, "a tag is empty")
	}
	for _, tag := range tags {
		if len(tag) > limitTagBytes {
			return refuse(codeTagTooLong, fmt.Sprintf("a tag has %d bytes, at most %d", len(tag), limitTagBytes))
		}
	}
	return refusal{}
}

// audience returns the users of a that meet the condition at this instant.
func (c condition) audience(a *app) bitset {
	var sets []bitset
	for _, tag := range c.tags {
		sets = append(sets, a.byTag[tag])
	}
	for name, value := range c.pairs {
		sets = append(sets, a.byAttr[pair{name, value}])
	}
	switch c.kind {
	case everyone:
		return slices.Clone(a.everyone)
	case tagsOr, attrsOr:
		var out bitset
		for _, set := range sets {
			out = out.or(set)
		}
		return out
	case tagsAnd, attrsAnd:
		out := slices.Clone(sets[0])
		for _, set := range sets[1:] {
			out = out.and(set)
		}
		return out
	}
	panic("pushsim: audience of an invalid condition")
}
