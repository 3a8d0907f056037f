package ruletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/audience"
	"pushbridge/internal/consume"
	"pushbridge/internal/intent"
	"pushbridge/internal/limiter"
	"pushbridge/internal/mapper"
	"pushbridge/internal/offset"
	"pushbridge/internal/simulate"
)

// What a test's day is like. Answers are quick and all alike, so that a test is
// about its rules.
const (
	quota    = 100 // calls, where neither test nor rules say it
	interval = time.Second
	latency  = 100 * time.Millisecond
	settle   = 2 * time.Second

	maxRequestBytes = 8000 // what bridge run takes where its environment says nothing

	dedupWindow = 24 * time.Hour
	dedupMax    = 1_000_000
)

// played is what became of a test's events.
type played struct {
	start time.Time
	calls []simulate.Call
	ends  []simulate.End
	looks []simulate.Look
}

// play runs the records through the mapper and the scheduler. Line n of what it
// returns is inputs[n-1].
func (t *test) play(rules *mapper.Rules, inputs []input, looks []time.Time) (played, error) {
	p := played{start: t.start}
	c := simulate.Config{
		Rules: rules, Lanes: rules.Lanes(), Settle: settle,
		Latency:         simulate.Latency{Min: latency, Max: latency},
		MaxRequestBytes: maxRequestBytes, DedupWindow: dedupWindow, DedupMax: dedupMax,
		Watch: simulate.Watch{
			Call: func(c simulate.Call) { p.calls = append(p.calls, c) },
			End:  func(e simulate.End) { p.ends = append(p.ends, e) },
			At:   looks,
			Look: func(l simulate.Look) { p.looks = append(p.looks, l) },
		},
	}
	for i := range c.Lanes {
		terms := &c.Lanes[i].Terms
		terms.Interval = interval
		if calls, ok := t.quotas[c.Lanes[i].Name]; ok {
			terms.Calls = calls
		}
		if terms.Calls == 0 {
			terms.Calls = quota
		}
	}
	for lane := range t.quotas {
		if !slices.ContainsFunc(c.Lanes, func(l mapper.Lane) bool { return l.Name == lane }) {
			return p, fmt.Errorf("quota: the rules have no lane %q", lane)
		}
	}
	_, err := simulate.Run(c, t.arrivals(inputs))
	slices.SortStableFunc(p.ends, func(a, b simulate.End) int { return int(a.Line - b.Line) })
	return p, err
}

func (t *test) arrivals(inputs []input) iter.Seq2[simulate.Arrival, error] {
	return func(yield func(simulate.Arrival, error) bool) {
		for i := range inputs {
			a := simulate.Arrival{Line: int64(i + 1), At: t.start.Add(inputs[i].at)}
			a.Event, a.Err = consume.ParseEvent(inputs[i].raw)
			if !yield(a, nil) {
				return
			}
		}
	}
}

// moments are the instants at which it may matter what waits: when an event has
// just come, and when a time that was expected has come.
func (t *test) moments() []time.Time {
	var all []time.Time
	for _, in := range t.events {
		all = append(all, t.start.Add(in.at+time.Millisecond))
	}
	for _, c := range t.calls {
		for _, k := range c.keys {
			if !k.at.IsZero() {
				all = append(all, k.at)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// originAt is where an event comes from, as simulate says it.
func (t *test) originAt(e *event.Event, after time.Duration) intent.Origin {
	o := intent.Origin{
		Position: offset.Position{Offset: 1}, Source: e.Source(), ID: e.ID(), Type: e.Type(), Time: e.Time(), Received: t.start.Add(after),
	}
	if o.Time.IsZero() {
		o.Time = o.Received
	}
	return o
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

func whyWords(b *limiter.Batch) string {
	switch b.Why {
	case limiter.WhyDeadline:
		return "deadline: the max_delay of one of its events was near"
	case limiter.WhyCritical:
		return "critical: it goes after the time that a burst may settle"
	case limiter.WhyOpened:
		return "window opened: its hours have opened"
	case limiter.WhyDigest:
		return "digest time"
	case limiter.WhyPrice:
		return "price: it had lost as much by waiting as a call costs"
	case limiter.WhyResend:
	}
	return b.Why.String()
}

// apart says why two calls were not one, "" where that is not plain. The second
// was sent later.
func (t *test) apart(first, second *simulate.Call) string {
	a, b := first.Batch.Covers[0].Intent, second.Batch.Covers[0].Intent
	came := second.Batch.Covers[0].Intent.Origin.Received
	for _, c := range second.Batch.Covers {
		if c.Intent.Origin.Received.Before(came) {
			came = c.Intent.Origin.Received
		}
	}
	digest := a.Policy.Mode == intent.Digest && b.Policy.Mode == intent.Digest
	switch {
	case first.Lane != second.Lane:
		return fmt.Sprintf("lanes %s and %s are two apps", laneName(first.Lane), laneName(second.Lane))
	case came.After(first.Sent):
		return fmt.Sprintf("its first event came at %s, when that call had gone", span(came.Sub(t.start)))
	case a.Policy.Mode == intent.Alone || b.Policy.Mode == intent.Alone:
		return "mode none: a call of its own"
	case !bytes.Equal(a.Message.Body(), b.Message.Body()) && !digest:
		return fmt.Sprintf("the messages differ: %s and %s", messageFact([]intent.Message{a.Message}).yaml, messageFact([]intent.Message{b.Message}).yaml)
	case a.Message.EnvelopeKey() != b.Message.EnvelopeKey():
		return fmt.Sprintf("sender, offline or another part of the request differs: %s and %s", a.Message.Envelope(), b.Message.Envelope())
	case a.Policy.OnDoubt != b.Policy.OnDoubt:
		return fmt.Sprintf("on_doubt differs: %s and %s", a.Policy.OnDoubt, b.Policy.OnDoubt)
	case a.Policy.Mode != b.Policy.Mode && (a.Policy.Mode == intent.Digest || b.Policy.Mode == intent.Digest):
		return fmt.Sprintf("coalesce.mode differs: %s and %s", a.Policy.Mode, b.Policy.Mode)
	case digest && a.Policy.Key != b.Policy.Key:
		return fmt.Sprintf("the digests' keys differ: %q and %q", a.Policy.Key, b.Policy.Key)
	case a.Policy.Gate != b.Policy.Gate:
		return "what may hold them back differs: pool, active, frequency or a digest's time"
	}
	if _, ok := first.Batch.Audience.Union(second.Batch.Audience); !ok || digest {
		return fmt.Sprintf("no one condition says exactly %v and %v", first.Batch.Audience, second.Batch.Audience)
	}
	return ""
}

// waitedFor says in the scheduler's words what a batch waited for at an instant.
func (p *played) waitedFor(id uint64, lane string, at time.Time) string {
	for _, l := range p.looks {
		if l.Lane != lane || !l.At.Equal(at) {
			continue
		}
		for _, w := range l.Waiting {
			if w.ID != id {
				continue
			}
			text := fmt.Sprintf("at %s it waited for %s", span(at.Sub(p.start)), w.For)
			if !w.Until.IsZero() {
				text += ", until " + span(w.Until.Sub(p.start).Round(time.Second)) + " at the latest"
			}
			return text
		}
	}
	return ""
}

// fate says in a few words how an event ended.
func (t *test) fate(p *played, line int64) []string {
	var all []string
	for _, e := range p.ends {
		if e.Line != line {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "event %s ended %s", t.shortName(t.events[line-1].fullName()), e.Disposition)
		if e.Rule != "" {
			b.WriteString(" under " + e.Rule)
		}
		switch {
		case !e.Sent.IsZero():
			fmt.Fprintf(&b, ", in the call at %s", span(e.Sent.Sub(t.start)))
		case e.Disposition == "unmatched" || e.Disposition == "dead-lettered":
		default:
			fmt.Fprintf(&b, " at %s", span(e.At.Sub(t.start)))
		}
		if e.By > 0 {
			b.WriteString(" by event " + t.shortName(t.events[e.By-1].fullName()))
		}
		if e.Reason != "" {
			b.WriteString(": " + e.Reason)
		}
		all = append(all, b.String())
	}
	return all
}
