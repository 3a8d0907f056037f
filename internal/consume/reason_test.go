package consume

import (
	"strings"
	"testing"
)

// What a producer has to mend is told by what it wrote, and not by what the decoders
// were about to do.
func TestStructuredReason(t *testing.T) {
	t.Attr("guards", "a structured record that is no event is told in words of its producer")
	t.Parallel()
	const head = `{"specversion":"1.0","id":"1","source":"/s","type":"x",`
	for value, want := range map[string]string{
		`[]`:                               "it is a list, want an object with the attributes of an event",
		` "x"`:                             "it is a text, want an object",
		`null`:                             "it is null, want an object",
		`{}`:                               `specversion is missing: a structured event has "specversion":"1.0", id, source and type`,
		`{"specversion":1.0}`:              "specversion is a number, want a text in quotes",
		`{"specversion":"2.0"}`:            `specversion "2.0", want 1.0`,
		`{"specversion":"1.0","id":7}`:     "id is a number, want a text in quotes; source is missing; type is missing",
		head + `"time":"yesterday"}`:       `time "yesterday", want one like 2026-03-01T09:00:00Z`,
		head + `"subject":{}}`:             "subject is an object, want a text in quotes",
		head + `"my_ext":"a"}`:             `attribute "my_ext": names are a to z and 0 to 9`,
		head + `"obj":{"a":1}}`:            "attribute obj is an object: only data may be one",
		head + `"dataschema":"not a uri"}`: `dataschema "not a uri" is no absolute URI`,
		head + `"data_base64":"%%"}`:       "data_base64 is no base64",
		head + `"datacontenttype":"a/b","data":{}}`:                `data is an object, and of datacontenttype "a/b" it must be a text`,
		`{"specversion":"1.0","id":"1","source":"%zz","type":"x"}`: `source "%zz" is no URI reference`,
		head + `"data":{"a":1}`:                                    "no JSON at character 70: it ends in the midst of a value",
		`{"a":1}}`:                                                 "no JSON at character 8: something follows what is a whole value",
		`{"ü":1,}`:                                                 "no JSON at character 8: there is a comma too many before }",
		`{'a':1}`:                                                  "no JSON at character 2: names and texts stand in double quotes",
		`{"a":True}`:                                               "no JSON at character 6: True is none of true, false and null",
		`{"a":1 "b":2}`:                                            "no JSON at character 8: a comma, or a colon, is missing before this",
		`{"a":"\x"}`:                                               `no JSON at character 8: \x means nothing in a text: a backslash is written \\`,
		"{\"a\":\"b\tc\"}":                                         "no JSON at character 8: a text goes over the end of its line, or holds a tab",
		`{a:1}`:                                                    "no JSON at character 2: a stands without double quotes",
		`{"a":01}`:                                                 "no JSON at character 7: '1' cannot stand here",
		"\x00\x01":                                                 "no JSON at character 1: ",
		``:                                                         "no JSON at character 1: it ends in the midst of a value",
	} {
		e, err := ParseEvent([]byte(value))
		if err == nil || !strings.HasPrefix(err.Error(), "invalid: "+want) {
			t.Errorf("%s\n got %v\nwant %s (%v)", value, err, want, e)
		}
	}
}
