package mapper

import (
	"strings"
	"testing"
)

func TestVocabularyAtMapTime(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	const file = `
version: 1
vocabulary: {tags: [gold, "region:*", "*"], attributes: [city]}
rules:
  - name: bare
    match: {type: bare}
    audience: {tags_any: "${data.tags}"}
    message: [{text: hi}]
  - name: list
    match: {type: list}
    audience: {tags_all: [gold, "region:${data.region}", "${data.tag}"]}
    message: [{text: hi}]
  - name: attributes
    match: {type: attributes}
    audience: {attrs_any: {city: "${data.city}"}}
    message: [{text: hi}]
`
	closed := strings.Replace(file, `, "*"]`, "]", 1)
	for name, tt := range map[string]struct{ file, event, want string }{
		"known":                {closed, `{"type":"bare","data":{"tags":["gold","region:oslo"]}}`, "bare: tags_any[gold region:oslo]: hi"},
		"one is not":           {closed, `{"type":"bare","data":{"tags":["gold","golden"]}}`, `rule "bare": audience.tags_any[1]: "golden": it is not in the file's vocabulary`},
		"case counts":          {closed, `{"type":"bare","data":{"tags":"Gold"}}`, `rule "bare": audience.tags_any[0]: "Gold": it is not in the file's vocabulary`},
		"a prefix is no word":  {closed, `{"type":"bare","data":{"tags":"region"}}`, `rule "bare": audience.tags_any[0]: "region": it is not in the file's vocabulary`},
		"an open end":          {closed, `{"type":"list","data":{"region":"x","tag":"gold"}}`, "list: tags_all[gold region:x]: hi"},
		"a tag of its own":     {closed, `{"type":"list","data":{"region":"x","tag":"press"}}`, `rule "list": audience.tags_all[2]: "press": it is not in the file's vocabulary`},
		"a star is anything":   {file, `{"type":"bare","data":{"tags":["x","golden"]}}`, "bare: tags_any[golden x]: hi"},
		"values are not words": {closed, `{"type":"attributes","data":{"city":"Oslo"}}`, "attributes: attrs_any[city=Oslo]: hi"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustParse(t, tt.file)
			e, o := mustEvent(t, tt.event)
			for range 2 { // what was rendered once may be remembered
				if got := summary(r.Map(e, o)); got != tt.want {
					t.Errorf("Map = %q, want %q", got, tt.want)
				}
			}
		})
	}
}
