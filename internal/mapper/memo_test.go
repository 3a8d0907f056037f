package mapper

import (
	"fmt"
	"testing"
)

const memoRules = `version: 1
rules:
  - {name: pair, match: {type: x}, continue: true, audience: {attrs_all: {a: "${data.a}", b: "${data.b}"}}, message: [{text: "${data.a}"}, {text: "${data.b}"}]}
  - {name: other, match: {type: x}, continue: true, audience: {attrs_any: {a: "${data.a}", b: "${data.b}"}}, message: [{text: "${data.a}${data.b}"}]}
  - {name: silent, match: {type: x}, continue: true, online_only: true, audience: {tags_any: ["${data.a}", "${data.b}"]}, message: [{text: "${data.a}"}, {text: "${data.b}"}]}
  - {name: sent, match: {type: x}, continue: true, sender: "${data.a}", audience: {tags_any: ["v", "${data.list}"]}, message: [{text: "${data.b}"}]}
  - {name: upper, match: {type: x}, audience: {tags_all: ["${data.a.upperAscii()}"]}, message: [{text: "${data.a}"}, {face: {index: 1, data: "${data.b}"}}]}
`

// What a rule makes of an event is never that of another event or rule: the
// texts of these differ in where one ends, are too long, or are refused.
func TestMapRemembersNothingWrong(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()

	r := mustParse(t, memoRules)
	texts := []string{`"x"`, `"xy"`, `"xyz"`, `"y"`, `"yz"`, `"z"`, `""`, `1`, `true`, `"\u0000\u0000\u0000\u0001"`, `"x\u0000\u0000\u0000\u0001"`, fmt.Sprintf("%q", fmt.Sprintf("%051d", 0)), fmt.Sprintf("%q", fmt.Sprintf("%0600d", 0))}
	for i := range 24 {
		texts = append(texts, fmt.Sprintf(`"t%d"`, i)) // pairs of them are more than the memo holds
	}
	for round := range 2 {
		for i, a := range texts {
			for k := range texts {
				b := texts[(k+i)%len(texts)]
				e, o := mustEvent(t, fmt.Sprintf(`{"type":"x","data":{"a":%s,"b":%s,"list":[%s]}}`, a, b, b))
				m := r.Map(e, o)
				var alone Mapping
				for _, rule := range r.rules { // each without what another left
					var s scope
					s.reset(e, o)
					switch v := rule.apply(&s); {
					case v.failure != nil:
						alone.Failures = append(alone.Failures, v.failure)
					case v.matched:
						alone.Intents = append(alone.Intents, v.intent)
					}
				}
				got, want := said(m), said(alone)
				if got != want {
					t.Fatalf("round %d, a %s, b %s:\n%s\neach alone:\n%s", round, a, b, got, want)
				}
			}
		}
	}
}

// said is summary with each message as it is sent.
func said(m Mapping) string {
	text := summary(m)
	for i := range m.Intents {
		wire, err := m.Intents[i].Message.MarshalJSON()
		text += fmt.Sprintf("\n%s %v", wire, err)
	}
	return text
}
