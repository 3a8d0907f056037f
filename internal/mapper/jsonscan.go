package mapper

import "unicode/utf16"

// scanner fills a document. Its methods say false where the text is no JSON,
// with the reason in why and the place in at: an error value for each byte
// would cost more than the scan.
type scanner struct {
	*document
	at  int
	why string
}

func (s *scanner) space() {
	for s.at < len(s.raw) {
		switch s.raw[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.at < len(s.raw) {
		return s.raw[s.at]
	}
	return 0
}

func (s *scanner) bad(why string) bool {
	s.why = why
	return false
}

func (s *scanner) value(depth int) bool {
	if depth > maxDepth {
		return s.bad("nested deeper than 200")
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth)
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.string()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true", trueToken)
	case c == 'f':
		return s.word("false", falseToken)
	case c == 'n':
		return s.word("null", nullToken)
	}
	return s.bad("want a value")
}

func (s *scanner) object(depth int) bool {
	self := s.open(objectToken)
	for first := true; ; first = false {
		s.space()
		if s.peek() == '}' && first {
			return s.close(self)
		}
		if s.peek() != '"' {
			return s.bad("want a member's name in quotes")
		}
		if !s.string() {
			return false
		}
		if s.space(); s.peek() != ':' {
			return s.bad("want a colon")
		}
		s.at++
		s.space()
		if !s.value(depth + 1) {
			return false
		}
		switch s.space(); s.peek() {
		case ',':
			s.at++
		case '}':
			return s.close(self)
		default:
			return s.bad("want a comma or a closing brace")
		}
	}
}

func (s *scanner) array(depth int) bool {
	self := s.open(arrayToken)
	for first := true; ; first = false {
		s.space()
		if s.peek() == ']' && first {
			return s.close(self)
		}
		if !s.value(depth + 1) {
			return false
		}
		switch s.space(); s.peek() {
		case ',':
			s.at++
		case ']':
			return s.close(self)
		default:
			return s.bad("want a comma or a closing bracket")
		}
	}
}

func (s *scanner) open(kind tokenKind) int {
	s.tokens = append(s.tokens, token{kind: kind, start: int32(s.at)})
	s.at++
	return len(s.tokens) - 1
}

func (s *scanner) close(self int) bool {
	s.at++
	s.tokens[self].end, s.tokens[self].next = int32(s.at), int32(len(s.tokens))
	return true
}

func (s *scanner) leaf(t token) bool {
	t.next = int32(len(s.tokens) + 1)
	s.tokens = append(s.tokens, t)
	return true
}

func (s *scanner) word(word string, kind tokenKind) bool {
	end := s.at + len(word)
	if end > len(s.raw) || string(s.raw[s.at:end]) != word {
		return s.bad("want a value")
	}
	t := token{kind: kind, start: int32(s.at), end: int32(end)}
	s.at = end
	return s.leaf(t)
}

func (s *scanner) string() bool {
	s.at++
	t := token{kind: stringToken, start: int32(s.at)}
	for s.at < len(s.raw) {
		switch c := s.raw[s.at]; {
		case c == '"':
			t.end = int32(s.at)
			s.at++
			return s.leaf(t)
		case c < ' ':
			return s.bad("control character in a string")
		case c == '\\':
			t.escaped = true
			if !s.escape() {
				return false
			}
		default:
			s.at++
		}
	}
	return s.bad("string without an end")
}

func (s *scanner) escape() bool {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return true
	case 'u':
		r, ok := s.unicode()
		if !ok {
			return s.bad("want four hexadecimal digits after \\u")
		}
		if !utf16.IsSurrogate(r) {
			return true
		}
		// Half a pair is no character: to replace it would change what people
		// read, and whom a tag names.
		if s.peek() != '\\' {
			return s.bad("half a surrogate pair")
		}
		s.at++
		low, ok := s.unicode()
		if !ok || utf16.DecodeRune(r, low) == '\uFFFD' {
			return s.bad("half a surrogate pair")
		}
		return true
	}
	return s.bad("unknown escape in a string")
}

// unicode reads uXXXX.
func (s *scanner) unicode() (rune, bool) {
	if s.at+5 > len(s.raw) || s.raw[s.at] != 'u' {
		return 0, false
	}
	digits := s.raw[s.at+1 : s.at+5]
	for _, c := range digits {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return 0, false
		}
	}
	s.at += 5
	return hex4(digits), true
}

func (s *scanner) number() bool {
	t := token{kind: numberToken, start: int32(s.at)}
	if s.peek() == '-' {
		s.at++
	}
	switch {
	case s.peek() == '0':
		s.at++
	case !s.digits():
		return s.bad("want a digit")
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return s.bad("want a digit")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return s.bad("want a digit")
		}
	}
	t.end = int32(s.at)
	return s.leaf(t)
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.raw) && s.raw[s.at] >= '0' && s.raw[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}
