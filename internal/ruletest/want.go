package ruletest

import (
	"slices"
	"strings"
	"time"

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
		var text string
		if words := wordsOf(key); words != nil {
			text, _ = v.Word(key, words...)
		} else {
			text, _ = v.Text()
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
