package mapper

import "slices"

// reach finds which rules could keep an event from a later one, without looking at all:
// whoever takes every event of a case asks for no value exactly that the case does not
// ask for too. So each case of a rule is found by one value that it asks for, that
// which the fewest others do.
type reach struct {
	rules   []*rule
	known   cases
	byValue map[exact][]int // rules without continue, each in the file's order
	rest    []int           // those with a case that asks for nothing exactly
	last    map[string]int  // the last rule that could match the type
	lastAny int             // the last rule that could match any type; -1: there is none
}

func newReach(rules []*rule) *reach {
	x := &reach{rules: rules, known: newCases(), byValue: map[exact][]int{}, last: map[string]int{}, lastAny: -1}
	askers := map[exact]int{}
	for i, r := range rules {
		if r.types == nil {
			x.lastAny = i
		}
		for _, t := range r.types {
			x.last[t] = i
		}
		x.eachExact(r, func(e exact) { askers[e]++ })
	}
	for i, r := range rules {
		if own := x.known.of(r); !r.goOn && !own.tooMany {
			for _, c := range own.all {
				x.add(i, c, askers)
			}
		}
	}
	return x
}

// eachExact calls visit for the values that the cases of a rule ask for exactly.
func (x *reach) eachExact(r *rule, visit func(exact)) {
	for _, c := range x.known.of(r).all {
		for name := range c.attrs {
			for _, v := range c.attrs[name].anyOf {
				visit(exact{name, v})
			}
		}
	}
}

// add puts a rule under the values of one attribute of its case.
func (x *reach) add(i int, c clause, askers map[exact]int) {
	best, fewest := "", 0
	for _, name := range (clauses{all: []clause{c}}).attributes() {
		n := 0
		for _, v := range c.attrs[name].anyOf {
			n += askers[exact{name, v}]
		}
		if n > 0 && (best == "" || n < fewest) {
			best, fewest = name, n
		}
	}
	if best == "" {
		x.rest = append(x.rest, i)
	}
	for _, v := range c.attrs[best].anyOf {
		x.byValue[exact{best, v}] = append(x.byValue[exact{best, v}], i)
	}
}

// before returns the rules before one, without continue, of which one could take an
// event of its: no other decides on all events of one of its cases.
func (x *reach) before(i int) []*rule {
	r := x.rules[i]
	found := slices.Clone(x.rest)
	x.eachExact(r, func(e exact) { found = append(found, x.byValue[e]...) })
	slices.Sort(found)
	var before []*rule
	for _, j := range slices.Compact(found) {
		if o := x.rules[j]; j < i && o.meets(r) {
			before = append(before, o)
		}
	}
	return before
}

// goesOn says whether a later rule could take an event of one.
func (x *reach) goesOn(i int) bool {
	r := x.rules[i]
	return x.lastAny > i || r.types == nil && i < len(x.rules)-1 || slices.ContainsFunc(r.types, func(t string) bool {
		last, ok := x.last[t]
		return ok && last > i
	})
}
