package ruletest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/simulate"
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

// callFacts says of a call what tests may ask.
func (t *test) callFacts(c *simulate.Call) facts {
	b := c.Batch
	var lines []int64
	var rules []string
	for _, cover := range b.Covers {
		lines = append(lines, cover.Intent.Origin.Position.Offset)
		rules = append(rules, cover.Intent.Rule)
	}
	names := t.names(lines)
	rules = compactTexts(rules)
	f := facts{
		"at":       timeFact(c.Sent.Sub(t.start)),
		"rule":     rulesFact(rules),
		"lane":     textFact(laneName(c.Lane)),
		"message":  messageFact(b.Messages),
		"events":   {names, flow(t.shortNames(names))},
		"priority": textFact(b.Priority.String()),
		"why":      textFact(b.Why.String()),
	}
	f.audience([]audience.Audience{b.Audience})
	return f
}

// intentFacts says of an intent what tests may ask.
func (t *test) intentFacts(in *intent.Intent) facts {
	p := &in.Policy
	f := facts{
		"rule":      rulesFact([]string{in.Rule}),
		"message":   messageFact([]intent.Message{in.Message}),
		"priority":  textFact(p.Priority.String()),
		"lane":      textFact(laneName(p.Lane)),
		"pool":      textFact(""),
		"mode":      textFact(p.Mode.String()),
		"key":       textFact(p.Key),
		"max_delay": timeFact(p.MaxDelay),
		"expires":   timeFact(p.Expires.Sub(t.start)),
		"on_doubt":  textFact(p.OnDoubt.String()),
	}
	if p.Gate != nil {
		f["pool"] = textFact(p.Gate.Pool)
	}
	f.audience(in.Audiences)
	return f
}

// endFacts says of an end what tests may ask.
func (t *test) endFacts(e *simulate.End) facts {
	f := facts{
		"rule":        rulesFact(compactTexts([]string{e.Rule})),
		"disposition": textFact(e.Disposition),
		"reason":      textFact(e.Reason),
		"by":          textFact(""),
		"at":          timeFact(e.At.Sub(t.start)),
	}
	if e.By > 0 {
		name := t.events[e.By-1].fullName()
		f["by"] = fact{name, flow(t.shortName(name))}
	}
	return f
}

func laneName(lane string) string {
	if lane == "" {
		return "default"
	}
	return lane
}

func timeFact(d time.Duration) fact { return fact{d, flow(span(d))} }

func rulesFact(rules []string) fact {
	if len(rules) == 1 {
		return fact{rules, flow(rules[0])}
	}
	return fact{rules, flowTexts(rules)}
}

func compactTexts(all []string) []string {
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// audience states whom in both vocabularies.
func (f facts) audience(parts []audience.Audience) {
	own, api := "", ""
	for i, a := range parts {
		raw, err := a.MarshalJSON()
		if err != nil {
			panic("ruletest: an audience without a condition: " + err.Error()) // an intent has none such
		}
		var condition any
		if err := json.Unmarshal(raw, &condition); err != nil {
			panic("ruletest: a condition is no JSON: " + err.Error())
		}
		if i > 0 {
			own, api = own+" and ", api+" and "
		}
		api += flow(condition)
		own += flow(ownWords(a))
	}
	// Parts of one list of tags are written as the list, which says the same.
	if len(parts) > 1 {
		var tags []any
		for _, a := range parts {
			for tag := range a.Atoms() {
				tags = append(tags, tag)
			}
		}
		own, api = flow(map[string]any{"tags_any": tags}), flow(map[string]any{"TagsOr": tags})
	}
	f["audience"], f["condition"] = fact{parts, own}, fact{parts, api}
}

// ownWords says an audience as a rule does.
func ownWords(a audience.Audience) any {
	kind := a.Kind()
	switch kind {
	case audience.Everyone:
		return map[string]any{kind.String(): true}
	case audience.AnyTag, audience.AllTags:
		var tags []any
		for tag := range a.Atoms() {
			tags = append(tags, tag)
		}
		return map[string]any{kind.String(): tags}
	case audience.AnyAttr, audience.AllAttrs:
		pairs := map[string]any{}
		for name, value := range a.Atoms() {
			pairs[name] = value
		}
		return map[string]any{kind.String(): pairs}
	}
	panic("ruletest: an audience of no kind")
}

// messageFact writes texts where they say it all, else the elements.
func messageFact(messages []intent.Message) fact {
	all := textsOf(messages)
	for i := range messages {
		elements := bodyOf(messages[i : i+1])
		if first, _ := elements[0].(map[string]any); len(elements) != 1 || first["MsgType"] != "TIMTextElem" {
			return fact{messages, flow(bodyOf(messages))}
		}
	}
	if len(all) == 1 {
		return fact{messages, flow(all[0])}
	}
	return fact{messages, flowTexts(all)}
}

// names are the events of lines, in order, each once.
func (t *test) names(lines []int64) []string {
	names := []string{}
	for _, line := range lines {
		names = append(names, t.events[line-1].fullName())
	}
	return compactTexts(names)
}

func (t *test) shortNames(names []string) any {
	all := make([]any, len(names))
	for i, name := range names {
		all[i] = t.shortName(name)
	}
	return all
}
