package ruletest

import (
	"fmt"
	"slices"

	"pushbridge/internal/consume"
	"pushbridge/internal/mapper"
)

// Result is what the tests of one file came to.
type Result struct {
	File    string   `json:"file"`
	Rules   string   `json:"rules"`
	Version string   `json:"rules_version"`
	Tests   []Tested `json:"tests"`
}

// Failed says whether a test failed.
func (r *Result) Failed() bool {
	return slices.ContainsFunc(r.Tests, func(t Tested) bool { return len(t.Failures) > 0 })
}

// Tested is what one test came to.
type Tested struct {
	Name     string    `json:"name"`
	Line     int       `json:"line"`
	Column   int       `json:"column"`
	Failures []Failure `json:"failures,omitempty"`

	changes []change
}

// Failure is one expectation that was not met.
type Failure struct {
	Line   int      `json:"line"`
	Column int      `json:"column"`
	Of     string   `json:"of"`             // what it is about: call 2, intent 1, dispositions
	Key    string   `json:"key,omitempty"`  // of it: at, condition, …; absent: the whole
	Want   string   `json:"want,omitempty"` // as it is written; absent: nothing was expected
	Got    string   `json:"got,omitempty"`  // as it would be written; absent: there is nothing
	Why    []string `json:"why,omitempty"`  // in the scheduler's and the mapper's words
}

// Run runs every test against the rules, and notes in seen, if it is not nil, what
// the events show of them. It fails where a test cannot be run: it names a lane that
// the rules do not have.
func (f *File) Run(rules *mapper.Rules, seen *mapper.Coverage) (Result, error) {
	r := Result{File: f.Name, Rules: f.Rules, Version: rules.Version(), Tests: []Tested{}}
	for _, t := range f.tests {
		done, err := t.run(rules)
		if err != nil {
			line, column := t.node.Place()
			return r, fmt.Errorf("%s:%d:%d: test %q: %w", f.Name, line, column, t.name, err)
		}
		r.Tests = append(r.Tests, done)
		if seen != nil {
			t.show(seen)
		}
	}
	return r, nil
}

// show notes what the test's events show of the rules.
func (t *test) show(seen *mapper.Coverage) {
	for _, in := range t.events {
		if e, err := consume.ParseEvent(in.raw); err == nil {
			seen.Add(e, t.originAt(e, in.at))
		}
	}
}

// trial is one run of a test.
type trial struct {
	*test
	got   played
	rules *mapper.Rules
	out   Tested
}

func (t *test) run(rules *mapper.Rules) (Tested, error) {
	p, err := t.play(rules, t.events, t.moments())
	if err != nil {
		return Tested{}, err
	}
	r := &trial{test: t, got: p, rules: rules, out: Tested{Name: t.name}}
	r.out.Line, r.out.Column = t.node.Place()
	if t.expect.IsZero() {
		r.draft()
		return r.out, nil
	}
	if !t.callList.IsZero() {
		r.compareCalls()
	}
	if !t.countNode.IsZero() {
		r.compareCounts()
	}
	r.compareEnds()
	if t.single {
		err = r.compareMapping()
	}
	return r.out, err
}

func (r *trial) fail(n mapper.Node, f Failure) {
	f.Line, f.Column = n.Place()
	r.out.Failures = append(r.out.Failures, f)
}

// compareKeys compares what is wanted of one thing with what it is. why is asked
// for each key that differs.
func (r *trial) compareKeys(of string, keys []wanted, got facts, why func(*wanted) []string) {
	for i := range keys {
		k := &keys[i]
		g := got[k.key]
		if k.met(g) {
			continue
		}
		r.fail(k.node, Failure{Of: of, Key: k.key, Want: k.text, Got: g.shown(), Why: why(k)})
		text := g.yaml
		if k.renew != nil {
			text = k.renew(g)
		}
		r.out.changes = append(r.out.changes, change{node: k.node, text: text})
	}
}

// likeness is how many keys are met; what and whom say more than when and why.
func likeness(keys []wanted, got facts) int {
	n := 0
	for i := range keys {
		switch k := &keys[i]; {
		case !k.met(got[k.key]):
		case k.key == "message" || k.key == "audience" || k.key == "condition" || k.key == "rule":
			n += 3
		default:
			n++
		}
	}
	return n
}
