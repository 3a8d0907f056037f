package limiter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// start is when every test's time begins. It has no monotonic reading, as all
// instants that follow from it.
var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// The small world in which audiences are compared by their users: everyone who
// has up to three of its tags and for each of two attributes one of two values or
// none. Conditions over all of more than three tags are not used, so two
// audiences with the same users here have the same users anywhere.
const (
	worldTags  = "abcdefghijklmnopqrstuvwxy"
	worldAttrs = 2
)

type user struct {
	tags  int // a bit for each
	attrs [worldAttrs]string
}

// world knows all users and, once asked, who of them an audience is.
type world struct {
	users []user
	known map[audience.Audience]crowd
}

// crowd is a set of users, a bit for each.
type crowd []uint64

func newWorld(tags int) *world {
	w := &world{known: map[audience.Audience]crowd{}}
	var add func(set, from, more int)
	add = func(set, from, more int) {
		for _, x := range []string{"", "1", "2"} {
			for _, y := range []string{"", "1", "2"} {
				w.users = append(w.users, user{set, [worldAttrs]string{x, y}})
			}
		}
		for tag := from; tag < tags && more > 0; tag++ {
			add(set|1<<tag, tag+1, more-1)
		}
	}
	add(0, 0, 3)
	return w
}

// of returns the users that a names, from what it lists and not by its methods
// for sets.
func (w *world) of(a audience.Audience) crowd {
	if c, ok := w.known[a]; ok {
		return c
	}
	tags := 0
	for _, tag := range a.Tags() {
		tags |= 1 << strings.Index(worldTags, tag)
	}
	pairs := a.Pairs()
	c := make(crowd, (len(w.users)+63)/64)
	for i, u := range w.users {
		met := 0
		for _, p := range pairs {
			if u.attrs[p.Name[0]-'x'] == p.Value {
				met++
			}
		}
		in := false
		switch a.Kind() {
		case audience.Everyone:
			in = true
		case audience.AnyTag:
			in = u.tags&tags != 0
		case audience.AllTags:
			in = u.tags&tags == tags
		case audience.AnyAttr:
			in = met > 0
		case audience.AllAttrs:
			in = met == len(pairs)
		}
		if in {
			c[i/64] |= 1 << (i % 64)
		}
	}
	w.known[a] = c
	return c
}

// same says whether the audience is exactly those who are in one of the parts.
func (w *world) same(whole audience.Audience, parts []audience.Audience) bool {
	union := make(crowd, (len(w.users)+63)/64)
	for _, part := range parts {
		for i, bits := range w.of(part) {
			union[i] |= bits
		}
	}
	return slices.Equal(union, w.of(whole))
}

// meet says whether some user may be in both. Who has a tag may have any other, of
// which this world's users have too few.
func (w *world) meet(a, b audience.Audience) bool {
	if a.Pairs() == nil || b.Pairs() == nil {
		return true
	}
	for i, bits := range w.of(a) {
		if bits&w.of(b)[i] != 0 {
			return true
		}
	}
	return false
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// parseAudience reads a script's word for one: everyone, any:a,b, all:a,b,
// attr:x=1,y=2 (any) or attrs:x=1,y=2 (all).
func parseAudience(s string) ([]audience.Audience, error) {
	kind, list, _ := strings.Cut(s, ":")
	words := strings.Split(list, ",")
	pairs := map[string]string{}
	for _, word := range words {
		if name, value, ok := strings.Cut(word, "="); ok {
			pairs[name] = value
		}
	}
	var a audience.Audience
	var err error
	switch kind {
	case "everyone":
		a = audience.All()
	case "any":
		return audience.Spread(words...)
	case "all":
		a, err = audience.OfAllTags(words...)
	case "attr":
		a, err = audience.OfAnyAttr(pairs)
	case "attrs":
		a, err = audience.OfAllAttrs(pairs)
	default:
		err = fmt.Errorf("audience %q: want everyone or any, all, attr, attrs with a list", s)
	}
	return []audience.Audience{a}, err
}

func message(t testing.TB, text string) intent.Message {
	m, err := intent.NewMessage(intent.Content{Elements: []intent.Element{intent.Text{Text: text}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
