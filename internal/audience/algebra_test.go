package audience

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A small world in full: every user with some of 5 tags and with one of 3 values
// or none for each of 3 attributes, and every condition about them.
const (
	worldTags  = 5
	worldAttrs = 3
	worldUsers = 1 << worldTags * 4 * 4 * 4
)

// crowd is a set of the world's users, the slow and obvious form of an audience.
type crowd [worldUsers / 64]uint64

func (c *crowd) add(user int) { c[user/64] |= 1 << (user % 64) }

func (c *crowd) within(d *crowd) bool {
	for i := range c {
		if c[i]&^d[i] != 0 {
			return false
		}
	}
	return true
}

func (c *crowd) meets(d *crowd) bool {
	for i := range c {
		if c[i]&d[i] != 0 {
			return true
		}
	}
	return false
}

func (c *crowd) join(d *crowd) crowd {
	u := *c
	for i := range u {
		u[i] |= d[i]
	}
	return u
}

// valueOf returns a user's value of an attribute: 1 to 3, or 0 for none.
func valueOf(user, attr int) int { return user >> (worldTags + 2*attr) & 3 }

type condition struct {
	audience Audience
	users    crowd
}

// world returns every audience of the world and whom it means, worked out from
// what the constructor was given and not by the package.
func world() []condition {
	var all []condition
	add := func(a Audience, means func(user int) bool) {
		c := condition{audience: a}
		for user := range worldUsers {
			if means(user) {
				c.users.add(user)
			}
		}
		all = append(all, c)
	}
	add(Audience{}, func(int) bool { return false })
	add(All(), func(int) bool { return true })
	for set := 1; set < 1<<worldTags; set++ {
		var names []string
		for tag := range worldTags {
			if set>>tag&1 == 1 {
				names = append(names, fmt.Sprint("t", tag))
			}
		}
		add(anyTag(names...), func(user int) bool { return user&set != 0 })
		add(allTags(names...), func(user int) bool { return user&set == set })
	}
	for choice := 1; choice < 4*4*4; choice++ {
		pairs := map[string]string{}
		for attr := range worldAttrs {
			if v := choice >> (2 * attr) & 3; v != 0 {
				pairs[fmt.Sprint("a", attr)] = fmt.Sprint("v", v)
			}
		}
		met := func(user int) (n int) {
			for attr := range worldAttrs {
				if v := choice >> (2 * attr) & 3; v != 0 && v == valueOf(user, attr) {
					n++
				}
			}
			return n
		}
		add(must(OfAnyAttr(pairs)), func(user int) bool { return met(user) > 0 })
		add(must(OfAllAttrs(pairs)), func(user int) bool { return met(user) == len(pairs) })
	}
	return all
}

func TestAlgebraAgreesWithEveryUser(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	all := world()
	legal := map[crowd]Audience{} // which condition says just these users
	for _, c := range all {
		if !c.audience.IsZero() {
			legal[c.users] = c.audience
		}
	}

	for _, a := range all {
		for user := range worldUsers {
			hasTag := func(tag string) bool { return user>>(tag[1]-'0')&1 == 1 }
			attr := func(name string) (string, bool) {
				v := valueOf(user, int(name[1]-'0'))
				return fmt.Sprint("v", v), v != 0
			}
			if want := a.users[user/64]>>(user%64)&1 == 1; a.audience.Reaches(hasTag, attr) != want {
				t.Fatalf("%v reaches user %b: %v, want %v", a.audience, user, !want, want)
			}
		}
		for _, b := range all {
			if got, want := a.audience == b.audience, a.users == b.users; got != want {
				t.Fatalf("%v == %v: %v, but the same users: %v", a.audience, b.audience, got, want)
			}
			if got, want := a.audience.Contains(b.audience), b.users.within(&a.users); got != want {
				t.Fatalf("%v contains %v: %v, want %v", a.audience, b.audience, got, want)
			}
			if got, want := a.audience.Overlaps(b.audience), a.users.meets(&b.users); got != want {
				t.Fatalf("%v overlaps %v: %v, want %v", a.audience, b.audience, got, want)
			}
			want, wantOK := legal[a.users.join(&b.users)]
			if got, ok := a.audience.Union(b.audience); ok != wantOK || got != want {
				t.Fatalf("union of %v and %v: %v, %v; want %v, %v", a.audience, b.audience, got, ok, want, wantOK)
			}
			size := func(a Audience) int { return len(a.Tags()) + len(a.Pairs()) }
			if got, ok := a.audience.Growth(b.audience); ok != wantOK || (ok && got != size(want)-size(a.audience)) {
				t.Fatalf("growth of %v by %v: %d, %v; want %v, %v", a.audience, b.audience, got, ok, want, wantOK)
			}
		}
	}
	if n := len(legal); n != 1+31+26+63+54 {
		t.Errorf("%d legal conditions were tried", n)
	}
}

func TestUnionBeyondTenAtoms(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.IntRange(1, 1<<15-1).Filter(atMostTen).Draw(t, "a"), rapid.IntRange(1, 1<<15-1).Filter(atMostTen).Draw(t, "b")
		join := a | b
		fits := bits.OnesCount(uint(join)) <= 10

		tags, ok := anyTag(letters(a)...).Union(anyTag(letters(b)...))
		if ok != fits || (ok && !slices.Equal(tags.Tags(), letters(join))) {
			t.Fatalf("tags %v and %v: %v, %v", letters(a), letters(b), tags, ok)
		}
		pairs, ok := must(OfAnyAttr(attrs(a))).Union(must(OfAnyAttr(attrs(b))))
		if ok != fits || (ok && pairs != must(OfAnyAttr(attrs(join)))) {
			t.Fatalf("pairs %v and %v: %v, %v", letters(a), letters(b), pairs, ok)
		}
		all, ok := allTags(letters(a)...).Union(allTags(letters(b)...))
		if subset := join == a || join == b; bits.OnesCount(uint(a)) > 1 && bits.OnesCount(uint(b)) > 1 && ok != subset {
			t.Fatalf("all of %v and all of %v: %v, %v", letters(a), letters(b), all, ok)
		}
	})
}

func atMostTen(set int) bool { return bits.OnesCount(uint(set)) <= 10 }

func letters(set int) (names []string) {
	for i, letter := range strings.Split("abcdefghijklmno", "") {
		if set>>i&1 == 1 {
			names = append(names, letter)
		}
	}
	return names
}

func attrs(set int) map[string]string {
	pairs := map[string]string{}
	for _, name := range letters(set) {
		pairs[name] = "v"
	}
	return pairs
}

func BenchmarkUnion(b *testing.B) {
	seven, five := anyTag("a", "b", "c", "d", "e", "f", "g"), anyTag("f", "g", "h", "i", "j")
	for b.Loop() {
		if _, ok := seven.Union(five); !ok {
			b.Fatal("ten tags do not unite")
		}
	}
}

func BenchmarkGrowth(b *testing.B) {
	seven, five := anyTag("a", "b", "c", "d", "e", "f", "g"), anyTag("f", "g", "h", "i", "j")
	for b.Loop() {
		if n, ok := seven.Growth(five); !ok || n != 3 {
			b.Fatal("ten tags do not unite")
		}
	}
}
