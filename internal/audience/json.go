package audience

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// errNotOne is the cause of a condition that does not name exactly one kind.
var errNotOne = errors.New(`want "everyone" or an object with exactly one of TagsOr, TagsAnd, AttrsOr, AttrsAnd`)

// MarshalJSON returns the API's Condition object. Everyone, which the API says
// by leaving the condition out, is the string "everyone", so that an absent
// value is never mistaken for it. The zero Audience has no encoding.
func (a Audience) MarshalJSON() ([]byte, error) {
	switch a.kind {
	case Everyone:
		return []byte(`"everyone"`), nil
	case AnyTag:
		return encode("TagsOr", a.Tags())
	case AllTags:
		return encode("TagsAnd", a.Tags())
	case AnyAttr, AllAttrs:
		pairs := make(map[string]string, MaxPairs)
		for _, p := range a.Pairs() {
			pairs[p.Name] = p.Value
		}
		if a.kind == AnyAttr {
			return encode("AttrsOr", pairs)
		}
		return encode("AttrsAnd", pairs)
	}
	return nil, errors.New("encode audience: it names nobody")
}

func encode(key string, value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{key: value}); err != nil {
		return nil, fmt.Errorf("encode audience: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// UnmarshalJSON reads what MarshalJSON writes. A condition that the API would
// refuse is an error: unknown or several keys, empty or repeated tags, too many
// or too long ones. Null members count as absent, as the API has it.
func (a *Audience) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte(`"everyone"`)) {
		*a = All()
		return nil
	}
	var wire struct {
		TagsOr   []string
		TagsAnd  []string
		AttrsOr  map[string]string
		AttrsAnd map[string]string
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil {
		return fmt.Errorf("decode audience: %w", err)
	}
	var got Audience
	var err error
	kinds := 0
	for _, tags := range []struct {
		kind Kind
		list []string
	}{{AnyTag, wire.TagsOr}, {AllTags, wire.TagsAnd}} {
		if tags.list == nil {
			continue
		}
		kinds++
		if n := len(distinct(tags.list)); n != len(tags.list) {
			return fmt.Errorf("decode audience: %w", &LimitError{Field: "repeated tags", Got: len(tags.list) - n})
		}
		got, err = ofTags(tags.kind, tags.list)
	}
	for _, attrs := range []struct {
		kind  Kind
		pairs map[string]string
	}{{AnyAttr, wire.AttrsOr}, {AllAttrs, wire.AttrsAnd}} {
		if attrs.pairs == nil {
			continue
		}
		kinds++
		got, err = ofPairs(attrs.kind, attrs.pairs)
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("decode audience: %w", errNotOne)
	case err != nil:
		return fmt.Errorf("decode audience: %w", err)
	}
	*a = got
	return nil
}
