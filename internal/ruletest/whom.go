package ruletest

import (
	"fmt"
	"slices"

	"pushbridge/internal/audience"
	"pushbridge/internal/mapper"
)

// wantAudience reads the rule file's words, or the API's.
func (w *wanted) wantAudience() {
	want, err := audienceOf(w.node, w.key == "condition")
	if err != nil {
		do := "write {tags_any: [gold]}, as a rule does"
		if w.key == "condition" {
			do = "write {TagsOr: [gold]}, as the API is told, or everyone"
		}
		w.node.Refuse(err.Error(), do)
	}
	w.met = func(got fact) bool { return slices.Equal(got.value.([]audience.Audience), want) }
}

// kinds has the words of both.
var kinds = []struct {
	api  string
	kind audience.Kind
}{
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
		word := k.kind.String()
		if api {
			word = k.api
		}
		v, ok := members[word]
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
