package ruletest

import (
	"fmt"
	"slices"
	"strings"

	"pushbridge/internal/consume"
	"pushbridge/internal/mapper"
	"pushbridge/internal/simulate"
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

func (r *trial) compareCalls() {
	got := make([]facts, len(r.got.calls))
	for i := range r.got.calls {
		got[i] = r.callFacts(&r.got.calls[i])
	}
	pairs := align(len(r.test.calls), len(got), func(i, j int) int { return r.test.calls[i].likeness(got[j]) })
	edit := change{node: r.callList, items: []item{}}
	changed := false
	for _, p := range pairs {
		switch {
		case p.got < 0:
			w := &r.test.calls[p.want]
			r.fail(w.node, Failure{Of: fmt.Sprintf("call %d", p.want+1), Want: flow(w.node.Value()), Why: r.missing(w)})
			changed = true
		case p.want < 0:
			text := callText(got[p.got])
			r.fail(r.callList, Failure{Of: "call at " + got[p.got]["at"].shown(), Got: text, Why: r.unexpected(p.got)})
			edit.items = append(edit.items, item{text: text})
			changed = true
		default:
			w := &r.test.calls[p.want]
			before := len(r.out.changes)
			r.compareKeys(fmt.Sprintf("call %d", p.want+1), w.keys, got[p.got], r.differs(p.got))
			edit.items = append(edit.items, item{node: w.node, changes: slices.Clone(r.out.changes[before:])})
		}
	}
	if changed {
		r.rewrite(edit)
	}
}

// rewrite takes the changes of a list's items into one of the list.
func (r *trial) rewrite(list change) {
	for _, i := range list.items {
		r.out.changes = slices.DeleteFunc(r.out.changes, func(c change) bool {
			return slices.ContainsFunc(i.changes, func(own change) bool { return own.node == c.node })
		})
	}
	r.out.changes = append(r.out.changes, list)
}

// likeness is how much of what is wanted the call is, its events above all.
func (w *wantCall) likeness(got facts) int {
	n := 0
	if w.events != nil {
		for _, name := range got["events"].value.([]string) {
			if slices.Contains(w.events, name) {
				n += 4
			}
		}
	}
	return n + likeness(w.keys, got)
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

// differs says of the keys of a call why they are not as they were wanted. Why it
// does not reach the people of another call is said once.
func (r *trial) differs(i int) func(*wanted) []string {
	c := &r.got.calls[i]
	alone := false
	return func(k *wanted) []string {
		switch k.key {
		case "at":
			var why []string
			if !k.at.IsZero() && k.at.Before(c.Sent) {
				if waited := r.got.waitedFor(c.Batch.ID, c.Lane, k.at); waited != "" {
					why = append(why, waited)
				}
			}
			return append(why, "it went for this: "+whyWords(c.Batch))
		case "events", "condition", "audience":
			if alone {
				return nil
			}
			alone = true
			return r.apartFrom(i, len(r.got.calls))
		}
		return nil
	}
}

// apartFrom says why a call was not one with the first n others.
func (r *trial) apartFrom(i, n int) []string {
	var why []string
	for j := range n {
		if j == i {
			continue
		}
		if reason := r.apart(&r.got.calls[min(i, j)], &r.got.calls[max(i, j)]); reason != "" {
			why = append(why, fmt.Sprintf("not one call with that at %s: %s", span(r.got.calls[j].Sent.Sub(r.test.start)), reason))
		}
	}
	return atMost(why, 4)
}

// missing says what became of the events of a call that was not made.
func (r *trial) missing(w *wantCall) []string {
	var why []string
	for i := range r.events {
		if w.events == nil || slices.Contains(w.events, r.events[i].fullName()) {
			why = append(why, r.fate(&r.got, int64(i+1))...)
		}
	}
	return atMost(why, 8)
}

// unexpected says why a call was made that nobody wanted.
func (r *trial) unexpected(i int) []string {
	return append([]string{"it went for this: " + whyWords(r.got.calls[i].Batch)}, r.apartFrom(i, i)...)
}

func atMost(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(list[:n:n], fmt.Sprintf("and %d more", len(list)-n))
}

func (r *trial) compareCounts() {
	got := r.got.counts()
	for _, word := range dispositions {
		if got[word] == r.test.counts[word] {
			continue
		}
		var why []string
		for i := range r.events {
			for _, e := range r.got.ends {
				if e.Line == int64(i+1) && e.Disposition == word {
					why = append(why, r.fate(&played{ends: []simulate.End{e}}, e.Line)...)
				}
			}
		}
		n := r.countNode
		if v := n.Get(word); !v.IsZero() {
			n = v
		}
		r.fail(n, Failure{Of: "dispositions", Key: word, Want: fmt.Sprint(r.test.counts[word]), Got: fmt.Sprint(got[word]), Why: atMost(why, 8)})
	}
	if !sameCounts(got, r.test.counts) {
		r.out.changes = append(r.out.changes, change{node: r.countNode, text: countsText(got)})
	}
}

func (p *played) counts() map[string]int {
	n := map[string]int{}
	for _, e := range p.ends {
		n[e.Disposition]++
	}
	return n
}

func sameCounts(a, b map[string]int) bool {
	return !slices.ContainsFunc(dispositions, func(word string) bool { return a[word] != b[word] })
}

// countsText writes the dispositions that there are, in their usual order.
func countsText(n map[string]int) string {
	var all []string
	for _, word := range dispositions {
		if n[word] > 0 {
			all = append(all, fmt.Sprintf("%s: %d", word, n[word]))
		}
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func (r *trial) compareEnds() {
	for i := range r.test.ends {
		w := &r.test.ends[i]
		best, most := -1, -1
		for j := range r.got.ends {
			if r.events[r.got.ends[j].Line-1].fullName() != w.event {
				continue
			}
			if met := likeness(w.keys, r.endFacts(&r.got.ends[j])); met > most {
				best, most = j, met
			}
		}
		of := fmt.Sprintf("end %d, of event %s", i+1, r.shortName(w.event))
		if best < 0 {
			r.fail(w.node, Failure{Of: of, Want: flow(w.node.Value())})
			continue
		}
		r.compareKeys(of, w.keys, r.endFacts(&r.got.ends[best]), func(*wanted) []string { return r.fate(&r.got, r.got.ends[best].Line) })
	}
}

// mapping is what the rules make of a single event, and the reasons for which it
// would be a dead letter.
func (r *trial) mapping() (mapper.Mapping, []string) {
	if !r.single {
		return mapper.Mapping{}, nil
	}
	e, err := consume.ParseEvent(r.events[0].raw)
	if err != nil {
		return mapper.Mapping{}, []string{err.Error()}
	}
	m := r.rules.Map(e, r.originAt(e, 0))
	var letters []string
	for _, f := range m.Failures {
		letters = append(letters, f.Error())
	}
	return m, letters
}

// compareMapping compares what the rules make of a single event.
func (r *trial) compareMapping() error {
	m, letters := r.mapping()
	r.compareTexts(m, letters)
	if r.intentList.IsZero() {
		return nil
	}
	return r.compareIntents(m, letters)
}

// compareTexts compares the reasons why an event got nowhere.
func (r *trial) compareTexts(m mapper.Mapping, letters []string) {
	if w := r.test.unmatched; !w.node.IsZero() && (m.Why == "" || !strings.Contains(m.Why, w.text)) {
		f := Failure{Of: "unmatched", Want: flow(w.text), Got: flow(m.Why)}
		if m.Why == "" {
			f.Got, f.Why = "", r.fate(&r.got, 1)
		} else {
			r.out.changes = append(r.out.changes, change{node: w.node, text: flow(m.Why)})
		}
		r.fail(w.node, f)
	}
	list := r.expect.Get("dead_letters")
	if list.IsZero() {
		return
	}
	ok := len(letters) == len(r.test.deadLetters)
	for i := range letters {
		ok = ok && strings.Contains(letters[i], r.test.deadLetters[i].text)
	}
	if ok {
		return
	}
	f := Failure{Of: "dead_letters", Want: flow(list.Value()), Got: flowTexts(letters)}
	if len(letters) == 0 {
		f.Got, f.Why = "", r.fate(&r.got, 1)
	} else {
		r.out.changes = append(r.out.changes, change{node: list, text: flowTexts(letters)})
	}
	r.fail(list, f)
}

func (r *trial) compareIntents(m mapper.Mapping, letters []string) error {
	got := make([]facts, len(m.Intents))
	for i := range m.Intents {
		got[i] = r.intentFacts(&m.Intents[i])
	}
	pairs := align(len(r.test.intents), len(got), func(i, j int) int { return likeness(r.test.intents[i].keys, got[j]) })
	why := letters
	if m.Why != "" {
		why = append(why, m.Why)
	}
	edit := change{node: r.intentList, items: []item{}}
	changed := false
	for _, p := range pairs {
		switch {
		case p.got < 0:
			w := &r.test.intents[p.want]
			r.fail(w.node, Failure{Of: fmt.Sprintf("intent %d", p.want+1), Want: flow(w.node.Value()), Why: why})
			changed = true
		case p.want < 0:
			text := intentText(got[p.got])
			r.fail(r.intentList, Failure{Of: "another intent", Got: text})
			edit.items = append(edit.items, item{text: text})
			changed = true
		default:
			w := &r.test.intents[p.want]
			of := fmt.Sprintf("intent %d", p.want+1)
			before := len(r.out.changes)
			r.compareKeys(of, w.keys, got[p.got], func(*wanted) []string { return nil })
			edit.items = append(edit.items, item{node: w.node, changes: slices.Clone(r.out.changes[before:])})
			if err := r.compareCompany(of, w, m.Intents[p.got].Rule); err != nil {
				return err
			}
		}
	}
	if changed {
		r.rewrite(edit)
	}
	return nil
}

// compareCompany plays the event at once with each other one, and looks whether one
// call carries both.
func (r *trial) compareCompany(of string, w *wantIntent, rule string) error {
	for _, c := range w.merge {
		together, why, err := r.together(&c, rule)
		if err != nil {
			return err
		}
		if !together {
			r.fail(c.node, Failure{Of: of, Key: "merges_with", Want: "one call with " + flow(c.node.Value()), Got: "calls of their own", Why: why})
		}
	}
	for _, c := range w.apart {
		together, _, err := r.together(&c, rule)
		if err != nil {
			return err
		}
		if together {
			r.fail(c.node, Failure{Of: of, Key: "apart_from", Want: "a call without " + flow(c.node.Value()), Got: "one call with both"})
		}
	}
	return nil
}

func (r *trial) together(c *companion, rule string) (bool, []string, error) {
	pair := *r.test
	pair.events = []input{r.events[0], c.event}
	p, err := pair.play(r.rules, pair.events, nil)
	if err != nil {
		return false, nil, err
	}
	for i := range p.calls {
		own, other := false, false
		for _, cover := range p.calls[i].Batch.Covers {
			own = own || cover.Intent.Origin.Position.Offset == 1 && cover.Intent.Rule == rule
			other = other || cover.Intent.Origin.Position.Offset == 2
		}
		if own && other {
			return true, nil, nil
		}
	}
	var why []string
	if len(p.calls) == 2 {
		if reason := pair.apart(&p.calls[0], &p.calls[1]); reason != "" {
			return false, []string{reason}, nil
		}
	}
	why = append(why, pair.fate(&p, 1)...)
	return false, append(why, pair.fate(&p, 2)...), nil
}

// pairing is one row of an alignment; -1 is nobody.
type pairing struct{ want, got int }

// align pairs what is wanted with what there is, both in their order, so that the
// pairs are as alike as can be. Where the numbers are equal the order decides.
func align(wants, gots int, likeness func(want, got int) int) []pairing {
	if wants == gots {
		all := make([]pairing, wants)
		for i := range all {
			all[i] = pairing{i, i}
		}
		return all
	}
	// best[i][j] is the best sum for wants from i on and gots from j on.
	best := make([][]int, wants+1)
	for i := range best {
		best[i] = make([]int, gots+1)
	}
	for i := wants - 1; i >= 0; i-- {
		for j := gots - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1], best[i+1][j+1]+likeness(i, j))
		}
	}
	var all []pairing
	i, j := 0, 0
	for i < wants && j < gots {
		switch like := likeness(i, j); {
		case like > 0 && best[i][j] == best[i+1][j+1]+like:
			all = append(all, pairing{i, j})
			i, j = i+1, j+1
		case best[i][j] == best[i+1][j]:
			all = append(all, pairing{i, -1})
			i++
		default:
			all = append(all, pairing{-1, j})
			j++
		}
	}
	for ; i < wants; i++ {
		all = append(all, pairing{i, -1})
	}
	for ; j < gots; j++ {
		all = append(all, pairing{-1, j})
	}
	return all
}
