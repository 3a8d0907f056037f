package mapper

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pushbridge/internal/audience"
)

// A request is measured as it is sent: one byte more than allowed fails, one
// byte fewer does not, whatever must be escaped in it.
func TestRequestSize(t *testing.T) {
	t.Attr("guards", "requests stay under the API's size limit")
	t.Parallel()
	members := func(tags ...string) string {
		raw, err := json.Marshal(map[string]any{"t": tags, "x": "x"})
		if err != nil {
			t.Fatal(err)
		}
		return `{"data":` + string(raw) + `}`
	}
	var controls, thirty []string
	for c := range 10 {
		controls = append(controls, strings.Repeat("\x01", 49)+string(rune('0'+c)))
	}
	for n := range 30 {
		thirty = append(thirty, fmt.Sprintf(`"%d"`, n))
	}
	for name, tt := range map[string]struct {
		audience string
		event    string
	}{
		"everyone":         {`{everyone: true}`, `{}`},
		"one tag":          {`{tags_any: ["${data.t}"]}`, members("gold")},
		"tags of controls": {`{tags_all: "${data.t}"}`, members(controls...)},
		"three parts":      {`{tags_any: "${data.t}"}`, members(thirty...)},
		"attributes":       {`{attrs_any: {city: "${data.x}", level: "3"}}`, members()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := oneRule("audience: "+tt.audience, `message: [{text: "${event.id} \"quoted\""}]`)
			e, o := mustEvent(t, tt.event)
			m := mustParse(t, rules).Map(e, o)
			if len(m.Intents) != 1 {
				t.Fatalf("Map = %s", summary(m))
			}
			message := m.Intents[0].Message
			largest := 0
			for _, part := range m.Intents[0].Audiences {
				largest = max(largest, message.RequestSize(part))
			}

			exactly, err := Parse("rules.yaml", []byte(rules), Limits{MaxRequestBytes: largest})
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(exactly.Map(e, o)); got != summary(m) {
				t.Errorf("with as many bytes as it needs: %s", got)
			}
			less, err := Parse("rules.yaml", []byte(rules), Limits{MaxRequestBytes: largest - 1})
			if err != nil {
				t.Fatal(err)
			}
			who := largest - message.RequestSize(audience.All())
			want := fmt.Sprintf(`rule "r": message: the request would have %d bytes, %d of them the message, %d the audience, allowed %d`, largest, message.Size(), who, largest-1)
			if got := summary(less.Map(e, o)); got != want {
				t.Errorf("with a byte fewer: %s, want %s", got, want)
			}
		})
	}
}

// What is too large for every event is refused with the file.
func TestRequestSizeOfWhatIsWrittenOut(t *testing.T) {
	t.Attr("guards", "every problem of a rule file is named at its place, all at once")
	t.Parallel()
	tags := func(tag string) string {
		list := make([]string, 10)
		for n := range list {
			list[n] = fmt.Sprintf(`"%s%d"`, strings.Repeat(tag, 24), n)
		}
		return "audience: {tags_any: [" + strings.Join(list, ", ") + "]}"
	}
	say := func(bytes int) string { return `message: [{text: "` + strings.Repeat("x", bytes) + `"}]` }
	open := `audience: {tags_any: ["${data.t}"]}`
	for name, tt := range map[string]struct {
		rules   string
		limit   int
		wantErr string // a part of the message; empty: no error
	}{
		"fits":                      {rules: oneRule(say(7894))},
		"the message is too large":  {rules: oneRule(say(7895)), wantErr: `rules.yaml:6:14: rule "r": message: the request would have 8001 bytes, 7976 of them the message, 0 the audience, allowed 8000`},
		"whoever the event names":   {rules: oneRule(open, say(7895)), wantErr: "the request would have 8001 bytes"},
		"it hangs on the event":     {rules: oneRule(open, say(7894))},
		"ten tags":                  {rules: oneRule(tags("xx"), say(7349))},
		"ten tags, a byte too many": {rules: oneRule(tags("xx"), say(7350)), wantErr: "8001 bytes, 7431 of them the message, 545 the audience, allowed 8000"},
		"ten tags with escapes":     {rules: oneRule(tags(`\"x`), say(7349)), wantErr: "8240 bytes"},
		"a limit of one's own":      {rules: oneRule(say(7895)), limit: 8001},
		"a lower one":               {rules: oneRule(say(7894)), limit: 7999, wantErr: "8000 bytes, 7975 of them the message, 0 the audience, allowed 7999"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("rules.yaml", []byte(tt.rules), Limits{MaxRequestBytes: tt.limit})
			if tt.wantErr == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Fatalf("err = %.300v, want %q", err, tt.wantErr)
			}
		})
	}
}
