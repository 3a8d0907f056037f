package ruletest

import (
	"fmt"
	"slices"
	"strings"

	"pushbridge/internal/consume"
	"pushbridge/internal/mapper"
)

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
