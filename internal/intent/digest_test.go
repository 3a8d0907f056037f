package intent_test

import (
	"encoding/json"
	"testing"

	"pushbridge/internal/intent"
)

func TestWhatMayShareAMsgBody(t *testing.T) {
	t.Attr("guards", "digests")
	t.Parallel()
	build := func(c intent.Content) intent.Message {
		m, err := intent.NewMessage(c)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	text := build(intent.Content{Elements: []intent.Element{intent.Text{Text: `{"MsgType":"TIMCustomElem"`}}})
	other := build(intent.Content{Elements: []intent.Element{intent.Text{Text: "b"}}})
	custom := build(intent.Content{Elements: []intent.Element{intent.Text{Text: "b"}, intent.Custom{Data: "c"}}})
	sender := build(intent.Content{Sender: "desk", Elements: []intent.Element{intent.Text{Text: "b"}}})

	if text.EnvelopeKey() != other.EnvelopeKey() || other.EnvelopeKey() == sender.EnvelopeKey() {
		t.Error("envelopes are not told apart by sender alone")
	}
	if text.HasCustom() || other.HasCustom() || !custom.HasCustom() {
		t.Errorf("customs: %v %v %v, want only the last", text.HasCustom(), other.HasCustom(), custom.HasCustom())
	}
	stored, err := json.Marshal(custom)
	if err != nil {
		t.Fatal(err)
	}
	var read intent.Message
	if err := json.Unmarshal(stored, &read); err != nil || read != custom || read.EnvelopeKey() != other.EnvelopeKey() {
		t.Errorf("%s reads as %+v, %v", stored, read, err)
	}
	var none intent.Message
	if string(none.Envelope()) != "{}" || none.Size() != len(`,"MsgBody":[]`) {
		t.Errorf("no message has envelope %s and %d bytes", none.Envelope(), none.Size())
	}
	if got, want := text.AddedSize(), len(text.Body())-len("[]")+len(","); got != want {
		t.Errorf("adds %d bytes, want %d", got, want)
	}
}
