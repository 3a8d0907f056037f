package mapper

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pushbridge/internal/intent"
)

// form is what a field of an element holds.
type form uint8

const (
	wordsForm form = iota + 1 // text
	whole                     // a whole number
	decimal                   // a number
	picture                   // a picture's format, by name
	sizeType                  // a rendition's type, by name
	section                   // a map of further fields
	sections                  // a list of such maps
)

// kind is one of the API's kinds of element as rule files write it. The fields
// of sections stand under "section.name".
type kind struct {
	fields map[string]form
	need   []string
	build  func(v *values) intent.Element
}

// kinds returns the eight kinds by their word in rule files. The wire names and
// the limits are intent's.
func kinds() map[string]kind {
	return map[string]kind{
		"location": {
			fields: map[string]form{"desc": wordsForm, "latitude": decimal, "longitude": decimal},
			need:   []string{"latitude", "longitude"},
			build: func(v *values) intent.Element {
				return intent.Location{Desc: v.text("desc"), Latitude: v.decimal("latitude"), Longitude: v.decimal("longitude")}
			},
		},
		"face": {
			fields: map[string]form{"index": whole, "data": wordsForm},
			need:   []string{"index"},
			build:  func(v *values) intent.Element { return intent.Face{Index: v.whole("index"), Data: v.text("data")} },
		},
		"custom": {
			fields: map[string]form{"data": wordsForm, "desc": wordsForm, "ext": wordsForm, "sound": wordsForm},
			build: func(v *values) intent.Element {
				return intent.Custom{Data: v.text("data"), Desc: v.text("desc"), Ext: v.text("ext"), Sound: v.text("sound")}
			},
		},
		"sound": {
			fields: map[string]form{"url": wordsForm, "uuid": wordsForm, "size": whole, "seconds": whole},
			need:   []string{"url", "uuid", "size", "seconds"},
			build: func(v *values) intent.Element {
				return intent.Sound{URL: v.text("url"), UUID: v.text("uuid"), Bytes: v.whole("size"), Seconds: v.whole("seconds")}
			},
		},
		"image": {
			fields: map[string]form{
				"uuid": wordsForm, "format": picture, "sizes": sections,
				"sizes.type": sizeType, "sizes.size": whole, "sizes.width": whole, "sizes.height": whole, "sizes.url": wordsForm,
			},
			need: []string{"uuid", "format", "sizes", "sizes.type", "sizes.size", "sizes.width", "sizes.height", "sizes.url"},
			build: func(v *values) intent.Element {
				e := intent.Image{UUID: v.text("uuid"), Format: intent.ImageFormat(v.whole("format"))}
				for i := range v.spec.count {
					at := index("sizes", i)
					e.Sizes = append(e.Sizes, intent.ImageSize{
						Type: v.whole(at + ".type"), Bytes: v.whole(at + ".size"), Width: v.whole(at + ".width"),
						Height: v.whole(at + ".height"), URL: v.text(at + ".url"),
					})
				}
				return e
			},
		},
		"file": {
			fields: map[string]form{"url": wordsForm, "uuid": wordsForm, "size": whole, "name": wordsForm},
			need:   []string{"url", "uuid", "size", "name"},
			build: func(v *values) intent.Element {
				return intent.File{URL: v.text("url"), UUID: v.text("uuid"), Bytes: v.whole("size"), Name: v.text("name")}
			},
		},
		"video": {
			fields: map[string]form{
				"url": wordsForm, "uuid": wordsForm, "size": whole, "seconds": whole, "format": wordsForm, "thumb": section,
				"thumb.url": wordsForm, "thumb.uuid": wordsForm, "thumb.size": whole, "thumb.width": whole, "thumb.height": whole, "thumb.format": wordsForm,
			},
			need: []string{
				"url", "uuid", "size", "seconds", "format", "thumb",
				"thumb.url", "thumb.uuid", "thumb.size", "thumb.width", "thumb.height", "thumb.format",
			},
			build: func(v *values) intent.Element {
				return intent.Video{
					URL: v.text("url"), UUID: v.text("uuid"), Bytes: v.whole("size"), Seconds: v.whole("seconds"), Format: v.text("format"),
					ThumbURL: v.text("thumb.url"), ThumbUUID: v.text("thumb.uuid"), ThumbBytes: v.whole("thumb.size"),
					ThumbWidth: v.whole("thumb.width"), ThumbHeight: v.whole("thumb.height"), ThumbFormat: v.text("thumb.format"),
				}
			},
		},
	}
}

// elementSpec is one element, compiled. A text has only its template; the
// others have a template a field.
type elementSpec struct {
	word   string // of rule files: "text", "face"
	text   *template
	build  func(v *values) intent.Element
	fields []fieldSpec
	count  int // entries of the list of sections
}

type fieldSpec struct {
	name  string
	form  form
	value *template
}

// values renders an element's fields; the first error stays.
type values struct {
	spec  *elementSpec
	scope *scope
	field string // where err happened
	err   error
}

// element renders the element. On an error it names the field.
func (e *elementSpec) element(s *scope) (intent.Element, string, error) {
	if e.text != nil {
		text, err := e.text.render(s)
		if err == nil && text == "" {
			err = errEmpty
		}
		return intent.Text{Text: text}, e.word, err
	}
	v := &values{spec: e, scope: s}
	built := e.build(v)
	return built, join(e.word, v.field), v.err
}

// literal says whether nothing in the element hangs on the event.
func (e *elementSpec) literal() bool {
	if e.text != nil {
		_, ok := e.text.literal()
		return ok
	}
	return !slices.ContainsFunc(e.fields, func(f fieldSpec) bool {
		_, ok := f.value.literal()
		return !ok
	})
}

func (v *values) text(name string) string {
	for _, f := range v.spec.fields {
		if f.name != name {
			continue
		}
		text, err := f.value.render(v.scope)
		if err != nil && v.err == nil {
			v.field, v.err = name, err
		}
		return text
	}
	return ""
}

func (v *values) whole(name string) int64 {
	text := v.text(name)
	if text == "" || v.err != nil {
		return v.fail(name, text, "it renders empty")
	}
	i := slices.IndexFunc(v.spec.fields, func(f fieldSpec) bool { return f.name == name })
	n, why := parseWhole(v.spec.fields[i].form, text)
	if why != "" {
		return v.fail(name, text, why)
	}
	return n
}

func (v *values) decimal(name string) float64 {
	text := v.text(name)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		v.fail(name, text, "want a number")
	}
	return f
}

func (v *values) fail(name, value, why string) int64 {
	if v.err == nil {
		v.field, v.err = name, &valueError{value: shorten(value), why: why}
	}
	return 0
}

// parseWhole reads a whole number or a word that stands for one; why says what
// is wrong.
func parseWhole(f form, text string) (n int64, why string) {
	if f == whole {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, "want a whole number"
		}
		return n, ""
	}
	words := wordsOf(f)
	if n, ok := words[text]; ok {
		return n, ""
	}
	return 0, "want one of " + strings.Join(slices.Sorted(maps.Keys(words)), ", ")
}

// wordsOf returns the words of a form, each with its number.
func wordsOf(f form) map[string]int64 {
	switch f {
	case picture:
		return map[string]int64{"jpg": int64(intent.JPG), "gif": int64(intent.GIF), "png": int64(intent.PNG), "bmp": int64(intent.BMP), "other": int64(intent.OtherFormat)}
	case sizeType:
		return map[string]int64{"original": 1, "large": 2, "thumbnail": 3}
	case whole, wordsForm, decimal, section, sections:
	}
	panic(fmt.Sprintf("mapper: form %d has no words", f))
}
