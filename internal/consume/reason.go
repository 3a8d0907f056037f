package consume

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
)

// structuredReason says why a text is no structured event, in the words of its
// producer; what it does not find the SDK's own error says. It is asked only of what was
// refused, so it may be slow.
func structuredReason(value []byte, err error) error {
	var members map[string]json.RawMessage
	read := json.Unmarshal(value, &members)
	if syntax, ok := errors.AsType[*json.SyntaxError](read); ok {
		at := min(max(int(syntax.Offset)-1, 0), len(value))
		var first json.RawMessage
		if errors.Is(json.NewDecoder(bytes.NewReader(value)).Decode(&first), io.ErrUnexpectedEOF) {
			at = len(value)
		}
		return fmt.Errorf("no JSON at character %d: %s", utf8.RuneCount(value[:at])+1, WhyNoJSON(value, at))
	}
	if members == nil {
		return fmt.Errorf("it is %s, want an object with the attributes of an event", kindOfJSON(value))
	}
	a := attributes{members: members}
	switch version := a.required("specversion"); {
	case len(a.wrong) > 0:
		a.wrong = a.wrong[:1]
		if members["specversion"] == nil {
			a.wrong[0] = `specversion is missing: a structured event has "specversion":"1.0", id, source and type`
		}
	case version != event.CloudEventsVersionV1 && version != event.CloudEventsVersionV03:
		a.note("specversion %q, want 1.0", version)
	default:
		a.check(version)
	}
	if len(a.wrong) == 0 {
		return err
	}
	return errors.New(strings.Join(a.wrong, "; "))
}

// attributes are the members of an event, and what is wrong with them.
type attributes struct {
	members map[string]json.RawMessage
	wrong   []string
}

func (a *attributes) note(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// text returns a member that is a string, false where it is absent or another thing.
func (a *attributes) text(name string) (string, bool) {
	raw, ok := a.members[name]
	if !ok || string(raw) == "null" {
		return "", false
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		a.note("%s is %s, want a text in quotes", name, kindOfJSON(raw))
		return "", false
	}
	return text, true
}

func (a *attributes) required(name string) string {
	before := len(a.wrong)
	text, ok := a.text(name)
	switch {
	case len(a.wrong) > before:
	case !ok:
		a.note("%s is missing", name)
	case text == "":
		a.note("%s is empty", name)
	}
	return text
}

var extensionName = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// check looks at all attributes but the version.
func (a *attributes) check(version string) {
	a.required("id")
	if source := a.required("source"); source != "" {
		if _, err := url.Parse(source); err != nil {
			a.note("source %q is no URI reference", shortened(source))
		}
	}
	a.required("type")
	if at, ok := a.text("time"); ok {
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
			a.note("time %q, want one like 2026-03-01T09:00:00Z", shortened(at))
		}
	}
	if coding, ok := a.text("datacontentencoding"); ok && version == event.CloudEventsVersionV03 && !strings.EqualFold(coding, event.Base64) {
		a.note("datacontentencoding %q, want base64", shortened(coding))
	}
	a.text("subject")
	contentType, _ := a.text("datacontenttype")
	if schema, ok := a.text("dataschema"); ok && version == event.CloudEventsVersionV1 {
		if u, err := url.Parse(schema); err != nil || !u.IsAbs() {
			a.note("dataschema %q is no absolute URI", shortened(schema))
		}
	}
	if data, ok := a.text("data_base64"); ok {
		if _, err := base64.StdEncoding.DecodeString(data); err != nil {
			a.note("data_base64 is no base64")
		}
	}
	known := []string{"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "schemaurl", "datacontentencoding", "data", "data_base64"}
	for _, name := range sortedNames(a.members) {
		switch kind := kindOfJSON(a.members[name]); {
		case slices.Contains(known, name):
		case !extensionName.MatchString(name):
			a.note("attribute %q: names are a to z and 0 to 9", shortened(name))
		case kind == "an object" || kind == "a list":
			a.note("attribute %s is %s: only data may be one", shortened(name), kind)
		}
	}
	if kind := kindOfJSON(a.members["data"]); len(a.wrong) == 0 && a.members["data"] != nil && kind != "a text" && contentType != "" && !strings.Contains(contentType, "json") {
		a.note("data is %s, and of datacontenttype %q it must be a text", kind, shortened(contentType))
	}
}

func sortedNames(members map[string]json.RawMessage) []string {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func kindOfJSON(raw []byte) string {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// shortened keeps a value from filling the reason.
func shortened(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// WhyNoJSON says what is wrong with the text at the byte where it stops being JSON; at
// its end, where that is len(text).
func WhyNoJSON(text []byte, at int) string {
	if at >= len(text) {
		return "it ends in the midst of a value"
	}
	before := bytes.TrimRight(text[:at], " \t\r\n")
	found, _ := utf8.DecodeRune(text[at:])
	last := rune(0)
	if len(before) > 0 {
		last = rune(before[len(before)-1])
	}
	switch word := wordAt(text, at); {
	case at > 0 && text[at-1] == '\\':
		return fmt.Sprintf(`\%c means nothing in a text: a backslash is written \\`, found)
	case found < ' ':
		return `a text goes over the end of its line, or holds a tab: they are written \n and \t`
	case found == '\'':
		return "names and texts stand in double quotes"
	case (found == '}' || found == ']') && last == ',':
		return fmt.Sprintf("there is a comma too many before %c", found)
	case json.Valid(before):
		return "something follows what is a whole value"
	case strings.Contains(" True False None nil undefined NaN ", " "+word+" "):
		return fmt.Sprintf("%s is none of true, false and null", word)
	case word != "" && !unicode.IsDigit(rune(word[0])):
		return fmt.Sprintf("%s stands without double quotes", shortened(word))
	case found == '"' && last != ',' && last != '{' && last != '[' && last != ':':
		return "a comma, or a colon, is missing before this"
	}
	return fmt.Sprintf("%q cannot stand here", found)
}

// wordAt is the word that the byte is a part of.
func wordAt(text []byte, at int) string {
	letters := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
	from := len(bytes.TrimRightFunc(text[:at], letters))
	to := at
	for to < len(text) {
		r, size := utf8.DecodeRune(text[to:])
		if !letters(r) {
			break
		}
		to += size
	}
	return string(text[from:to])
}
