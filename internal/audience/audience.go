package audience

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of one condition, from the API's page: 90032 and 90020 for tags; an
// app has at most 10 attribute names, and a name or a value at most 50 bytes
// (sibling pages).
const (
	MaxTags  = 10 // tags in one condition
	MaxPairs = 10 // attribute pairs in one condition
	MaxBytes = 50 // UTF-8 bytes of a tag, an attribute's name or its value
)

// Kind is the form of a condition. The zero Kind belongs to the zero Audience,
// which names nobody and is never sent.
type Kind uint8

// The five kinds. A condition over one tag or one pair is always of an Any
// kind: "all of one" means the same and is rewritten.
const (
	Everyone Kind = iota + 1
	AnyTag        // the API's TagsOr
	AllTags       // the API's TagsAnd
	AnyAttr       // the API's AttrsOr
	AllAttrs      // the API's AttrsAnd
)

// String returns the rule file's word for the kind.
func (k Kind) String() string {
	switch k {
	case Everyone:
		return "everyone"
	case AnyTag:
		return "tags_any"
	case AllTags:
		return "tags_all"
	case AnyAttr:
		return "attrs_any"
	case AllAttrs:
		return "attrs_all"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Pair is one attribute with the value that is asked for.
type Pair struct{ Name, Value string }

// Audience is a legal condition in canonical form. It is comparable: two
// Audiences are == exactly if they name the same users. The zero value names
// nobody, is no legal condition, and is what constructors return beside an
// error.
type Audience struct {
	kind Kind
	// atoms holds the tags, or the names and values in turn, sorted, each with
	// its length in front. One string keeps the value comparable and a map key.
	atoms string
}

// All returns the audience of all users: the call without a condition.
func All() Audience { return Audience{kind: Everyone} }

// OfAnyTag returns the users with at least one of the tags. Repeats drop out.
// It fails with a *LimitError unless 1 to MaxTags distinct tags of 1 to
// MaxBytes bytes are given; see Spread for more.
func OfAnyTag(tags ...string) (Audience, error) { return ofTags(AnyTag, tags) }

// OfAllTags returns the users with every one of the tags, under the limits of
// OfAnyTag.
func OfAllTags(tags ...string) (Audience, error) { return ofTags(AllTags, tags) }

// OfAnyAttr returns the users with at least one of the pairs. It fails with a
// *LimitError unless 1 to MaxPairs pairs are given whose names and values have
// 1 to MaxBytes bytes.
func OfAnyAttr(pairs map[string]string) (Audience, error) { return ofPairs(AnyAttr, pairs) }

// OfAllAttrs returns the users with every one of the pairs, under the limits of
// OfAnyAttr.
func OfAllAttrs(pairs map[string]string) (Audience, error) { return ofPairs(AllAttrs, pairs) }

// Spread returns the users with at least one of the tags as one audience where
// that is legal, else as the fewest that are: consecutive runs of at most
// MaxTags in sorted order, which share no tag. The other limits are those of
// OfAnyTag.
func Spread(tags ...string) ([]Audience, error) {
	sorted := distinct(tags)
	if len(sorted) == 0 {
		return nil, &LimitError{Field: "tags", Got: 0, Max: MaxTags}
	}
	parts := make([]Audience, 0, (len(sorted)+MaxTags-1)/MaxTags)
	for run := range slices.Chunk(sorted, MaxTags) {
		part, err := ofSorted(AnyTag, run)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// Kind returns the condition's kind, 0 for the zero Audience.
func (a Audience) Kind() Kind { return a.kind }

// IsZero says whether a is the zero Audience, which names nobody.
func (a Audience) IsZero() bool { return a.kind == 0 }

// Tags returns the tags in order, or nil where a is not about tags.
func (a Audience) Tags() []string {
	if a.kind != AnyTag && a.kind != AllTags {
		return nil
	}
	return split(a.atoms)
}

// Pairs returns the attribute pairs ordered by name, or nil where a is not
// about attributes.
func (a Audience) Pairs() []Pair {
	if a.kind != AnyAttr && a.kind != AllAttrs {
		return nil
	}
	flat := split(a.atoms)
	pairs := make([]Pair, 0, len(flat)/2)
	for i := 0; i < len(flat); i += 2 {
		pairs = append(pairs, Pair{Name: flat[i], Value: flat[i+1]})
	}
	return pairs
}

// Reaches says whether a user with these tags and attributes is in the
// audience.
func (a Audience) Reaches(hasTag func(string) bool, attr func(name string) (string, bool)) bool {
	has := func(p Pair) bool { v, ok := attr(p.Name); return ok && v == p.Value }
	switch a.kind {
	case Everyone:
		return true
	case AnyTag:
		return slices.ContainsFunc(a.Tags(), hasTag)
	case AllTags:
		return !slices.ContainsFunc(a.Tags(), func(t string) bool { return !hasTag(t) })
	case AnyAttr:
		return slices.ContainsFunc(a.Pairs(), has)
	case AllAttrs:
		return !slices.ContainsFunc(a.Pairs(), func(p Pair) bool { return !has(p) })
	}
	return false
}

// String returns the audience for people: its kind and what it names.
func (a Audience) String() string {
	switch a.kind {
	case Everyone:
		return "everyone"
	case AnyTag, AllTags:
		return a.kind.String() + "[" + strings.Join(a.Tags(), " ") + "]"
	case AnyAttr, AllAttrs:
		parts := make([]string, 0, MaxPairs)
		for _, p := range a.Pairs() {
			parts = append(parts, p.Name+"="+p.Value)
		}
		return a.kind.String() + "[" + strings.Join(parts, " ") + "]"
	}
	return "nobody"
}

func ofTags(kind Kind, tags []string) (Audience, error) { return ofSorted(kind, distinct(tags)) }

// ofSorted is ofTags for tags that are sorted and distinct.
func ofSorted(kind Kind, sorted []string) (Audience, error) {
	if len(sorted) == 0 || len(sorted) > MaxTags {
		return Audience{}, &LimitError{Field: "tags", Got: len(sorted), Max: MaxTags}
	}
	for _, tag := range sorted {
		if err := checkText("tag", tag); err != nil {
			return Audience{}, err
		}
	}
	if len(sorted) == 1 {
		kind = AnyTag
	}
	return Audience{kind: kind, atoms: join(sorted)}, nil
}

func ofPairs(kind Kind, pairs map[string]string) (Audience, error) {
	if len(pairs) == 0 || len(pairs) > MaxPairs {
		return Audience{}, &LimitError{Field: "attributes", Got: len(pairs), Max: MaxPairs}
	}
	names := make([]string, 0, len(pairs))
	for name := range pairs {
		names = append(names, name)
	}
	slices.Sort(names)
	flat := make([]string, 0, 2*len(names))
	for _, name := range names {
		if err := checkText("attribute name", name); err != nil {
			return Audience{}, err
		}
		if err := checkText("value of attribute "+strconv.Quote(name), pairs[name]); err != nil {
			return Audience{}, err
		}
		flat = append(flat, name, pairs[name])
	}
	if len(names) == 1 {
		kind = AnyAttr
	}
	return Audience{kind: kind, atoms: join(flat)}, nil
}

// checkText refuses what no user can carry: an empty text (90040), one over
// MaxBytes (90020), and one that JSON could not say, since the encoder would
// replace its bytes and so name other users.
func checkText(what, s string) error {
	switch {
	case s == "":
		return &LimitError{Field: "bytes of an empty " + what, Got: 0, Max: MaxBytes}
	case len(s) > MaxBytes:
		return &LimitError{Field: "bytes of " + what + " " + strconv.Quote(s), Got: len(s), Max: MaxBytes}
	case !utf8.ValidString(s):
		return &LimitError{Field: "UTF-8 errors in " + what + " " + strconv.Quote(s), Got: 1, Max: 0}
	}
	return nil
}

func distinct(tags []string) []string {
	sorted := slices.Clone(tags)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// join packs texts of at most MaxBytes bytes; their lengths fit one byte.
func join(texts []string) string {
	n := 0
	for _, s := range texts {
		n += 1 + len(s)
	}
	b := make([]byte, 0, n)
	for _, s := range texts {
		b = append(b, byte(len(s)))
		b = append(b, s...)
	}
	return string(b)
}

func split(packed string) []string {
	var texts []string
	for len(packed) > 0 {
		n := 1 + int(packed[0])
		texts = append(texts, packed[1:n])
		packed = packed[n:]
	}
	return texts
}
