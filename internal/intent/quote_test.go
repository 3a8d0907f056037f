package intent

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzAppendString holds the quick encoder to encoding/json.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "会<b>&\"\\\b\f\n\r\t\x00\x1f\x7f", "\u2027\u2028\u2029\u202a\u20ac", "\ufffd", "\xff", "a\xe2", "\xe2\x80", `\ufffd`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := appendString([]byte("x"), s)
		if !utf8.ValidString(s) {
			if err == nil {
				t.Fatalf("appendString(%q) = %s, want an error", s, got)
			}
			return
		}
		want, wantErr := encodeJSON(s)
		if err != nil || wantErr != nil || string(got) != "x"+string(want) {
			t.Fatalf("appendString(%q) = %s, %v; want x%s, %v", s, got, err, want, wantErr)
		}
	})
}

func TestMessageBytes(t *testing.T) {
	t.Attr("guards", "the bytes that the API and the journal are told")
	t.Parallel()
	m, err := NewMessage(Content{
		Sender: "a\"b", OnlineOnly: true, LifeTime: 90 * time.Second,
		Elements: []Element{Text{Text: "<1>\n"}, Face{Index: 2, Data: "x"}},
		Offline:  &Offline{NoPush: true, Title: "t", Ext: "e", Android: json.RawMessage(` {"Sound": "<s>"}`), APNs: json.RawMessage(`{}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	const wantEnvelope = `{"OnlineOnlyFlag":1,"From_Account":"a\"b","OfflinePushInfo":{"PushFlag":1,"Title":"t","Ext":"e","AndroidInfo":{"Sound":"<s>"},"ApnsInfo":{}},"MsgLifeTime":90}`
	if got := string(m.Envelope()); got != wantEnvelope {
		t.Errorf("envelope\n%s, want\n%s", got, wantEnvelope)
	}
	const wantBody = `[{"MsgType":"TIMTextElem","MsgContent":{"Text":"<1>\n"}},{"MsgType":"TIMFaceElem","MsgContent":{"Index":2,"Data":"x"}}]`
	if got := string(m.Body()); got != wantBody {
		t.Errorf("body\n%s, want\n%s", got, wantBody)
	}
	for name, c := range map[string]Content{
		"text":   {Elements: []Element{Text{Text: "\xff"}}},
		"sender": {Sender: "\xff", Elements: []Element{Text{Text: "a"}}},
		"title":  {Offline: &Offline{Title: "\xff"}, Elements: []Element{Text{Text: "a"}}},
		"vendor": {Offline: &Offline{Android: json.RawMessage("[]")}, Elements: []Element{Text{Text: "a"}}},
	} {
		if m, err := NewMessage(c); err == nil {
			t.Errorf("%s: NewMessage = %s, want an error", name, m.Envelope())
		}
	}
}
