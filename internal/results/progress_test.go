package results

import (
	"bytes"
	"testing"

	ce "github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestReplayMessageKeepsItsSchema(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	schema := compile(t, typeProgressed)
	for _, p := range []ReplayProgress{
		{ID: "r1", State: "feeding", Selected: 10, At: noon},
		{ID: "r1", State: "ended", Selected: 10, Fed: 10, Ended: map[string]int{"pushed": 9, "expired": 1}, At: noon},
	} {
		m, err := ReplayMessage(Format{Prefix: "com.example"}, p)
		if err != nil {
			t.Fatal(err)
		}
		var e ce.Event
		if err := e.UnmarshalJSON(m.Value); err != nil {
			t.Fatal(err)
		}
		if e.Validate() != nil || e.Type() != "com.example."+typeProgressed || e.Source() != replaySource || e.Extensions()["replayid"] != "r1" || string(m.Key) != "r1" {
			t.Errorf("event %s", e)
		}
		data, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Data()))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(data); err != nil {
			t.Error(err)
		}
	}
}

// A letter is read back as it was written, whatever bytes it holds.
func FuzzParseLetter(f *testing.F) {
	f.Add([]byte{0xff, 0}, "vip", "data.city is absent", "ce_id", []byte("1"))
	f.Add([]byte(nil), "", "", "bridge_dlq_offset", []byte("x"))
	f.Fuzz(func(t *testing.T, value []byte, rule, text, name string, header []byte) {
		l := DeadLetter{Position: cause().Position, Key: []byte("k"), Value: value, Headers: []Header{{name, header}}, Time: noon, Reason: RuleFailed, Rule: rule, Text: text, At: noon}
		m := l.message()
		headers := make([]Header, len(m.Headers))
		for i, h := range m.Headers {
			headers[i] = Header(h)
		}
		got := ParseLetter(m.Key, m.Value, headers)
		if got.Of != l.Position || got.Reason != "rule_failed" || got.Rule != rule || got.Text != clip(text) || !got.At.Equal(noon) || got.Attempts != 1 || !bytes.Equal(got.Value, value) {
			t.Errorf("%+v is read back as %+v", l, got)
		}
		ParseLetter(value, header, []Header{{name, header}}) // another's
	})
}
