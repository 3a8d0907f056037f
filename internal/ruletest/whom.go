package ruletest

import (
	"fmt"
	"slices"

	"pushbridge/internal/audience"
	"pushbridge/internal/mapper"
)

// wantAudience reads the rule file's words, or the API's.
func (w *wanted) wantAudience() {
	api := w.key == "condition"
	known := []string{audience.Everyone.String()}
	if api {
		known = nil // it is a word there, and no key
	}
	for _, k := range kinds {
		known = append(known, k.word(api))
	}
	for key := range w.node.Members() {
		if !slices.Contains(known, key) {
			w.node.Map(known...) // notes it
			return
		}
	}
	want, err := audienceOf(w.node, api)
	if err != nil {
		do := "write {tags_any: [gold]}, as a rule does"
		if api {
			do = "write {TagsOr: [gold]}, as the API is told, or everyone"
		}
		w.node.Refuse(err.Error(), do)
	}
	w.met = func(got fact) bool { return slices.Equal(got.value.([]audience.Audience), want) }
}

// audienceKind is a kind of audience, and the API's word for it.
type audienceKind struct {
	api  string
	kind audience.Kind
}

func (k *audienceKind) word(api bool) string {
	if api {
		return k.api
	}
	return k.kind.String()
}

// kinds has the words of both.
var kinds = []audienceKind{
	{"TagsOr", audience.AnyTag}, {"TagsAnd", audience.AllTags}, {"AttrsOr", audience.AnyAttr}, {"AttrsAnd", audience.AllAttrs},
}

func audienceOf(n mapper.Node, api bool) ([]audience.Audience, error) {
	value := n.Value()
	members, _ := value.(map[string]any)
	if everyone, _ := members[audience.Everyone.String()].(bool); api && value == "everyone" || !api && len(members) == 1 && everyone {
		return []audience.Audience{audience.All()}, nil
	}
	if len(members) != 1 {
		return nil, fmt.Errorf("want a map with one key, got %s", flow(value))
	}
	for _, k := range kinds {
		v, ok := members[k.word(api)]
		if !ok {
			continue
		}
		switch k.kind {
		case audience.AnyTag, audience.AllTags:
			tags, err := texts(v)
			if err != nil {
				return nil, err
			}
			if k.kind == audience.AnyTag {
				return audience.Spread(tags...)
			}
			return one(audience.OfAllTags(tags...))
		case audience.AnyAttr, audience.AllAttrs:
			pairs, err := textPairs(v)
			if err != nil {
				return nil, err
			}
			if k.kind == audience.AnyAttr {
				return one(audience.OfAnyAttr(pairs))
			}
			return one(audience.OfAllAttrs(pairs))
		case audience.Everyone:
		}
	}
	return nil, fmt.Errorf("%s is no audience", flow(value))
}

func one(a audience.Audience, err error) ([]audience.Audience, error) {
	return []audience.Audience{a}, err
}

func texts(v any) ([]string, error) {
	list, _ := v.([]any)
	all := make([]string, len(list))
	for i, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("%s is no string", flow(item))
		}
		all[i] = text
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("want a list of strings, got %s", flow(v))
	}
	return all, nil
}

func textPairs(v any) (map[string]string, error) {
	pairs, _ := v.(map[string]any)
	all := make(map[string]string, len(pairs))
	for name, value := range pairs {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("%s: %s is no string", name, flow(value))
		}
		all[name] = text
	}
	return all, nil
}
