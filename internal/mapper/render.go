package mapper

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// appendText appends the expression's value as text. In exact form only
// strings and whole numbers are texts: who is reached must not hang on how
// somebody's encoder writes 1.50 or true.
func (x *expression) appendText(dst []byte, s *scope, exact bool) ([]byte, error) {
	if x.path == nil {
		v, err := x.evaluate(s)
		if err != nil {
			return dst, err
		}
		return appendScalar(dst, v, x.source, exact)
	}
	if x.path.attribute != "" {
		text, ok := s.attribute(x.path.attribute)
		if !ok {
			return dst, fmt.Errorf("event.%s is absent", x.path.attribute)
		}
		return append(dst, text...), nil
	}
	form, err := s.data()
	if err != nil {
		return dst, err
	}
	if form != jsonData {
		if len(x.path.steps) > 0 {
			return dst, fmt.Errorf("%s is absent: data is no JSON", x.path.steps[0].upto)
		}
		if form == byteData {
			return dst, errors.New("data is bytes, want text")
		}
		return append(dst, s.text...), nil
	}
	i, err := x.path.find(&s.doc)
	if err != nil {
		return dst, err
	}
	return s.doc.appendScalar(dst, i, x.source, exact)
}

// appendScalar appends a JSON value as text, numbers as they were written.
func (d *document) appendScalar(dst []byte, i int, what string, exact bool) ([]byte, error) {
	switch t := d.tokens[i]; t.kind {
	case stringToken:
		return d.appendText(dst, i), nil
	case numberToken:
		if raw := d.raw[t.start:t.end]; exact && strings.ContainsAny(string(raw), ".eE") {
			return dst, &valueError{value: string(raw), why: fmt.Sprintf("%s is no whole number, want a string or a whole number", what)}
		}
		return d.appendText(dst, i), nil
	case trueToken, falseToken:
		if !exact {
			return d.appendText(dst, i), nil
		}
		return dst, &valueError{value: d.text(i), why: fmt.Sprintf("%s is a boolean, want a string or a whole number", what)}
	case objectToken, arrayToken, nullToken:
	}
	t := d.tokens[i]
	return dst, &valueError{value: shorten(string(d.raw[t.start:t.end])), why: fmt.Sprintf("%s is %s, want text", what, t.kind)}
}

func appendScalar(dst []byte, v ref.Val, what string, exact bool) ([]byte, error) {
	switch v := v.(type) {
	case types.String:
		return append(dst, v...), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case types.Double:
		f := float64(v)
		if exact || math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, &valueError{value: strconv.FormatFloat(f, 'g', -1, 64), why: what + " is no whole number, want a string or a whole number"}
		}
		// The bounds at which encoding/json turns to exponents.
		if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
			return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
		}
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	case types.Bool:
		if !exact {
			return strconv.AppendBool(dst, bool(v)), nil
		}
		return dst, &valueError{value: strconv.FormatBool(bool(v)), why: what + " is a boolean, want a string or a whole number"}
	}
	return dst, &valueError{value: "", why: fmt.Sprintf("%s is %s, want text", what, kindOf(v))}
}

// appendList appends the texts of a list, or the one text of a scalar, in
// exact form. It fails on a list without items.
func (x *expression) appendList(dst []string, s *scope) ([]string, error) {
	if x.path != nil && x.path.attribute == "" {
		if form, err := s.data(); err != nil || form == jsonData {
			if err != nil {
				return dst, err
			}
			return x.appendItems(dst, s)
		}
	}
	if x.path == nil {
		v, err := x.evaluate(s)
		if err != nil {
			return dst, err
		}
		if list, ok := v.(traits.Lister); ok {
			return x.appendCELItems(dst, s, list)
		}
		if s.buf, err = appendScalar(s.buf[:0], v, x.source, true); err != nil {
			return dst, err
		}
		return append(dst, string(s.buf)), nil
	}
	var err error
	if s.buf, err = x.appendText(s.buf[:0], s, true); err != nil {
		return dst, err
	}
	return append(dst, string(s.buf)), nil
}

func (x *expression) appendItems(dst []string, s *scope) ([]string, error) {
	i, err := x.path.find(&s.doc)
	if err != nil {
		return dst, err
	}
	first, end, before := i, i+1, len(dst)
	if t := s.doc.tokens[i]; t.kind == arrayToken {
		if first, end = i+1, int(t.next); first == end {
			return dst, &valueError{value: "[]", why: x.source + " is an empty list, and an empty audience is never everyone"}
		}
	}
	for k := first; k < end; k = int(s.doc.tokens[k].next) {
		if s.buf, err = s.doc.appendScalar(s.buf[:0], k, x.source, true); err != nil {
			if first > i {
				_, err = s.doc.appendScalar(s.buf[:0], k, index(x.source, len(dst)-before), true)
			}
			return dst, err
		}
		dst = append(dst, string(s.buf))
	}
	return dst, nil
}

func (x *expression) appendCELItems(dst []string, s *scope, list traits.Lister) ([]string, error) {
	size, ok := list.Size().(types.Int)
	if !ok || size == 0 {
		return dst, &valueError{value: "[]", why: shorten(x.source) + " is an empty list, and an empty audience is never everyone"}
	}
	var err error
	for i := range size {
		if s.buf, err = appendScalar(s.buf[:0], list.Get(i), index(x.source, int(i)), true); err != nil {
			return dst, err
		}
		dst = append(dst, string(s.buf))
	}
	return dst, nil
}
