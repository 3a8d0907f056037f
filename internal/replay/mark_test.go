package replay

import (
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"pushbridge/internal/intent"
	"pushbridge/internal/offset"
)

func TestMarkIsReadAsItWasMade(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	e := event.New()
	e.SetID("1")
	e.SetSource("/s")
	e.SetType("x")
	e.SetExtension("correlationid", "c")
	e.SetExtension(AttrPriority, "high") // of an earlier replay
	at := offset.Position{Partition: offset.Partition{Topic: "in.events", ID: 3}, Offset: 42}
	marked, err := Mark{ID: "r-1", Of: at, Not: []string{"a", "b"}, IgnoreExpiry: true}.On(&e)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Read(&marked)
	if err != nil || r != (Record{Kind: Again, ID: "r-1", Of: "in.events/3@42"}) {
		t.Errorf("read %+v, %v", r, err)
	}
	ext := marked.Extensions()
	if ext[AttrNot] != "a,b" || ext[AttrExpiry] != ExpiryIgnored || ext["correlationid"] != "c" || ext[AttrPriority] != nil {
		t.Errorf("extensions %v", ext)
	}
	if e.Extensions()[AttrID] != nil {
		t.Error("the original is marked too")
	}
	if marked, err = (Mark{ID: "r-1", Of: at, Priority: intent.Normal}).On(&marked); err != nil || marked.Extensions()[AttrNot] != nil || marked.Extensions()[AttrPriority] != "normal" {
		t.Errorf("marked again: %v, %v", marked.Extensions(), err)
	}
}

func TestReadRefusesWhatNoReplayWrote(t *testing.T) {
	t.Attr("guards", "only bridge replay writes to the topic of replays")
	t.Parallel()
	for name, tt := range map[string]struct{ id, of, wantErr string }{
		"no id":       {"", "in/0@1", `replayid "" on the topic of replays`},
		"a wrong id":  {"Ünique", "in/0@1", "want a to z"},
		"no original": {"r1", "", "no replayof"},
	} {
		e := event.New()
		e.SetID("1")
		e.SetSource("/s")
		e.SetType("x")
		if tt.id != "" {
			e.SetExtension(AttrID, tt.id)
		}
		if tt.of != "" {
			e.SetExtension(AttrOf, tt.of)
		}
		if _, err := Read(&e); err == nil || !strings.Contains(err.Error(), tt.wantErr) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.wantErr)
		}
	}
}
