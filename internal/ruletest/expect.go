package ruletest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pushbridge/internal/mapper"
)

// wantCall is one expected call.
type wantCall struct {
	node   mapper.Node
	keys   []wanted
	events []string // that it carries, as source#id; nil: not said
}

// wantIntent is one expected intent of a single event.
type wantIntent struct {
	node  mapper.Node
	keys  []wanted
	merge []companion // that share its call
	apart []companion // that do not
}

// companion is another event, which arrives at once with the one of the test.
type companion struct {
	node  mapper.Node
	event input
}

// wantEnd is the expected end of one event.
type wantEnd struct {
	node  mapper.Node
	event string // source#id
	keys  []wanted
}

// wantText is a part of an expected text.
type wantText struct {
	node mapper.Node
	text string
}

func (t *test) readExpect(n mapper.Node, drafts bool) {
	e := n.Get("expect")
	if e.IsZero() {
		if !drafts {
			n.Refuse("nothing is expected", "write expect:, or let bridge test --update write what happens, and read it")
		}
		return
	}
	known := []string{"calls", "dispositions", "ends"}
	if t.single {
		known = append(known, "intents", "unmatched", "dead_letters")
	}
	if !e.Map(known...) {
		return
	}
	t.expect = e
	if said, _ := e.Value().(map[string]any); len(said) == 0 {
		e.Refuse("nothing is expected", "its keys are "+strings.Join(known, ", "))
	}
	if v := e.Get("calls"); !v.IsZero() {
		t.callList = v
		for _, item := range listOf(v) {
			t.calls = append(t.calls, t.readCall(item))
		}
	}
	if v := e.Get("intents"); !v.IsZero() {
		t.intentList = v
		for _, item := range listOf(v) {
			t.intents = append(t.intents, t.readIntent(item))
		}
	}
	if v := e.Get("unmatched"); !v.IsZero() {
		t.unmatched = textOf(v)
	}
	if v := e.Get("dead_letters"); !v.IsZero() {
		for _, item := range v.List() {
			t.deadLetters = append(t.deadLetters, textOf(item))
		}
	}
	if v := e.Get("dispositions"); !v.IsZero() && v.Map(dispositions...) {
		t.counts, t.countNode = map[string]int{}, v
		for word, n := range v.Members() {
			t.counts[word], _ = n.Count()
		}
	}
	if v := e.Get("ends"); !v.IsZero() {
		for _, item := range v.List() {
			t.ends = append(t.ends, t.readEnd(item))
		}
	}
}

// listOf returns a list's items; unlike Node.List it takes an empty one, which says
// that there shall be none.
func listOf(n mapper.Node) []mapper.Node {
	if !n.IsList() {
		n.Refuse("want a list", "[] says that there shall be none")
		return nil
	}
	return n.Items()
}

func textOf(n mapper.Node) wantText {
	text, ok := n.Text()
	if ok && text == "" {
		n.Refuse("it is empty, which is in every text", "write a part of the text")
	}
	return wantText{n, text}
}

func (t *test) readCall(n mapper.Node) wantCall {
	w := wantCall{node: n}
	if !n.Map(callKeys...) {
		return w
	}
	for key, v := range n.Members() {
		k := t.wanted(key, v)
		if key == "events" {
			w.events = t.eventNames(v)
			k.met = func(got fact) bool { return slices.Equal(got.value.([]string), w.events) }
		}
		w.keys = append(w.keys, k)
	}
	return w
}

// eventNames reads ids, and returns the events in order as source#id.
func (t *test) eventNames(n mapper.Node) []string {
	names := []string{}
	for _, item := range listOf(n) {
		if id, ok := item.Text(); ok {
			if name := t.eventName(item, id); name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// eventName finds the event that is meant by an id, or by source#id.
func (t *test) eventName(n mapper.Node, id string) string {
	var found []string
	for _, in := range t.events {
		if name := in.fullName(); (in.id == id || name == id) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		n.Refuse(fmt.Sprintf("no event of this test has the id %q", id), "")
	case 1:
		return found[0]
	default:
		n.Refuse(fmt.Sprintf("%d events have the id %q", len(found), id), "write source#id, as "+found[0])
	}
	return ""
}

// shortName is what a test may call the event: its id, if that is enough.
func (t *test) shortName(name string) string {
	_, id, _ := strings.Cut(name, "#")
	for _, in := range t.events {
		if in.id == id && in.fullName() != name {
			return name
		}
	}
	return id
}

func (t *test) readIntent(n mapper.Node) wantIntent {
	w := wantIntent{node: n}
	if !n.Map(intentKeys...) {
		return w
	}
	for key, v := range n.Members() {
		switch key {
		case "merges_with":
			w.merge = t.companions(v)
		case "apart_from":
			w.apart = t.companions(v)
		default:
			w.keys = append(w.keys, t.wanted(key, v))
		}
	}
	return w
}

// companions reads events, each said by what differs from the test's own.
func (t *test) companions(n mapper.Node) []companion {
	var all []companion
	for _, item := range n.List() {
		if !item.IsMap() {
			item.Refuse("want a map: what of the event is another", "write {data: {tiers: [silver]}}")
			continue
		}
		if len(t.events) != 1 || t.events[0].value == nil {
			continue // noted already, or no event to differ from
		}
		other := input{node: item}
		other.value, _ = patch(t.events[0].value, item.Value()).(map[string]any)
		if item.Get("id").IsZero() {
			other.value["id"] = t.events[0].id + "-other"
		}
		other.name()
		all = append(all, companion{item, other})
	}
	return all
}

// patch is a JSON merge patch (RFC 7386): a map changes the members that it names,
// null takes one away, everything else stands for itself.
func patch(of, by any) any {
	changes, ok := by.(map[string]any)
	if !ok {
		return by
	}
	old, _ := of.(map[string]any)
	out := make(map[string]any, len(old)+len(changes))
	maps.Copy(out, old)
	for k, v := range changes {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = patch(out[k], v)
	}
	return out
}

func (t *test) readEnd(n mapper.Node) wantEnd {
	w := wantEnd{node: n}
	if !n.Map(endKeys...) {
		return w
	}
	if n.Get("event").IsZero() || n.Get("disposition").IsZero() {
		n.Refuse("it names no event or no disposition", "write {event: \"1\", disposition: pushed}")
		return w
	}
	for key, v := range n.Members() {
		k := t.wanted(key, v)
		switch id, _ := v.Value().(string); key {
		case "event":
			w.event = t.eventName(v, id)
			continue
		case "by":
			name := t.eventName(v, id)
			k.met = func(got fact) bool { return got.value == name }
		}
		w.keys = append(w.keys, k)
	}
	return w
}
