package infer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// schema is a draft in the order of its keys.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type,omitempty"` // a name or a list of names
	Format      string             `json:"format,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Others      *schema            `json:"additionalProperties,omitempty"`
}

// Words are taken for all there are where they are few and each has come back.
const (
	maxEnum       = 10
	valuesPerWord = 5 // on average
	leastOfAWord  = 2
)

// Names of members are taken for data where there are more than these and none
// is in half of the objects.
const (
	namesOfData   = 20
	objectsOfData = 10
)

// file returns the type's schema as a file.
func (t *draft) file(name string) ([]byte, error) {
	s := t.data.schema("event")
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = name
	s.Description = "Drafted from " + counted(t.events, "event") + "."
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return b.Bytes(), err
}

// schema says what all values have in common. The holder is what has members, for
// people.
func (n *node) schema(holder string) *schema {
	s := &schema{}
	if kinds := n.kinds(); len(kinds) == 1 {
		s.Type = kinds[0]
	} else if len(kinds) > 1 {
		s.Type = kinds
	}
	if n.texts > 0 && n.texts+n.nulls == n.values {
		s.Format = n.format()
		if words := n.closed(); words != nil && s.Format == "" {
			for _, word := range words {
				s.Enum = append(s.Enum, word)
			}
			if n.nulls > 0 {
				s.Enum = append(s.Enum, nil)
			}
		}
	}
	if n.items != nil {
		s.Items = n.items.schema("object")
		s.Items.Description = counted(n.items.values, "item") + " in " + counted(n.lists, "list") + n.items.note(s.Items) + "."
	}
	if n.any == nil && n.namesAreData() {
		// On a copy: whoever sees more events may find otherwise.
		copied := &node{}
		copied.mergeMembers(n)
		copied.collapse()
		copied.objects = n.objects
		return copied.others(s)
	}
	if n.any != nil {
		return n.others(s)
	}
	for _, name := range slices.Sorted(maps.Keys(n.members)) {
		member := n.members[name]
		if s.Properties == nil {
			s.Properties = map[string]*schema{}
		}
		sub := member.schema("object")
		sub.Description = fmt.Sprintf("In %d of %s%s.", member.values, counted(n.objects, holder), member.note(sub))
		s.Properties[name] = sub
		if member.values == n.objects {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

// others describes objects whose names are data.
func (n *node) others(s *schema) *schema {
	s.Others = n.any.schema("object")
	s.Others.Description = counted(n.any.values, "value") + " under many names in " + counted(n.objects, "object") + n.any.note(s.Others) + "."
	return s
}

// note says what was seen beside the count.
func (n *node) note(s *schema) string {
	var b strings.Builder
	if n.nulls > 0 {
		fmt.Fprintf(&b, ", %d of them null", n.nulls)
	}
	if s.Enum != nil {
		fmt.Fprintf(&b, "; %s, perhaps not all there are", counted(len(n.words), "word"))
	}
	if kinds := n.kinds(); len(kinds) > 1 && !(len(kinds) == 2 && n.nulls > 0) {
		b.WriteString("; of several types")
	}
	if n.deep {
		b.WriteString("; what is deeper was not looked at")
	}
	return b.String()
}

// kinds returns JSON Schema's names of what was seen.
func (n *node) kinds() []string {
	var all []string
	for _, k := range [...]struct {
		name  string
		count int
	}{
		{"object", n.objects}, {"array", n.lists}, {"string", n.texts},
		{"number", n.decimals}, {"integer", n.wholes}, {"boolean", n.bools}, {"null", n.nulls},
	} {
		if k.count > 0 && !(k.name == "integer" && n.decimals > 0) {
			all = append(all, k.name)
		}
	}
	return all
}

func (n *node) format() string {
	switch {
	case n.formats&dateTime != 0:
		return "date-time"
	case n.formats&date != 0:
		return "date"
	case n.formats&uuid != 0:
		return "uuid"
	}
	return ""
}

// closed returns the words if they seem to be all there are, sorted.
func (n *node) closed() []string {
	if n.many || len(n.words) < 2 || len(n.words) > maxEnum || n.texts < valuesPerWord*len(n.words) {
		return nil
	}
	for word, count := range n.words {
		// What people read is written anew every day.
		if count < leastOfAWord || strings.ContainsFunc(word, unicode.IsSpace) {
			return nil
		}
	}
	return slices.Sorted(maps.Keys(n.words))
}

// namesAreData says whether an object is more likely a map.
func (n *node) namesAreData() bool {
	if len(n.members) <= namesOfData || n.objects < objectsOfData {
		return false
	}
	for _, member := range n.members {
		if 2*member.values >= n.objects {
			return false
		}
	}
	return true
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
