package intent

import (
	"errors"
	"unicode/utf8"
)

// errNotUTF8 refuses texts that an encoder would have to change.
var errNotUTF8 = errors.New("text is not UTF-8")

// appendString appends s as a JSON string, byte for byte as encodeJSON writes
// it. Most messages are one text and a notification, and reflection over them
// cost half of the mapping of an event.
func appendString(dst []byte, s string) ([]byte, error) {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) {
		return dst, errNotUTF8
	}
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0xe2 {
			continue
		}
		var escape string
		switch c {
		case '"':
			escape = `\"`
		case '\\':
			escape = `\\`
		case '\b':
			escape = `\b`
		case '\f':
			escape = `\f`
		case '\n':
			escape = `\n`
		case '\r':
			escape = `\r`
		case '\t':
			escape = `\t`
		case 0xe2:
			// U+2028 and U+2029 end a line in JavaScript, so encoding/json
			// escapes them.
			if s[i+1] != 0x80 || s[i+2]&^1 != 0xa8 {
				continue
			}
			dst = append(append(dst, s[start:i]...), '\\', 'u', '2', '0', '2', hex[s[i+2]&0xf])
			i += 2
			start = i + 1
			continue
		default:
			dst = append(append(dst, s[start:i]...), '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			start = i + 1
			continue
		}
		dst = append(append(dst, s[start:i]...), escape...)
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"'), nil
}
