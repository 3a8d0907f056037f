package audience

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTags(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	eleven := strings.Split("a b c d e f g h i j k", " ")

	for name, tt := range map[string]struct {
		in      []string
		want    []string
		wantErr string // a part of the message; empty: no error
	}{
		"sorts":                        {in: []string{"vip", "beta"}, want: []string{"beta", "vip"}},
		"ten":                          {in: eleven[:10], want: eleven[:10]},
		"eleven":                       {in: eleven, wantErr: "tags: 11, allowed 1 to 10"},
		"eleven, one repeated":         {in: append([]string{"a"}, eleven[:10]...), want: eleven[:10]},
		"none":                         {in: nil, wantErr: "tags: 0, allowed 1 to 10"},
		"empty tag":                    {in: []string{"a", ""}, wantErr: "empty tag"},
		"50 bytes":                     {in: []string{strings.Repeat("x", 50)}, want: []string{strings.Repeat("x", 50)}},
		"51 bytes":                     {in: []string{strings.Repeat("x", 51)}, wantErr: "51, allowed 1 to 50"},
		"16 runes are 48 bytes":        {in: []string{strings.Repeat("会", 16)}, want: []string{strings.Repeat("会", 16)}},
		"17 runes are 51 bytes":        {in: []string{strings.Repeat("会", 17)}, wantErr: "51, allowed 1 to 50"},
		"no UTF-8":                     {in: []string{"a\xff"}, wantErr: `UTF-8 errors in tag "a\xff"`},
		"what JSON would write":        {in: []string{"a\ufffd"}, want: []string{"a\ufffd"}},
		"bytes that look like lengths": {in: []string{"\x01a", "\x01", "\x00"}, want: []string{"\x00", "\x01", "\x01a"}},
	} {
		for kind, build := range map[Kind]func(...string) (Audience, error){AnyTag: OfAnyTag, AllTags: OfAllTags} {
			t.Run(name+"/"+kind.String(), func(t *testing.T) {
				t.Parallel()
				given := slices.Clone(tt.in)
				got, err := build(tt.in...)
				if !slices.Equal(given, tt.in) {
					t.Errorf("the caller's tags became %q", tt.in)
				}
				if tt.wantErr != "" {
					if _, ok := errors.AsType[*LimitError](err); !ok || !strings.Contains(err.Error(), tt.wantErr) || !got.IsZero() {
						t.Fatalf("of %q: %v, err = %v, want a LimitError with %q", tt.in, got, err, tt.wantErr)
					}
					return
				}
				if err != nil || !slices.Equal(got.Tags(), tt.want) || got.Pairs() != nil {
					t.Fatalf("of %q = %v, %v; want %q", tt.in, got, err, tt.want)
				}
				if len(tt.want) == 1 {
					kind = AnyTag // all of one is any of one
				}
				if got.Kind() != kind {
					t.Errorf("of %q is %v, want %v", tt.in, got.Kind(), kind)
				}
			})
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	many := func(n int) map[string]string {
		pairs := map[string]string{}
		for i := range n {
			pairs[string(rune('a'+i))] = "v"
		}
		return pairs
	}

	for name, tt := range map[string]struct {
		in      map[string]string
		want    []Pair
		wantErr string
	}{
		"sorts by name":    {in: map[string]string{"level": "3", "city": "Kyiv"}, want: []Pair{{"city", "Kyiv"}, {"level", "3"}}},
		"one":              {in: map[string]string{"city": "Kyiv"}, want: []Pair{{"city", "Kyiv"}}},
		"eleven":           {in: many(11), wantErr: "attributes: 11, allowed 1 to 10"},
		"none":             {in: nil, wantErr: "attributes: 0"},
		"empty name":       {in: map[string]string{"": "v"}, wantErr: "empty attribute name"},
		"empty value":      {in: map[string]string{"city": ""}, wantErr: `empty value of attribute "city"`},
		"name too long":    {in: map[string]string{strings.Repeat("n", 51): "v"}, wantErr: "attribute name"},
		"value too long":   {in: map[string]string{"city": strings.Repeat("é", 26)}, wantErr: "52, allowed 1 to 50"},
		"longest":          {in: map[string]string{strings.Repeat("n", 50): strings.Repeat("é", 25)}, want: []Pair{{strings.Repeat("n", 50), strings.Repeat("é", 25)}}},
		"no UTF-8":         {in: map[string]string{"city": "\xc3"}, wantErr: "UTF-8 errors"},
		"name is no UTF-8": {in: map[string]string{"\xc3": "x"}, wantErr: "UTF-8 errors"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for kind, build := range map[Kind]func(map[string]string) (Audience, error){AnyAttr: OfAnyAttr, AllAttrs: OfAllAttrs} {
				got, err := build(tt.in)
				if tt.wantErr != "" {
					if _, ok := errors.AsType[*LimitError](err); !ok || !strings.Contains(err.Error(), tt.wantErr) || !got.IsZero() {
						t.Fatalf("%v of %q: %v, err = %v, want a LimitError with %q", kind, tt.in, got, err, tt.wantErr)
					}
					continue
				}
				if len(tt.want) == 1 {
					kind = AnyAttr
				}
				if err != nil || !slices.Equal(got.Pairs(), tt.want) || got.Kind() != kind || got.Tags() != nil {
					t.Fatalf("%v of %q = %v, %v; want %v", kind, tt.in, got, err, tt.want)
				}
			}
		})
	}

	ten, err := OfAllAttrs(many(10))
	if err != nil || len(ten.Pairs()) != 10 {
		t.Errorf("ten pairs: %v, %v", ten, err)
	}
}

func TestSpread(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	tags := strings.Split("abcdefghijklmnopqrstuvwxy", "")

	for name, tt := range map[string]struct {
		in      []string
		want    []string
		wantErr string
	}{
		"one":              {in: []string{"a"}, want: []string{"tags_any[a]"}},
		"ten":              {in: tags[:10], want: []string{"tags_any[a b c d e f g h i j]"}},
		"eleven":           {in: tags[:11], want: []string{"tags_any[a b c d e f g h i j]", "tags_any[k]"}},
		"twenty":           {in: tags[:20], want: []string{"tags_any[a b c d e f g h i j]", "tags_any[k l m n o p q r s t]"}},
		"twenty-five":      {in: tags, want: []string{"tags_any[a b c d e f g h i j]", "tags_any[k l m n o p q r s t]", "tags_any[u v w x y]"}},
		"repeats drop out": {in: append(tags[:10:10], tags[:10]...), want: []string{"tags_any[a b c d e f g h i j]"}},
		"none":             {in: nil, wantErr: "tags: 0"},
		"one is bad":       {in: append(tags[:15:15], ""), wantErr: "empty tag"},
		"one is too long":  {in: append(tags[:15:15], strings.Repeat("z", 51)), wantErr: "51, allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parts, err := Spread(tt.in...)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) || parts != nil {
					t.Fatalf("spread of %q: %v, err = %v, want %q", tt.in, parts, err, tt.wantErr)
				}
				return
			}
			var got []string
			for _, p := range parts {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("spread of %q: %v, (-want +got):\n%s", tt.in, err, diff)
			}
		})
	}
}

func TestString(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	for want, a := range map[string]Audience{
		"everyone":                     All(),
		"nobody":                       {},
		"tags_any[a b]":                anyTag("a", "b"),
		"tags_all[a b]":                allTags("b", "a"),
		"attrs_any[city=Kyiv level=3]": anyAttr("level", "3", "city", "Kyiv"),
		"attrs_all[city=Kyiv level=3]": allAttrs("level", "3", "city", "Kyiv"),
	} {
		if got := a.String(); got != want {
			t.Errorf("%#v prints %q, want %q", a, got, want)
		}
	}
	if got := Kind(9).String(); got != "Kind(9)" {
		t.Errorf("an unknown kind prints %q", got)
	}
}

func must(a Audience, err error) Audience {
	if err != nil {
		panic(err)
	}
	return a
}

func anyTag(tags ...string) Audience   { return must(OfAnyTag(tags...)) }
func allTags(tags ...string) Audience  { return must(OfAllTags(tags...)) }
func anyAttr(flat ...string) Audience  { return must(OfAnyAttr(pairsOf(flat))) }
func allAttrs(flat ...string) Audience { return must(OfAllAttrs(pairsOf(flat))) }
func pairsOf(flat []string) map[string]string {
	pairs := map[string]string{}
	for c := range slices.Chunk(flat, 2) {
		pairs[c[0]] = c[1]
	}
	return pairs
}
