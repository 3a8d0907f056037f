package pushsim

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Five users around every edge of the five kinds.
func (w *world) cast() {
	w.Helper()
	if err := w.sim.NameAttributes("city", "level"); err != nil {
		w.Fatal(err)
	}
	err := w.sim.Set(
		User{ID: "ab", Tags: []string{"a", "b"}, Attrs: map[string]string{"city": "x", "level": "1"}},
		User{ID: "a", Tags: []string{"a"}, Attrs: map[string]string{"city": "x", "level": "2"}},
		User{ID: "b", Tags: []string{"b"}, Attrs: map[string]string{"city": "y", "level": "1"}},
		User{ID: "A", Tags: []string{"A"}, Attrs: map[string]string{"city": "X"}},
		User{ID: "none"},
	)
	if err != nil {
		w.Fatal(err)
	}
}

func TestAudience(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	for name, tt := range map[string]struct {
		members string
		want    []string
	}{
		"everyone":                   {``, []string{"A", "a", "ab", "b", "none"}},
		"null condition":             {`"Condition":null`, []string{"A", "a", "ab", "b", "none"}},
		"empty condition":            {`"Condition":{}`, []string{"A", "a", "ab", "b", "none"}},
		"empty list":                 {`"Condition":{"TagsOr":[]}`, []string{"A", "a", "ab", "b", "none"}},
		"misspelt key":               {`"Condition":{"Tags":["a"]}`, []string{"A", "a", "ab", "b", "none"}},
		"any of the tags":            {`"Condition":{"TagsOr":["a","b"]}`, []string{"a", "ab", "b"}},
		"one tag":                    {`"Condition":{"TagsOr":["a"]}`, []string{"a", "ab"}},
		"all of the tags":            {`"Condition":{"TagsAnd":["a","b"]}`, []string{"ab"}},
		"a tag nobody has":           {`"Condition":{"TagsOr":["c"]}`, nil},
		"all, one of them nobody's":  {`"Condition":{"TagsAnd":["a","c"]}`, nil},
		"any, one of them nobody's":  {`"Condition":{"TagsOr":["c","b"]}`, []string{"ab", "b"}},
		"any of the attributes":      {`"Condition":{"AttrsOr":{"city":"x","level":"1"}}`, []string{"a", "ab", "b"}},
		"all of the attributes":      {`"Condition":{"AttrsAnd":{"city":"x","level":"1"}}`, []string{"ab"}},
		"an attribute nobody has so": {`"Condition":{"AttrsAnd":{"city":"z"}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, Config{}, func(w *world) {
				w.cast()
				got := w.got(w.pushed(`"OnlineOnlyFlag":1` + map[bool]string{true: "", false: ","}[tt.members == ""] + tt.members).TaskID)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("reached (-want +got):\n%s", diff)
				}
				if calls := w.sim.Calls(); name == "misspelt key" && !slices.Equal(calls[0].Ignored, []string{"Condition.Tags"}) {
					t.Errorf("Ignored = %q", calls[0].Ignored)
				}
			})
		})
	}
}

// Who joins or changes after the call was accepted is not moved by it.
func TestAudienceIsTakenAtAcceptance(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	inWorld(t, Config{}, func(w *world) {
		w.cast()
		id := w.pushed(`"Condition":{"TagsOr":["a"]}`).TaskID
		if err := w.sim.Set(User{ID: "new", Tags: []string{"a"}}, User{ID: "a"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"a", "ab"}, w.got(id)); diff != "" {
			t.Errorf("reached (-want +got):\n%s", diff)
		}
		next := w.pushed(`"Condition":{"TagsOr":["a"]}`).TaskID
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"ab", "new"}, w.got(next)); diff != "" {
			t.Errorf("then reached (-want +got):\n%s", diff)
		}
	})
}

// meets is the slow, obvious answer: does this user meet the condition?
func meets(u User, key string, tags []string, pairs map[string]string) bool {
	some, all := false, true
	for _, tag := range tags {
		has := slices.Contains(u.Tags, tag)
		some, all = some || has, all && has
	}
	for name, value := range pairs {
		has := u.Attrs[name] == value
		some, all = some || has, all && has
	}
	if key == "TagsOr" || key == "AttrsOr" {
		return some
	}
	return all
}

// Populations that change between the pushes, against the obvious answer.
func TestAudienceAgainstTheObviousAnswer(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	tag := rapid.StringMatching(`[a-e]`)
	value := rapid.StringMatching(`[xy]`)
	pairs := rapid.MapOfN(rapid.SampledFrom([]string{"city", "level"}), value, 1, 2)
	rapid.Check(t, func(t *rapid.T) {
		a := &app{population: newPopulation()}
		a.attrNames = [limitAttrNames]string{"city", "level"}
		users := make(map[string]User)
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			u := User{
				ID:    fmt.Sprintf("u%d", rapid.IntRange(0, 130).Draw(t, "user")),
				Tags:  rapid.SliceOfNDistinct(tag, 0, 5, rapid.ID[string]).Draw(t, "tags"),
				Attrs: rapid.MapOfN(rapid.SampledFrom([]string{"city", "level"}), value, 0, 2).Draw(t, "attrs"),
			}
			a.set(u)
			users[u.ID] = u
		}
		key := rapid.SampledFrom([]string{"TagsOr", "TagsAnd", "AttrsOr", "AttrsAnd"}).Draw(t, "key")
		var tags []string
		var attrs map[string]string
		var operand any
		if key[0] == 'T' {
			tags = rapid.SliceOfNDistinct(tag, 1, 5, rapid.ID[string]).Draw(t, "wanted tags")
			operand = tags
		} else {
			attrs = pairs.Draw(t, "wanted pairs")
			operand = attrs
		}
		text, err := json.Marshal(map[string]any{key: operand})
		if err != nil {
			t.Fatal(err)
		}
		c, _, r := parseCondition(fields{"Condition": text}, func(string) bool { return true }, true)
		if r.given() {
			t.Fatalf("%s: %+v", text, r)
		}
		set := c.audience(a)
		size := 0
		for n, id := range a.ids {
			want := meets(users[id], key, tags, attrs)
			if set.has(n) != want {
				t.Fatalf("%s: %+v is in %v, want %v", text, users[id], set.has(n), want)
			}
			if want {
				if set.rank(n) != size {
					t.Fatalf("%s has rank %d, want %d", id, set.rank(n), size)
				}
				size++
			}
		}
		if set.count() != size {
			t.Fatalf("%s: %d users, want %d", text, set.count(), size)
		}
	})
}
