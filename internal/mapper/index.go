package mapper

import (
	"iter"
	"slices"
	"strings"
)

// ruleIndex finds the rules that an event could match by what they ask for exactly: its
// type, and then one more attribute. So the cost of an event grows with the rules that
// could match it, and not with all.
//
//	type ─► bucket ─┬─ source = /crm/a ─► rules
//	                ├─ source = /crm/b ─► rules
//	                ├─ subject = vip   ─► rules
//	                └─ the rest        ─► rules
type ruleIndex struct {
	byType map[string]*bucket // rules that ask for that very type
	rest   *bucket            // those that do not ask for a type exactly
}

// bucket is some rules, each under the value that the fewest others ask for.
type bucket struct {
	all        []*rule // in the file's order
	attributes []string
	byValue    []map[string][]*rule // for each attribute
	rest       []*rule
}

// exact is a value that a rule asks for, with an attribute that is not type.
type exact struct{ attribute, value string }

func newIndex(rules []*rule) ruleIndex {
	x := ruleIndex{byType: map[string]*bucket{}}
	of := map[string][]*rule{}
	var rest []*rule
	for n, r := range rules {
		r.order = n
		if r.types == nil {
			rest = append(rest, r)
		}
		for _, t := range slices.Compact(slices.Sorted(slices.Values(r.types))) {
			of[t] = append(of[t], r)
		}
	}
	for t, rules := range of {
		x.byType[t] = newBucket(rules)
	}
	x.rest = newBucket(rest)
	return x
}

func newBucket(rules []*rule) *bucket {
	b := &bucket{all: rules}
	askers := map[exact]int{}
	for _, r := range rules {
		for i := range r.match {
			for _, v := range r.match[i].values() {
				askers[exact{r.match[i].attribute, v}]++
			}
		}
	}
	for _, r := range rules {
		var best *matcher
		fewest := 0
		for i := range r.match {
			n := 0
			for _, v := range r.match[i].values() {
				n += askers[exact{r.match[i].attribute, v}]
			}
			if n > 0 && (best == nil || n < fewest) {
				best, fewest = &r.match[i], n
			}
		}
		if best == nil {
			b.rest = append(b.rest, r)
			continue
		}
		at := slices.Index(b.attributes, best.attribute)
		if at < 0 {
			at = len(b.attributes)
			b.attributes, b.byValue = append(b.attributes, best.attribute), append(b.byValue, map[string][]*rule{})
		}
		for _, v := range best.values() {
			b.byValue[at][v] = append(b.byValue[at][v], r)
		}
	}
	return b
}

// values are the only ones that fit, each once; nil where others may, and of the type,
// by which the rules are told apart before.
func (m *matcher) values() []string {
	if m.attribute == "type" {
		return nil
	}
	all := slices.DeleteFunc(slices.Clone(m.anyOf), func(v string) bool { return !strings.HasPrefix(v, m.prefix) || !strings.HasSuffix(v, m.suffix) })
	slices.Sort(all)
	return slices.Compact(all)
}

// add collects the lists of a bucket that hold what the event could match.
func (b *bucket) add(lists [][]*rule, s *scope) [][]*rule {
	if len(b.rest) > 0 {
		lists = append(lists, b.rest)
	}
	for i, attribute := range b.attributes {
		if v, ok := s.attribute(attribute); ok {
			if rules := b.byValue[i][v]; len(rules) > 0 {
				lists = append(lists, rules)
			}
		}
	}
	return lists
}

// candidates finds the rules that the event could match; next then gives them in the
// file's order. They are several short lists, so no longer one is made of them.
func (x *ruleIndex) candidates(s *scope) *candidates {
	c := &s.candidates
	c.lists = x.rest.add(c.lists[:0], s)
	if b := x.byType[s.context.Type]; b != nil {
		c.lists = b.add(c.lists, s)
	}
	return c
}

// candidates are lists of rules, each in the file's order, and none in two.
type candidates struct{ lists [][]*rule }

// next takes the next rule out of the lists; nil: none is left.
func (c *candidates) next() *rule {
	first := -1
	for i := range c.lists {
		if len(c.lists[i]) > 0 && (first < 0 || c.lists[i][0].order < c.lists[first][0].order) {
			first = i
		}
	}
	if first < 0 {
		return nil
	}
	r := c.lists[first][0]
	c.lists[first] = c.lists[first][1:]
	return r
}

// ofType yields the rules that an event of the type could match, and says how many
// they are.
func (x *ruleIndex) ofType(eventType string) (iter.Seq[*rule], int) {
	a, b := x.rest.all, []*rule(nil)
	if of := x.byType[eventType]; of != nil {
		b = of.all
	}
	return func(yield func(*rule) bool) {
		for a, b := a, b; len(a)+len(b) > 0; {
			list := &a
			if len(a) == 0 || len(b) > 0 && b[0].order < a[0].order {
				list = &b
			}
			if !yield((*list)[0]) {
				return
			}
			*list = (*list)[1:]
		}
	}, len(a) + len(b)
}
