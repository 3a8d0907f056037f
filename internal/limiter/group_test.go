package limiter

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
)

// groupWorld is a group and what a person with all the time in the world knows of it.
type groupWorld struct {
	s     *Scheduler
	g     *group
	units []*unit
	asks  profile
	tags  int
}

func (w *groupWorld) audience(t *rapid.T) audience.Audience {
	name := func(n int) string { return fmt.Sprint("tag-", n) }
	of := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(0, w.tags-1), name), 1, 4, rapid.ID)
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1, 2:
		return must(audience.OfAllTags(of.Draw(t, "tags")...))
	case 3, 4:
		pairs := map[string]string{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"city", "level", "shop", "x", "y"}), 1, 3, rapid.ID).Draw(t, "names") {
			pairs[name] = fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "value"))
		}
		if rapid.Bool().Draw(t, "all") {
			return must(audience.OfAllAttrs(pairs))
		}
		return must(audience.OfAnyAttr(pairs))
	}
	return must(audience.OfAnyTag(of.Draw(t, "tags")...))
}

func (w *groupWorld) enter(a audience.Audience) {
	u := &unit{audience: a, slot: away}
	u.link(&item{profile: &w.asks}, a, nil)
	u.join(w.g)
	w.g.enter(u)
	w.units = append(w.units, u)
}

func (w *groupWorld) exit(n int) {
	w.g.exit(w.units[n])
	w.units = slices.Delete(w.units, n, n+1)
}

// grow lets the unit that find returns take in a.
func (w *groupWorld) grow(u *unit, a audience.Audience) {
	union, _ := u.audience.Union(a)
	if !u.audience.Contains(a) {
		u.dress()
		w.g.rename(u, union, a)
	}
	u.link(&item{profile: &w.asks}, a, nil)
}

// least is the least growth by a of a unit that names an atom of a, and how many
// times one is named.
func (w *groupWorld) least(a audience.Audience) (least, named int, found bool) {
	for _, u := range w.units {
		common := 0
		for name, value := range a.Atoms() {
			if names(u.audience, name, value) {
				common++
			}
		}
		if named += common; common == 0 {
			continue
		}
		if growth, ok := u.audience.Growth(a); ok && (!found || growth < least) {
			least, found = growth, true
		}
	}
	return least, named, found
}

// Promise: fewest calls. What could be united is found, however many atoms and
// units have come and gone.
func TestAGroupFindsWhatGrowsLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &groupWorld{
			s: &Scheduler{}, g: &group{hasher: newHasher()}, tags: rapid.SampledFrom([]int{3, 12, 40, 200}).Draw(t, "tags of the app"),
			asks: profile{traits: traits{policy: intent.Policy{Mode: intent.Merge}}, class: &class{}},
		}
		w.g.mask = rapid.SampledFrom([]uint32{^uint32(0), 1}).Draw(t, "bits of a hash")
		steps := rapid.IntRange(1, 120).Draw(t, "steps")
		for range steps {
			a := w.audience(t)
			if len(w.units) > 0 && rapid.IntRange(0, 2).Draw(t, "goes") == 0 {
				w.exit(rapid.IntRange(0, len(w.units)-1).Draw(t, "which"))
			}
			w.step(t, a)
			if err := w.g.check(w.units); err != nil {
				t.Fatal(err)
			}
		}
		for len(w.units) > 0 {
			w.exit(0)
			if err := w.g.check(w.units); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func (w *groupWorld) step(t *rapid.T, a audience.Audience) {
	if u, _ := w.g.asked(a); u != nil {
		if !u.audience.Contains(a) {
			t.Fatalf("%v is asked for in %v", a, u.audience)
		}
		w.grow(u, a)
		return
	}
	least, named, found := w.least(a)
	u := w.s.leastGrown(w.g, a, 0, true)
	switch {
	case u == nil && found && named <= candidates:
		t.Fatalf("nothing is found for %v, which one grows by %d for", a, least)
	case u == nil:
		w.enter(a)
		return
	}
	growth, ok := u.audience.Growth(a)
	if !ok || named <= candidates && growth != least {
		t.Fatalf("%v grows by %d (%v) for %v, another by %d", u.audience, growth, ok, a, least)
	}
	if rapid.Bool().Draw(t, "joins") {
		w.grow(u, a)
		w.takesOver(t, u)
	} else {
		w.enter(a)
		w.takesOver(t, w.units[len(w.units)-1])
	}
}

// takesOver says whether those that u contains are found. They stay.
func (w *groupWorld) takesOver(t *rapid.T, u *unit) {
	contained := w.s.contained(u)
	_, named, _ := w.least(u.audience)
	for _, v := range w.units {
		is := v != u && u.audience.Contains(v.audience)
		if has := slices.Contains(contained, v); has && !is || is && !has && named <= candidates {
			t.Fatalf("%v contains %v: %v, found %v", u.audience, v.audience, is, has)
		}
	}
}

// Promise: fewest calls. Two atoms that share a hash cost a look and no merge.
func TestAtomsOfOneHash(t *testing.T) {
	first, second := clash(t)
	s := &Scheduler{}
	w := &groupWorld{s: s, g: &group{hasher: newHasher()}, asks: profile{traits: traits{policy: intent.Policy{Mode: intent.Merge}}, class: &class{}}}
	w.enter(must(audience.OfAnyTag(first)))
	w.enter(must(audience.OfAnyTag(second, "a", "b", "c")))
	want := w.units[1]
	if got := s.leastGrown(w.g, must(audience.OfAnyTag(second)), 0, true); got != want {
		t.Errorf("found %v, want %v", got, want.audience)
	}
	if err := w.g.check(w.units); err != nil && !w.g.blurred {
		t.Error(err)
	}
}

// clash finds two tags whose hashes are equal.
func clash(t *testing.T) (string, string) {
	seen := make(map[uint32]string)
	for n := range 1 << 20 {
		tag := fmt.Sprint("t", n)
		h := hashOf(tag, "")
		if other, ok := seen[h]; ok {
			return other, tag
		}
		seen[h] = tag
	}
	t.Fatal("no two of a million tags have one hash")
	return "", ""
}
