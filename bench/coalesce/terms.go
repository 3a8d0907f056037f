package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"pushbridge/internal/audience"
)

// reach is an audience as the judge understands it: users are in it who have all
// atoms of one of its terms. It shares nothing with the package whose merging it
// judges.
type reach [][]atom

// atom is a tag, whose value is empty, or an attribute with its value.
type atom struct{ name, value string }

// covers says whether everyone of the other is in r too. It asks of the smallest
// user of each term: who has more is in r if that one is, since no condition
// excludes anybody.
func (r reach) covers(other reach) bool {
	for _, smallest := range other {
		if !r.has(smallest) {
			return false
		}
	}
	return true
}

func (r reach) has(user []atom) bool {
	for _, term := range r {
		all := true
		for _, a := range term {
			found := false
			for _, b := range user {
				found = found || a == b
			}
			all = all && found
		}
		if all {
			return true
		}
	}
	return false
}

// condition reads what a call asked for, and refuses what the API would.
func condition(raw json.RawMessage) (reach, error) {
	if len(raw) == 0 {
		return reach{{}}, nil
	}
	var c struct{ TagsOr, TagsAnd, AttrsOr, AttrsAnd json.RawMessage }
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&c); err != nil {
		return nil, fmt.Errorf("condition %s: %w", raw, err)
	}
	var r reach
	kinds := 0
	for _, one := range []struct {
		raw   json.RawMessage
		attrs bool
		all   bool
	}{{c.TagsOr, false, false}, {c.TagsAnd, false, true}, {c.AttrsOr, true, false}, {c.AttrsAnd, true, true}} {
		if one.raw == nil {
			continue
		}
		kinds++
		atoms, err := atomsOf(one.raw, one.attrs)
		if err != nil {
			return nil, fmt.Errorf("condition %s: %w", raw, err)
		}
		r = joined(atoms, one.all)
	}
	if kinds != 1 {
		return nil, fmt.Errorf("condition %s: %d kinds, want one", raw, kinds)
	}
	return r, nil
}

// atomsOf reads a list of tags or an object of attributes.
func atomsOf(raw json.RawMessage, attrs bool) ([]atom, error) {
	var atoms []atom
	if attrs {
		var pairs map[string]string
		if err := json.Unmarshal(raw, &pairs); err != nil {
			return nil, err
		}
		for name, value := range pairs {
			if value == "" {
				return nil, errors.New("an empty value")
			}
			atoms = append(atoms, atom{name, value})
		}
	} else {
		var tags []string
		if err := json.Unmarshal(raw, &tags); err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, tag := range tags {
			if seen[tag] {
				return nil, fmt.Errorf("tag %q twice", tag)
			}
			seen[tag] = true
			atoms = append(atoms, atom{name: tag})
		}
	}
	if len(atoms) == 0 || len(atoms) > 10 {
		return nil, fmt.Errorf("%d members, allowed 1 to 10", len(atoms))
	}
	for _, a := range atoms {
		if a.name == "" || len(a.name) > 50 || len(a.value) > 50 {
			return nil, fmt.Errorf("%q: not of 1 to 50 bytes", a)
		}
	}
	return atoms, nil
}

func joined(atoms []atom, all bool) reach {
	if all {
		return reach{atoms}
	}
	var r reach
	for _, a := range atoms {
		r = append(r, []atom{a})
	}
	return r
}

// reachOf is the users that an audience of the rules names.
func reachOf(a audience.Audience) reach {
	var atoms []atom
	for _, tag := range a.Tags() {
		atoms = append(atoms, atom{name: tag})
	}
	for _, p := range a.Pairs() {
		atoms = append(atoms, atom{p.Name, p.Value})
	}
	switch a.Kind() {
	case audience.Everyone:
		return reach{{}}
	case audience.AnyTag, audience.AnyAttr:
		return joined(atoms, false)
	case audience.AllTags, audience.AllAttrs:
		return joined(atoms, true)
	}
	panic("coalesce: an audience of no kind")
}

// reachAll is the users of any of them.
func reachAll(audiences []audience.Audience) reach {
	var r reach
	for _, a := range audiences {
		r = append(r, reachOf(a)...)
	}
	return r
}
