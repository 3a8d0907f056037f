package ruletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// plain is a text that YAML reads as itself, wherever it stands.
var plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.#-]*$|^([0-9]+[hms]+)+(\.\.([0-9]+[hms]+)+)?$`)

// reserved are plain texts that some reader of YAML takes for something else.
var reserved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// flow writes a JSON value as one line of YAML, keys in order.
func flow(v any) string {
	switch v := v.(type) {
	case string:
		if plain.MatchString(v) && !slices.Contains(reserved, strings.ToLower(v)) {
			return v
		}
		return quoted(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = flow(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			items = append(items, flow(key)+": "+flow(v[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return quoted(v)
}

// flowTexts writes a list of strings.
func flowTexts(list []string) string {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return flow(all)
}

func quoted(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}
