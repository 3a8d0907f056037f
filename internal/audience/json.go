package audience

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"
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

// MaxEncodedLen is the largest EncodedLen: 10 pairs whose names and values are
// 50 control characters, each written as \u00XX.
const MaxEncodedLen = len(`{"AttrsAnd":{}}`) + MaxPairs*(2*(6*MaxBytes+len(`""`))+len(`:,`)) - len(`,`)

// EncodedLen returns the bytes of what MarshalJSON writes, 0 for the zero
// Audience. It costs a walk over the texts and no memory.
func (a Audience) EncodedLen() int {
	n := 0
	switch a.kind {
	case Everyone:
		return len(`"everyone"`)
	case AnyTag:
		n = len(`{"TagsOr":[]}`)
	case AllTags:
		n = len(`{"TagsAnd":[]}`)
	case AnyAttr:
		n = len(`{"AttrsOr":{}}`)
	case AllAttrs:
		n = len(`{"AttrsAnd":{}}`)
	}
	// A comma, or within a pair a colon, follows each text but the last.
	for rest := a.atoms; rest != ""; {
		end := 1 + int(rest[0])
		n += quotedLen(rest[1:end]) + len(`,`)
		rest = rest[end:]
	}
	return max(0, n-len(`,`))
}

// quotedLen returns the bytes of s as encode writes it. That it is UTF-8 was
// checked when the audience was made.
func quotedLen(s string) int {
	n := len(s) + len(`""`)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\', c == '\b', c == '\f', c == '\n', c == '\r', c == '\t':
			n += len(`\n`) - 1
		case c < ' ':
			n += len(`\u0000`) - 1
		case c == 0xe2 && s[i+1] == 0x80 && s[i+2]&^1 == 0xa8:
			// U+2028 and U+2029 end a line in JavaScript, so encoding/json
			// escapes them.
			n += len(`\u2028`) - 3
		}
	}
	return n
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
	got, err := decode(data)
	if err != nil {
		return fmt.Errorf("decode audience: %w", err)
	}
	*a = got
	return nil
}

func decode(data []byte) (Audience, error) {
	switch {
	case bytes.Equal(bytes.TrimSpace(data), []byte(`"everyone"`)):
		return All(), nil
	case !utf8.Valid(data):
		// The decoder would replace the bytes and so name other users.
		return Audience{}, errors.New("the text is not UTF-8")
	}
	// A map, because the names of a struct's fields match in any case.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return Audience{}, err
	}
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	if len(members) != 1 {
		return Audience{}, errNotOne
	}
	for key, value := range members {
		switch key {
		case "TagsOr":
			return decodeTags(AnyTag, value)
		case "TagsAnd":
			return decodeTags(AllTags, value)
		case "AttrsOr":
			return decodePairs(AnyAttr, value)
		case "AttrsAnd":
			return decodePairs(AllAttrs, value)
		}
		return Audience{}, fmt.Errorf("unknown key %q: %w", key, errNotOne)
	}
	return Audience{}, errNotOne
}

func decodeTags(kind Kind, data []byte) (Audience, error) {
	var tags []string
	if err := json.Unmarshal(data, &tags); err != nil {
		return Audience{}, err
	}
	if n := len(distinct(tags)); n != len(tags) {
		return Audience{}, &LimitError{Field: "repeated tags", Got: len(tags) - n}
	}
	return ofTags(kind, tags)
}

func decodePairs(kind Kind, data []byte) (Audience, error) {
	var pairs map[string]string
	if err := json.Unmarshal(data, &pairs); err != nil {
		return Audience{}, err
	}
	return ofPairs(kind, pairs)
}
