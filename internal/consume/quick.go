package consume

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// quickEvent decodes a structured event of the plain kind, which nearly all are:
// version 1.0, attributes that are strings without escapes, data that is JSON. It
// returns the valid event that the SDK would return, in a tenth of the time, and
// nil where it is not sure of that: then the SDK decides, and says what is wrong.
// The event's data is a part of value.
func quickEvent(value []byte) *event.Event {
	q := quick{text: value}
	if !q.whole() {
		return nil
	}
	return q.event()
}

// maxQuickDepth bounds recursion on data that somebody else wrote.
const maxQuickDepth = 64

// quick reads one object. Its methods return false, and offsets -1, where the
// SDK shall decide.
type quick struct {
	text    []byte
	kept    *kept // from the event before; nil: nothing is used again
	seen    attributeSet
	context event.EventContextV1
	data    []byte
}

type attributeSet uint16

// The members that the SDK knows, as bits.
const (
	seenVersion attributeSet = 1 << iota
	seenID
	seenSource
	seenType
	seenSubject
	seenTime
	seenContentType
	seenSchema
	seenData

	required = seenVersion | seenID | seenSource | seenType
)

// whole reads the text, and says whether all is there.
func (q *quick) whole() bool {
	// The SDK keeps text that is no UTF-8 as it is, or not, depending on where.
	return utf8.Valid(q.text) && q.object() && q.seen&required == required
}

func (q *quick) event() *event.Event {
	both := &struct { // one piece of memory: they live and die together
		event   event.Event
		context event.EventContextV1
	}{context: q.context}
	both.event.Context, both.event.DataEncoded = &both.context, q.data
	return &both.event
}

// object reads the whole text.
func (q *quick) object() bool {
	i := q.space(0)
	if !q.is(i, '{') {
		return false
	}
	for i = q.space(i + 1); ; i = q.space(i + 1) {
		name, end := q.plain(i)
		if end < 0 {
			return false
		}
		if i = q.space(end); !q.is(i, ':') {
			return false
		}
		if i = q.member(name, i+1); i < 0 {
			return false
		}
		switch i = q.space(i); {
		case q.is(i, ','):
		case q.is(i, '}'):
			return q.space(i+1) == len(q.text)
		default:
			return false
		}
	}
}

// member reads the value of one member, which begins at i or after spaces, and
// returns the offset after it.
func (q *quick) member(name []byte, i int) int {
	if string(name) == "data" {
		end := q.skip(q.space(i), 0)
		if end < 0 || !q.once(seenData) {
			return -1
		}
		// With the spaces before it: the SDK has them too.
		q.data = q.text[i:end:end]
		return end
	}
	raw, end := q.plain(q.space(i))
	// What begins with a visible character is not empty and not only spaces, which
	// the SDK treats in several ways.
	if end < 0 || len(raw) == 0 || raw[0] <= ' ' || raw[0] >= 0x7f || !q.attribute(name, raw) {
		return -1
	}
	return end
}

// attribute sets one attribute or extension.
func (q *quick) attribute(name, raw []byte) bool {
	c := &q.context
	switch string(name) {
	case "specversion":
		return q.once(seenVersion) && string(raw) == event.CloudEventsVersionV1
	case "id":
		c.ID = string(raw)
		return q.once(seenID)
	case "type":
		c.Type = q.kept.word(seenType, raw)
		return q.once(seenType)
	case "source":
		return q.source(raw) && q.once(seenSource)
	case "subject":
		c.Subject = new(q.kept.word(seenSubject, raw))
		return q.once(seenSubject)
	case "time":
		at, err := types.ParseTimestamp(string(raw))
		c.Time = at
		return err == nil && q.once(seenTime)
	case "datacontenttype":
		// Of data in any other type the SDK asks more.
		c.DataContentType = new(event.ApplicationJSON)
		return q.once(seenContentType) && string(raw) == event.ApplicationJSON
	case "dataschema":
		c.DataSchema = types.ParseURI(string(raw))
		return q.once(seenSchema) && c.DataSchema != nil && c.DataSchema.Validate()
	case "data_base64", "datacontentencoding", "schemaurl":
		return false
	}
	return q.extension(name, string(raw))
}

func (q *quick) source(raw []byte) bool {
	if q.kept != nil && q.kept.words[seenSource] == string(raw) {
		q.context.Source = q.kept.source
		return true
	}
	value := string(raw)
	uri := types.ParseURIRef(value)
	first := value[0] | 0x20
	if uri == nil || value[0] != '/' && (first < 'a' || first > 'z') || strings.HasPrefix(value, "//") {
		return false // "#", "?" and "//" may come out empty
	}
	q.context.Source = *uri
	if q.kept != nil {
		q.kept.words[seenSource], q.kept.source = value, *uri
	}
	return true
}

func (q *quick) extension(name []byte, value string) bool {
	c := &q.context
	for _, b := range name {
		if b < '0' || b > '9' && b < 'a' || b > 'z' {
			return false
		}
	}
	if _, twice := c.Extensions[string(name)]; twice || len(name) == 0 {
		return false
	}
	if c.Extensions == nil {
		if q.kept != nil {
			c.Extensions = q.kept.extensions
		} else {
			c.Extensions = make(map[string]any, 1)
		}
	}
	c.Extensions[q.kept.name(name)] = value
	return true
}

// once notes that a member has been read, and says whether it was the first
// time.
func (q *quick) once(a attributeSet) bool {
	before := q.seen
	q.seen |= a
	return before&a == 0
}

func (q *quick) is(i int, c byte) bool { return i >= 0 && i < len(q.text) && q.text[i] == c }

func (q *quick) space(i int) int {
	for i < len(q.text) && (q.text[i] == ' ' || q.text[i] == '\n' || q.text[i] == '\t' || q.text[i] == '\r') {
		i++
	}
	return i
}

// plain returns the string at i if it has no escapes, and the offset after it.
func (q *quick) plain(i int) ([]byte, int) {
	if !q.is(i, '"') {
		return nil, -1
	}
	end := q.special(i + 1)
	if !q.is(end, '"') {
		return nil, -1
	}
	return q.text[i+1 : end], end + 1
}

// special returns the offset of the next quote, backslash or control character.
func (q *quick) special(i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(q.text); i += 8 {
		// The top bit of each byte: whether it, less the one looked for, is below
		// zero. A borrow can only spoil bytes above one that was found.
		x := binary.LittleEndian.Uint64(q.text[i:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		found := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & tops
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(q.text); i++ {
		if c := q.text[i]; c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return i
}

// skip returns the offset after the JSON value at i.
func (q *quick) skip(i, depth int) int {
	if i >= len(q.text) || depth > maxQuickDepth {
		return -1
	}
	switch c := q.text[i]; c {
	case '"':
		return q.skipString(i)
	case '{':
		return q.skipAll(i, depth, '}')
	case '[':
		return q.skipAll(i, depth, ']')
	case 't':
		return q.word(i, "true")
	case 'f':
		return q.word(i, "false")
	case 'n':
		return q.word(i, "null")
	}
	return q.number(i)
}

// skipAll skips an object or a list.
func (q *quick) skipAll(i, depth int, last byte) int {
	if i = q.space(i + 1); q.is(i, last) {
		return i + 1
	}
	for ; ; i = q.space(i + 1) {
		if last == '}' {
			if !q.is(i, '"') {
				return -1
			}
			if i = q.skipString(i); i < 0 {
				return -1
			}
			if i = q.space(i); !q.is(i, ':') {
				return -1
			}
			i = q.space(i + 1)
		}
		if i = q.skip(i, depth+1); i < 0 {
			return -1
		}
		switch i = q.space(i); {
		case q.is(i, ','):
		case q.is(i, last):
			return i + 1
		default:
			return -1
		}
	}
}

func (q *quick) skipString(i int) int {
	for i = q.special(i + 1); q.is(i, '\\'); i = q.special(i) {
		if i++; i >= len(q.text) {
			return -1
		}
		switch q.text[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i++
		case 'u':
			for range 4 {
				if i++; i >= len(q.text) || !isHex(q.text[i]) {
					return -1
				}
			}
			i++
		default:
			return -1
		}
	}
	if !q.is(i, '"') {
		return -1
	}
	return i + 1
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func (q *quick) word(i int, word string) int {
	if end := i + len(word); end <= len(q.text) && string(q.text[i:end]) == word {
		return end
	}
	return -1
}

// number skips a number without an exponent; one with it is left to the SDK,
// which computes it and may find it too large.
func (q *quick) number(i int) int {
	if q.is(i, '-') {
		i++
	}
	from := i
	if i = q.digits(i); i == from || q.text[from] == '0' && i > from+1 {
		return -1
	}
	if q.is(i, '.') {
		from = i + 1
		if i = q.digits(from); i == from {
			return -1
		}
	}
	if q.is(i, 'e') || q.is(i, 'E') {
		return -1
	}
	return i
}

func (q *quick) digits(i int) int {
	for i < len(q.text) && q.text[i] >= '0' && q.text[i] <= '9' {
		i++
	}
	return i
}
