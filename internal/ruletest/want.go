package ruletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
)

// The keys of what is expected.
var (
	callKeys   = []string{"at", "rule", "lane", "audience", "condition", "message", "events", "priority", "why"}
	intentKeys = []string{"rule", "audience", "condition", "message", "priority", "lane", "pool", "mode", "key", "max_delay", "expires", "on_doubt", "merges_with", "apart_from"}
	endKeys    = []string{"event", "rule", "disposition", "by", "at", "reason"}

	dispositions = []string{"pushed", "superseded", "duplicate", "expired", "unmatched", "dead-lettered"}
)

// facts is what a call, an intent or an end says under the keys of a test.
type facts map[string]fact

// fact is one of them: for comparison, and as a test would write it.
type fact struct {
	value any
	yaml  string
}

// shown is the fact for people.
func (f fact) shown() string {
	if d, ok := f.value.(time.Duration); ok {
		return span(d)
	}
	return f.yaml
}

func textFact(s string) fact { return fact{s, flow(s)} }

// wanted is one key of what a test expects, and how to tell whether it is met.
type wanted struct {
	key  string
	node mapper.Node
	text string // as it is shown
	met  func(got fact) bool
	// renew writes what was got in the place of what is wanted; nil: as the fact is.
	renew func(got fact) string
	at    time.Time // when it is known whether it is met; zero: at the end
}

// wantCall is one expected call.
type wantCall struct {
	node   mapper.Node
	keys   []wanted
	events []string // that it carries, as source#id; nil: not said
}

// wantIntent is one expected intent of a single event.
type wantIntent struct {
	node       mapper.Node
	keys       []wanted
	merge      []companion // that share its call
	apart      []companion // that do not
	mergeList  mapper.Node
	apartList  mapper.Node
	ruleWanted string
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
	said := false
	for range e.Members() {
		said = true
	}
	if !said {
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
			w.mergeList, w.merge = v, t.companions(v)
		case "apart_from":
			w.apartList, w.apart = v, t.companions(v)
		default:
			k := t.wanted(key, v)
			if w.keys = append(w.keys, k); key == "rule" {
				w.ruleWanted, _ = v.Value().(string)
			}
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

// wanted reads the value of one key.
func (t *test) wanted(key string, v mapper.Node) wanted {
	w := wanted{key: key, node: v, text: flow(v.Value()), met: func(fact) bool { return false }}
	switch key {
	case "at", "max_delay", "expires":
		t.wantTime(&w)
	case "audience", "condition":
		w.wantAudience()
	case "message":
		w.wantMessage()
	case "events": // by who knows the events
	case "rule":
		w.wantRules()
	case "reason":
		part := textOf(v)
		w.met = func(got fact) bool { return strings.Contains(got.value.(string), part.text) }
	default:
		text, ok := v.Text()
		if words := wordsOf(key); ok && words != nil && !slices.Contains(words, text) {
			v.Refuse(fmt.Sprintf("%q is no %s", text, key), "it is one of "+strings.Join(words, ", "))
		}
		w.met = func(got fact) bool { return got.value == text }
	}
	return w
}

// wordsOf returns the closed list that a key's value is of, or nil.
func wordsOf(key string) []string {
	var words []string
	switch key {
	case "priority":
		for _, p := range intent.Priorities {
			words = append(words, p.String())
		}
	case "mode":
		for _, m := range []intent.Mode{intent.Merge, intent.Latest, intent.Digest, intent.Alone} {
			words = append(words, m.String())
		}
	case "why":
		for why := limiter.WhyDeadline; why < limiter.WhyResend; why++ { // no call is in doubt here
			words = append(words, why.String())
		}
	case "on_doubt":
		words = []string{intent.Resend.String(), intent.Drop.String()}
	case "disposition":
		words = dispositions
	}
	return words
}

func (t *test) wantTime(w *wanted) {
	text, _ := w.node.Value().(string)
	b, err := parseBound(text, t.start)
	if err != nil {
		w.node.Refuse(err.Error(), "")
		return
	}
	w.text, w.at = text, b.at(t.start)
	w.met = func(got fact) bool { return b.holds(got.value.(time.Duration)) }
	w.renew = func(got fact) string { return flow(b.around(got.value.(time.Duration)).text(t.start)) }
}

// wantRules reads a rule's name, or those of several whose events share a call.
func (w *wanted) wantRules() {
	names := []string{}
	if w.node.IsList() {
		for _, item := range w.node.Items() {
			if name, ok := item.Text(); ok {
				names = append(names, name)
			}
		}
		slices.Sort(names)
	} else if name, ok := w.node.Text(); ok {
		names = append(names, name)
	}
	w.met = func(got fact) bool { return slices.Equal(got.value.([]string), names) }
}

// wantAudience reads the rule file's words, or the API's.
func (w *wanted) wantAudience() {
	want, err := audienceOf(w.node, w.key == "condition")
	if err != nil {
		w.node.Refuse(err.Error(), map[bool]string{
			false: "write {tags_any: [gold]}, as a rule does",
			true:  "write {TagsOr: [gold]}, as the API is told, or everyone",
		}[w.key == "condition"])
	}
	w.met = func(got fact) bool { return slices.Equal(got.value.([]audience.Audience), want) }
}

// kinds has the words of both.
var kinds = []struct {
	api  string
	kind audience.Kind
}{
	{"TagsOr", audience.AnyTag}, {"TagsAnd", audience.AllTags}, {"AttrsOr", audience.AnyAttr}, {"AttrsAnd", audience.AllAttrs},
}

func audienceOf(n mapper.Node, api bool) ([]audience.Audience, error) {
	value := n.Value()
	members, _ := value.(map[string]any)
	if everyone, _ := members[audience.Everyone.String()].(bool); api && value == "everyone" || !api && len(members) == 1 && everyone {
		return []audience.Audience{audience.All()}, nil
	}
	if len(members) != 1 {
		return nil, fmt.Errorf("want a map with one key, got %s", flow(value))
	}
	for _, k := range kinds {
		word := k.kind.String()
		if api {
			word = k.api
		}
		v, ok := members[word]
		if !ok {
			continue
		}
		switch k.kind {
		case audience.AnyTag, audience.AllTags:
			tags, err := texts(v)
			if err != nil {
				return nil, err
			}
			if k.kind == audience.AnyTag {
				return audience.Spread(tags...)
			}
			return one(audience.OfAllTags(tags...))
		case audience.AnyAttr, audience.AllAttrs:
			pairs, err := textPairs(v)
			if err != nil {
				return nil, err
			}
			if k.kind == audience.AnyAttr {
				return one(audience.OfAnyAttr(pairs))
			}
			return one(audience.OfAllAttrs(pairs))
		case audience.Everyone:
		}
	}
	return nil, fmt.Errorf("%s is no audience", flow(value))
}

func one(a audience.Audience, err error) ([]audience.Audience, error) {
	return []audience.Audience{a}, err
}

func texts(v any) ([]string, error) {
	list, _ := v.([]any)
	all := make([]string, len(list))
	for i, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("%s is no string", flow(item))
		}
		all[i] = text
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("want a list of strings, got %s", flow(v))
	}
	return all, nil
}

func textPairs(v any) (map[string]string, error) {
	pairs, _ := v.(map[string]any)
	all := make(map[string]string, len(pairs))
	for name, value := range pairs {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("%s: %s is no string", name, flow(value))
		}
		all[name] = text
	}
	return all, nil
}

// wantMessage reads the text of a message, those of a digest's messages, or
// elements as the API is told them.
func (w *wanted) wantMessage() {
	value := w.node.Value()
	list, isList := value.([]any)
	switch _, err := texts(value); {
	case !isList:
		text, _ := w.node.Text()
		w.met = func(got fact) bool {
			m := got.value.([]intent.Message)
			return len(m) == 1 && m[0].Text() == text
		}
	case err == nil:
		w.met = func(got fact) bool { return slices.Equal(textsOf(got.value.([]intent.Message)), toStrings(list)) }
	default:
		want := flow(value)
		w.met = func(got fact) bool { return flow(bodyOf(got.value.([]intent.Message))) == want }
	}
}

func toStrings(list []any) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i], _ = v.(string)
	}
	return all
}

func textsOf(messages []intent.Message) []string {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = m.Text()
	}
	return all
}

// bodyOf is the API's MsgBody of the messages.
func bodyOf(messages []intent.Message) []any {
	var all []any
	for _, m := range messages {
		dec := json.NewDecoder(strings.NewReader(string(m.Body())))
		dec.UseNumber()
		var body []any
		if err := dec.Decode(&body); err != nil {
			panic("ruletest: a message's body is no JSON: " + err.Error()) // intent made it
		}
		all = append(all, body...)
	}
	return all
}
