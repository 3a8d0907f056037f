package results

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxText is how much of one string is told, in bytes. Reasons and foreign ids
// have no limit of their own, a message has.
const maxText = 8 << 10

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, as the CloudEvents SDK would write it.
// What is no UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	s = clip(s)
	dst = append(dst, '"')
	plain := 0 // start of what needs no change
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[plain:i]...), "\uFFFD"...)
				plain = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[plain:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		plain = i
	}
	dst = append(dst, s[plain:]...)
	return append(dst, '"')
}

// clip cuts a string that is too long, between characters.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// legal returns s as an attribute of an event may be: CloudEvents forbids control
// characters there, and events that others made may have them all the same.
func legal(s string) string {
	s = clip(s)
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r >= 0x7f && r <= 0x9f {
					return utf8.RuneError
				}
				return r
			}, strings.ToValidUTF8(s, string(utf8.RuneError)))
		}
	}
	return s
}

func appendKey(dst []byte, name string) []byte {
	dst = append(append(dst, `,"`...), name...)
	return append(dst, `":`...)
}

// appendMember appends a member that is absent where it is empty.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(appendKey(dst, name), value)
}

// appendTexts appends a list that is absent where it is empty.
func appendTexts(dst []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(appendKey(dst, name), '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v)
	}
	return append(dst, ']')
}

func appendInt(dst []byte, name string, value int64) []byte {
	return strconv.AppendInt(appendKey(dst, name), value, 10)
}

func appendTrue(dst []byte, name string, value bool) []byte {
	if !value {
		return dst
	}
	return append(appendKey(dst, name), "true"...)
}

func appendInstant(dst []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	dst = append(appendKey(dst, name), '"')
	dst = t.UTC().AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}
