package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"pushbridge/internal/consume"
	"pushbridge/internal/offset"
)

// Whatever a stranger wrote is shown: as text where it is, without a sign that a
// terminal would obey, and byte for byte to who asks for that.
func TestShowLetterOfAnyBytes(t *testing.T) {
	t.Attr("promise", "explained")
	t.Parallel()
	binary := []byte{0xff, 0x00, 0x1b, '[', '2', 'J'}
	r := &consume.Record{
		Position: offset.Position{Partition: offset.Partition{Topic: "bridge.dlq", ID: 1}, Offset: 7},
		Time:     time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Key: []byte("k\x1b[2J"), Value: binary,
		Headers: []consume.Header{
			{Key: "trace", Value: binary}, {Key: "bridge_dlq_reason", Value: []byte("undecodable")}, {Key: "bridge_dlq_error", Value: []byte("no\x1bevent")},
			{Key: "bridge_dlq_topic", Value: []byte("in")}, {Key: "bridge_dlq_partition", Value: []byte("3")}, {Key: "bridge_dlq_offset", Value: []byte("42")},
		},
	}
	var text, raw, forPrograms bytes.Buffer
	for w, args := range map[*bytes.Buffer]struct {
		output string
		raw    bool
	}{&text: {"text", false}, &raw: {"text", true}, &forPrograms: {"json", false}} {
		if err := showLetter(w, r, args.output, args.raw); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"letter        1@7", "of            in/3@42", "reason        undecodable", "header trace  0xff001b5b324a", "6 bytes:\n00000000  ff 00 1b 5b 32 4a"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	if at := strings.IndexFunc(text.String(), func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); at >= 0 {
		t.Errorf("a control character: %q", text.String()[at:])
	}
	if !bytes.Equal(raw.Bytes(), binary) {
		t.Errorf("raw %q", &raw)
	}
	var got letterJSON
	if err := json.Unmarshal(forPrograms.Bytes(), &got); err != nil || got.Value.Base64 != "/wAbWzJK" || *got.Key.Text != "k\x1b[2J" || got.Of != "in/3@42" {
		t.Errorf("json %+v, %v", got, err)
	}
}
