package intent

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestStoredMessageComesBackEqual(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()

	for name, c := range map[string]Content{
		"text": {Elements: []Element{Text{Text: "<b>5 & 6</b>\u2028 会"}}},
		"all members": {
			Sender: "ops", OnlineOnly: true, LifeTime: time.Hour,
			Elements: []Element{Text{Text: `,"MsgBody":[`}, Custom{Data: `{"a":[1]}`}},
			// The vendor's object may hold a member of the very name.
			Offline: &Offline{Title: "t", Android: json.RawMessage(`{"a":1,"MsgBody":[{}]}`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := NewMessage(c)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			if err := e.Encode([]Message{want}); err != nil {
				t.Fatal(err)
			}
			var got []Message
			if err := json.Unmarshal(b.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0] != want {
				t.Errorf("came back as %+v, want %+v", got, want)
			}
		})
	}
}

func TestMessageThatNobodyStoredIsRefused(t *testing.T) {
	t.Attr("guards", "stored messages are read as they were written or not at all")
	t.Parallel()

	for name, tt := range map[string]struct{ in, wantErr string }{
		"no elements":    {`{"OnlineOnlyFlag":0,"MsgBody":[]}`, "MsgBody with elements"},
		"no flag":        {`{"MsgBody":[{}]}`, "OnlineOnlyFlag"},
		"unknown member": {`{"OnlineOnlyFlag":0,"Surprise":1,"MsgBody":[{}]}`, "Surprise"},
		"no object":      {`[]`, "decode message"},
		"order":          {`{"MsgBody":[{}],"OnlineOnlyFlag":0}`, "OnlineOnlyFlag first"},
		"behind":         {`{"OnlineOnlyFlag":0,"MsgBody":[{}],"MsgLifeTime":1}`, "MsgBody with elements last"},
		"another case":   {`{"onlineonlyflag":0,"MsgBody":[{}]}`, "OnlineOnlyFlag first"},
		"two":            {`{"OnlineOnlyFlag":0,"MsgBody":[{}]} {}`, "decode message"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m Message
			if err := m.UnmarshalJSON([]byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("err = %v, want one with %q", err, tt.wantErr)
			}
		})
	}
}
