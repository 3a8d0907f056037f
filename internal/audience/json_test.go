package audience

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestJSON(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	for want, a := range map[string]Audience{
		`"everyone"`:                               All(),
		`{"TagsOr":["a","b"]}`:                     anyTag("b", "a"),
		`{"TagsAnd":["a","b"]}`:                    allTags("b", "a"),
		`{"TagsOr":["a"]}`:                         allTags("a"),
		`{"AttrsOr":{"city":"Kyiv","level":"3"}}`:  anyAttr("level", "3", "city", "Kyiv"),
		`{"AttrsAnd":{"city":"Kyiv","level":"3"}}`: allAttrs("level", "3", "city", "Kyiv"),
		`{"TagsOr":["<a&b>","会"]}`:                 anyTag("<a&b>", "会"),
	} {
		got, err := a.MarshalJSON()
		if err != nil || string(got) != want {
			t.Errorf("%v encodes to %s, %v; want %s", a, got, err, want)
		}
	}
	if got, err := json.Marshal(Audience{}); err == nil {
		t.Errorf("nobody encodes to %s, want an error", got)
	}
	for _, c := range world() {
		if c.audience.IsZero() {
			continue
		}
		raw, err := json.Marshal(c.audience)
		if err != nil {
			t.Fatal(err)
		}
		var got Audience
		if err := json.Unmarshal(raw, &got); err != nil || got != c.audience {
			t.Errorf("%s decodes to %v, %v; want %v", raw, got, err, c.audience)
		}
	}
}

func TestEncodedLen(t *testing.T) {
	t.Attr("guards", "requests stay under the API's size limit")
	t.Parallel()
	exact := func(t rapid.TB, a Audience) {
		raw, err := a.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if n := a.EncodedLen(); n != len(raw) || n > MaxEncodedLen {
			t.Fatalf("EncodedLen of %s is %d, want %d, at most %d", raw, n, len(raw), MaxEncodedLen)
		}
	}
	if n := (Audience{}).EncodedLen(); n != 0 {
		t.Errorf("nobody is encoded in %d bytes, want 0", n)
	}
	exact(t, All())
	// Every character alone that an encoder could treat in a way of its own.
	for r := range rune(0x3000) {
		exact(t, anyTag(string(r)))
	}
	// What the texts of a condition could look like, escapes more often than not.
	text := rapid.StringOfN(rapid.OneOf(rapid.SampledFrom([]rune("\x00\x1f\b\f\n\r\t\"\\/<>&\x7f\u2027\u2028\u2029\u202a\ufffd會")), rapid.Rune()), 1, -1, MaxBytes)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfNDistinct(text, 1, MaxTags, rapid.ID[string]).Draw(t, "words")
		pairs := map[string]string{}
		for _, w := range words {
			pairs[w] = text.Draw(t, "value")
		}
		exact(t, anyTag(words...))
		exact(t, allTags(words...))
		exact(t, must(OfAnyAttr(pairs)))
		exact(t, must(OfAllAttrs(pairs)))
	})
	largest := map[string]string{}
	for c := range byte(MaxPairs) {
		largest[strings.Repeat("\x01", MaxBytes-1)+string(rune(14+c))] = strings.Repeat("\x02", MaxBytes)
	}
	if n := must(OfAllAttrs(largest)).EncodedLen(); n != MaxEncodedLen {
		t.Errorf("the largest condition has %d bytes, want %d", n, MaxEncodedLen)
	}
}

func BenchmarkEncodedLen(b *testing.B) {
	ten := anyTag(strings.Split("region-1 region-2 region-3 region-4 region-5 region-6 region-7 region-8 region-9 region-10", " ")...)
	for b.Loop() {
		if ten.EncodedLen() == 0 {
			b.Fatal("ten tags take no bytes")
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	for name, tt := range map[string]struct{ in, wantErr string }{
		"null":                {`null`, "exactly one of"},
		"an empty object":     {`{}`, "exactly one of"},
		"all":                 {`"all"`, "cannot unmarshal"},
		"an array":            {`["a"]`, "cannot unmarshal"},
		"two kinds (90039)":   {`{"TagsOr":["a"],"AttrsOr":{"b":"c"}}`, "exactly one of"},
		"two kinds of tags":   {`{"TagsOr":["a"],"TagsAnd":["a"]}`, "exactly one of"},
		"one is bad, one not": {`{"TagsOr":[""],"AttrsOr":{"b":"c"}}`, "exactly one of"},
		"unknown key":         {`{"Tags":["a"]}`, `"Tags"`},
		"a key in other case": {`{"tagsor":["a"]}`, `"tagsor"`},
		"only null":           {`{"TagsOr":null}`, "exactly one of"},
		"no tags":             {`{"TagsOr":[]}`, "tags: 0"},
		"empty tag (90040)":   {`{"TagsOr":["a",""]}`, "empty tag"},
		"null tag":            {`{"TagsOr":["a",null]}`, "empty tag"},
		"repeated (90022)":    {`{"TagsAnd":["a","b","a"]}`, "repeated tags: 1, allowed none"},
		"eleven (90032)":      {`{"TagsOr":["a","b","c","d","e","f","g","h","i","j","k"]}`, "tags: 11"},
		"long (90020)":        {`{"TagsOr":["` + strings.Repeat("会", 17) + `"]}`, "51, allowed"},
		"number for a value":  {`{"AttrsOr":{"a":1}}`, "cannot unmarshal"},
		"null value":          {`{"AttrsOr":{"a":null}}`, "empty value"},
		"no attributes":       {`{"AttrsAnd":{}}`, "attributes: 0"},
		"no UTF-8":            {"{\"TagsOr\":[\"a\xff\"]}", "UTF-8"},
		"something behind":    {`{"TagsOr":["a"]} {}`, "after top-level value"},
		"nothing":             {``, "unexpected end of JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := anyTag("before")
			err := got.UnmarshalJSON([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) || !strings.HasPrefix(err.Error(), "decode audience: ") {
				t.Fatalf("%s decodes to %v, err = %v; want %q", tt.in, got, err, tt.wantErr)
			}
			if got != anyTag("before") {
				t.Errorf("%s was refused, but left %v", tt.in, got)
			}
		})
	}
	var got Audience
	if err := json.Unmarshal([]byte(`{"TagsOr":null,"TagsAnd":["b","a"]}`), &got); err != nil || got != allTags("a", "b") {
		t.Errorf("a null beside tags: %v, %v", got, err)
	}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`"everyone"`, ` "everyone"`, `{"TagsOr":["a","会"]}`, `{"TagsAnd":["a","b"],"TagsOr":null}`, `{"AttrsOr":{"a":"b"}}`,
		`{"AttrsAnd":{"a":"b","c":"\u003c\ud800"}}`, `{"TagsOr":["a","a"]}`, `{"TagsOr":[""]}`, `{"tagsOR":["a"]}`, `{}`, `null`, `{"TagsOr":["a"]}x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a Audience
		if err := a.UnmarshalJSON(data); err != nil {
			if !a.IsZero() {
				t.Fatalf("%q was refused with %v, but left %v", data, err, a)
			}
			return
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("%q decodes to %v, which does not encode: %v", data, a, err)
		}
		var b Audience
		if err := b.UnmarshalJSON(again); err != nil || b != a {
			t.Fatalf("%q decodes to %v, which comes back as %v, %v", data, a, b, err)
		}
		if !utf8.Valid(data) {
			t.Fatalf("%q is no UTF-8 and was taken as %v", data, a)
		}
		if a.Kind() != Everyone {
			acceptable(t, data)
		}
	})
}

// acceptable fails unless the API would take the condition, by its own page and
// without this package's constructors.
func acceptable(t *testing.T, data []byte) {
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatalf("%q was taken: %v", data, err)
	}
	var texts []string
	kinds := 0
	for key, value := range members {
		switch value := value.(type) {
		case nil:
			continue
		case []any:
			for _, tag := range value {
				texts = append(texts, tag.(string))
			}
			slices.Sort(texts)
			if key != "TagsOr" && key != "TagsAnd" || len(slices.Compact(texts)) != len(value) || len(value) > 10 {
				t.Fatalf("%q was taken", data)
			}
		case map[string]any:
			for name, v := range value {
				texts = append(texts, name, v.(string))
			}
			if key != "AttrsOr" && key != "AttrsAnd" || len(value) > 10 {
				t.Fatalf("%q was taken", data)
			}
		default:
			t.Fatalf("%q was taken", data)
		}
		kinds++
	}
	if kinds != 1 || len(texts) == 0 || slices.ContainsFunc(texts, func(s string) bool { return s == "" || len(s) > 50 }) {
		t.Fatalf("%q was taken", data)
	}
}
