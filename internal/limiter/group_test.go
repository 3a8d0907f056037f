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
	t.Attr("promise", "fewest-calls")
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newGroupWorld()
		w.tags = rapid.SampledFrom([]int{3, 12, 40, 200}).Draw(t, "tags of the app")
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
	u := w.s.leastGrown(w.g, a, 0, false)
	if told := w.s.leastGrown(w.g, a, 0, w.g.tells(a)); told != u {
		t.Fatalf("masks tell %v for %v, the units %v", told, a, u)
	}
	if named == 0 {
		w.fullest(t, a)
	}
	switch {
	case u == nil && found && named <= candidates:
		t.Fatalf("nothing is found for %v, which one grows by %d for", a, least)
	case u == nil:
		w.enter(a)
		return
	case !found:
		t.Fatalf("%v is found for %v, which it does not unite with", u.audience, a)
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

// fullest says whether what shares no atom with any goes into the fullest unit that it
// fits into, while those that may have room are few enough to be looked at.
func (w *groupWorld) fullest(t *rapid.T, a audience.Audience) {
	most, roomy := 0, 0
	for _, u := range w.units {
		if u.audience.Kind() != a.Kind() || narrow(a) == narrowest {
			continue
		}
		roomy++
		if _, ok := u.audience.Growth(a); ok {
			most = max(most, u.audience.Len())
		}
	}
	got := 0
	for u := range w.g.withRoom(a) {
		if _, ok := u.audience.Growth(a); ok {
			got = u.audience.Len()
			break
		}
	}
	if roomy <= candidates && got != most {
		t.Fatalf("%v fits into a unit of %d, found one of %d", a, most, got)
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
	t.Attr("promise", "fewest-calls")
	t.Parallel()
	first, second := clash(t)
	w := newGroupWorld()
	w.enter(must(audience.OfAnyTag(first)))
	w.enter(must(audience.OfAnyTag(second, "a", "b", "c")))
	want := w.units[1]
	if got := w.s.leastGrown(w.g, must(audience.OfAnyTag(second)), 0, w.g.tells(must(audience.OfAnyTag(second)))); got != want {
		t.Errorf("found %v, want %v", got, want.audience)
	}
	if err := w.g.check(w.units); err != nil || !w.g.blurred {
		t.Errorf("%v; masks still tell: %v", err, !w.g.blurred)
	}
}

// Promise: nothing lost. One audience may name two atoms of one hash, also where the
// message has so many that none is left a bit.
func TestTwoAtomsOfOneHashInOneAudience(t *testing.T) {
	t.Attr("promise", "nothing-lost")
	t.Parallel()
	first, second := clash(t)
	for _, more := range []int{0, maskBits + 5} {
		w := newGroupWorld()
		for n := range more {
			w.enter(must(audience.OfAllTags("vip", fmt.Sprint(n))))
		}
		w.enter(must(audience.OfAnyTag(first, second)))
		w.enter(must(audience.OfAllTags(first, second)))
		w.enter(must(audience.OfAnyTag(first, "a")))
		w.grow(w.units[more+2], must(audience.OfAnyTag(second, "b")))
		if err := w.g.check(w.units); err != nil {
			t.Error(err)
		}
		for len(w.units) > 0 {
			w.exit(len(w.units) - 1)
			if err := w.g.check(w.units); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Promise: nothing lost. Units that come and go beside one whom many ask for cost
// what they are, and leave nothing behind.
func TestAGroupIsRenumberedRarely(t *testing.T) {
	t.Attr("guards", "time and memory do not grow with what is gone")
	t.Parallel()
	w := newGroupWorld()
	w.enter(must(audience.OfAnyTag("vip")))
	for n := range 1000 {
		w.grow(w.units[0], must(audience.OfAllTags("vip", fmt.Sprint(n))))
	}
	renumbered, slots := 0, 0
	for n := range 10_000 {
		w.enter(must(audience.OfAnyAttr(map[string]string{"city": fmt.Sprint(n)})))
		before := len(w.g.units)
		if w.exit(1); len(w.g.units) < before {
			renumbered++
		}
		slots = max(slots, len(w.g.units))
	}
	if renumbered == 0 || renumbered > 10 || slots > 2*1000 {
		t.Errorf("renumbered %d times, up to %d slots", renumbered, slots)
	}
}

// Promise: fewest calls. Kinds of room that are gone leave their place to others.
func TestRoomsAreUsedAgain(t *testing.T) {
	t.Attr("promise", "fewest-calls")
	t.Parallel()
	w := newGroupWorld()
	for n := range 2 * roomMost {
		w.enter(must(audience.OfAllTags("vip", fmt.Sprint(n)))) // hold renumbering off
	}
	for n := range 2 * roomMost {
		w.enter(must(audience.OfAnyAttr(map[string]string{fmt.Sprint("a", n): "x", fmt.Sprint("b", n): "x", fmt.Sprint("c", n): "x"})))
		w.exit(len(w.units) - 1)
	}
	w.enter(must(audience.OfAnyTag("t")))
	if got, _ := w.s.find(w.units[0], must(audience.OfAnyTag("u"))); got != w.units[len(w.units)-1] {
		t.Errorf("found %v", got)
	}
}

func newGroupWorld() *groupWorld {
	return &groupWorld{
		s: &Scheduler{}, g: &group{hasher: newHasher()}, tags: 3,
		asks: profile{traits: traits{policy: intent.Policy{Mode: intent.Merge}}, class: &class{}},
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
