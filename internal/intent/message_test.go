package intent

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func content(change func(*Content)) Content {
	c := Content{Elements: []Element{Text{Text: "hello"}}}
	change(&c)
	return c
}

func TestEnvelope(t *testing.T) {
	t.Attr("guards", "what the API is told beside audience and elements")
	t.Parallel()
	for name, tt := range map[string]struct {
		in      Content
		want    string
		wantErr string
	}{
		"plain":       {in: content(func(*Content) {}), want: `{"OnlineOnlyFlag":0}`},
		"online only": {in: content(func(c *Content) { c.OnlineOnly = true }), want: `{"OnlineOnlyFlag":1}`},
		"sender":      {in: content(func(c *Content) { c.Sender = `a"<b>` }), want: `{"OnlineOnlyFlag":0,"From_Account":"a\"<b>"}`},
		"no UTF-8":    {in: content(func(c *Content) { c.Sender = "\xff" }), wantErr: "message sender: text is not UTF-8"},

		"a second":        {in: content(func(c *Content) { c.LifeTime = time.Second }), want: `{"OnlineOnlyFlag":0,"MsgLifeTime":1}`},
		"seven days":      {in: content(func(c *Content) { c.LifeTime = MaxLifeTime }), want: `{"OnlineOnlyFlag":0,"MsgLifeTime":604800}`},
		"a second longer": {in: content(func(c *Content) { c.LifeTime = MaxLifeTime + time.Second }), wantErr: "message life time 168h0m1s: want whole seconds, at most 168h0m0s"},
		"half a second":   {in: content(func(c *Content) { c.LifeTime = time.Second / 2 }), wantErr: "whole seconds"},
		"negative":        {in: content(func(c *Content) { c.LifeTime = -time.Second }), wantErr: "whole seconds"},

		"offline":       {in: content(func(c *Content) { c.Offline = &Offline{} }), want: `{"OnlineOnlyFlag":0,"OfflinePushInfo":{"PushFlag":0}}`},
		"offline texts": {in: content(func(c *Content) { c.Offline = &Offline{NoPush: true, Title: "t", Desc: "d", Ext: "{\"a\":1}"} }), want: `{"OnlineOnlyFlag":0,"OfflinePushInfo":{"PushFlag":1,"Title":"t","Desc":"d","Ext":"{\"a\":1}"}}`},
		"vendors pass through": {
			in: content(func(c *Content) {
				c.Offline = &Offline{Android: json.RawMessage(" {\"New\": [1.50, null], \"OPPOChannelID\": \"\\u003cx\\u003E\"}\n"), APNs: json.RawMessage(`{"BadgeMode":1}`)}
			}),
			want: `{"OnlineOnlyFlag":0,"OfflinePushInfo":{"PushFlag":0,"AndroidInfo":{"New":[1.50,null],"OPPOChannelID":"<x>"},"ApnsInfo":{"BadgeMode":1}}}`,
		},
		"vendor array":      {in: content(func(c *Content) { c.Offline = &Offline{APNs: json.RawMessage(`[1]`)} }), wantErr: "ApnsInfo: want a JSON object"},
		"vendor nothing":    {in: content(func(c *Content) { c.Offline = &Offline{APNs: json.RawMessage(``)} }), wantErr: "ApnsInfo: want a JSON object"},
		"vendor broken":     {in: content(func(c *Content) { c.Offline = &Offline{Android: json.RawMessage(`{"a":}`)} }), wantErr: "AndroidInfo: "},
		"vendor two":        {in: content(func(c *Content) { c.Offline = &Offline{Android: json.RawMessage(`{},"PushFlag":{}`)} }), wantErr: "AndroidInfo: "},
		"vendor no UTF-8":   {in: content(func(c *Content) { c.Offline = &Offline{Android: json.RawMessage("{\"a\":\"\xff\"}")} }), wantErr: "AndroidInfo: text is not UTF-8"},
		"title of no UTF-8": {in: content(func(c *Content) { c.Offline = &Offline{Title: "\xff"} }), wantErr: "message offline info: text is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := NewMessage(tt.in)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) || !m.IsZero() {
					t.Fatalf("NewMessage: %s, err = %v; want %q", m.Envelope(), err, tt.wantErr)
				}
				return
			}
			if err != nil || string(m.Envelope()) != tt.want {
				t.Fatalf("envelope %s, %v; want %s", m.Envelope(), err, tt.want)
			}
			whole, err := m.MarshalJSON()
			if want := strings.TrimSuffix(tt.want, "}") + `,"MsgBody":` + string(m.Body()) + "}"; err != nil || string(whole) != want {
				t.Errorf("encodes to %s, %v; want %s", whole, err, want)
			}
			if m.Size() != len(whole)-len("{}") {
				t.Errorf("size %d of %d bytes", m.Size(), len(whole))
			}
			stored, err := json.Marshal(map[string]Message{"m": m}) // with <, > and & as escapes
			var got map[string]Message
			if err == nil {
				err = json.Unmarshal(stored, &got)
			}
			if err != nil || got["m"] != m {
				t.Errorf("%s comes back as %v, %v; want %v", stored, got["m"], err, m)
			}
		})
	}
}

func TestElementsOfAMessage(t *testing.T) {
	t.Attr("guards", "what the API would refuse is refused before")
	t.Parallel()
	if _, err := NewMessage(Content{}); err == nil || err.Error() != "message: no elements, want at least one" {
		t.Errorf("no elements: %v", err)
	}
	one := []Element{Custom{Data: "1"}, Text{Text: "a"}}
	if _, err := NewMessage(Content{Elements: one}); err != nil {
		t.Errorf("one custom element: %v", err)
	}
	if _, err := NewMessage(Content{Elements: append(one, Custom{Data: "2"})}); err == nil || err.Error() != "message: 2 custom elements, allowed 1" {
		t.Errorf("two custom elements: %v", err)
	}
}

// A message is what the API is told, no more and no less: each difference that
// it could see makes another message, and equal contents make one.
func TestMessagesAreEqualIfTheAPIIsToldTheSame(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	changes := map[string]func(*Content){
		"nothing":      func(*Content) {},
		"text":         func(c *Content) { c.Elements = []Element{Text{Text: "hello "}} },
		"kind":         func(c *Content) { c.Elements = []Element{Custom{Desc: "hello"}} },
		"two":          func(c *Content) { c.Elements = append(c.Elements, Text{Text: "hello"}) },
		"sender":       func(c *Content) { c.Sender = "s" },
		"online only":  func(c *Content) { c.OnlineOnly = true },
		"offline":      func(c *Content) { c.Offline = &Offline{} },
		"no push":      func(c *Content) { c.Offline = &Offline{NoPush: true} },
		"title":        func(c *Content) { c.Offline = &Offline{Title: "t"} },
		"desc":         func(c *Content) { c.Offline = &Offline{Desc: "t"} },
		"ext":          func(c *Content) { c.Offline = &Offline{Ext: "t"} },
		"android":      func(c *Content) { c.Offline = &Offline{Android: json.RawMessage(`{}`)} },
		"apns":         func(c *Content) { c.Offline = &Offline{APNs: json.RawMessage(`{}`)} },
		"life time":    func(c *Content) { c.LifeTime = time.Second },
		"nested quote": func(c *Content) { c.Sender = `s","OnlineOnlyFlag":1` },
	}
	for name, change := range changes {
		for other, otherChange := range changes {
			a, err := NewMessage(content(change))
			b, err2 := NewMessage(content(otherChange))
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if (a == b) != (name == other) {
				t.Errorf("%s and %s: equal is %v", name, other, a == b)
			}
		}
	}
	spaced, err := NewMessage(content(func(c *Content) { c.Offline = &Offline{Android: json.RawMessage("{\n} ")} }))
	dense, err2 := NewMessage(content(changes["android"]))
	if err != nil || err2 != nil || spaced != dense {
		t.Errorf("spaces make another message: %v %v, %v %v", spaced, dense, err, err2)
	}
}

func TestNoMessage(t *testing.T) {
	t.Attr("guards", "the zero Message is never sent")
	t.Parallel()
	if raw, err := json.Marshal(Message{}); err == nil || !(Message{}).IsZero() {
		t.Errorf("the zero message encodes to %s", raw)
	}
}

func TestText(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	m, err := NewMessage(Content{Elements: []Element{
		Text{Text: "one\"<"}, Face{Index: 1}, Location{Desc: "two"}, Custom{Desc: "three", Data: "not this"}, Text{Text: "four"},
	}})
	if want := "one\"<\ntwo\nthree\nfour"; err != nil || m.Text() != want {
		t.Errorf("text %q, %v; want %q", m.Text(), err, want)
	}
	if got := (Message{}).Text(); got != "" {
		t.Errorf("the zero message says %q", got)
	}
}
