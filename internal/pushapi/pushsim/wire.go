package pushsim

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// fields is one JSON object. Names are compared exactly, as the API does, which
// is why the wire is not decoded into structs: encoding/json ignores case.
type fields map[string]json.RawMessage

// parseObject returns the object that raw is, and false where it is none.
func parseObject(raw []byte) (fields, bool) {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '{' || !utf8.Valid(raw) {
		return nil, false
	}
	var f fields
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, false
	}
	return f, true
}

// parseArray returns the elements of the array that raw is, and false where it
// is none.
func parseArray(raw []byte) ([]json.RawMessage, bool) {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, false
	}
	return list, true
}

// get returns the field, or false where it is absent. A null is absent: public
// SDKs send unset members so.
func (f fields) get(name string) (json.RawMessage, bool) {
	raw, ok := f[name]
	if !ok || string(raw) == "null" {
		return nil, false
	}
	return raw, true
}

// text returns the field as a string: "" where it is absent, false where it is
// something else.
func (f fields) text(name string) (string, bool) {
	raw, ok := f.get(name)
	if !ok {
		return "", true
	}
	return parseText(raw)
}

func parseText(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// parseTexts returns the strings of an array, and false where raw is no array
// of strings.
func parseTexts(raw json.RawMessage) ([]string, bool) {
	list, ok := parseArray(raw)
	if !ok {
		return nil, false
	}
	texts := make([]string, len(list))
	for i, item := range list {
		if texts[i], ok = parseText(item); !ok {
			return nil, false
		}
	}
	return texts, true
}

// parseUint returns an integer without sign, fraction or exponent.
func parseUint(raw json.RawMessage, bits int) (uint64, bool) {
	n, err := strconv.ParseUint(string(raw), 10, bits)
	return n, err == nil
}

// isNumber reports whether raw, which is valid JSON, is a number.
func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// flag returns the field as 0 or 1: false, true where it is absent; second
// result false where it is anything else.
func (f fields) flag(name string) (on, ok bool) {
	raw, present := f.get(name)
	switch {
	case !present, string(raw) == "0":
		return false, true
	case string(raw) == "1":
		return true, true
	}
	return false, false
}
