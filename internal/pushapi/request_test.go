package pushapi

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pushbridge/internal/audience"
	"pushbridge/internal/intent"
	"pushbridge/internal/pushapi/pushsim"
)

func TestEncode(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	attrs, err := audience.OfAllAttrs(map[string]string{"level": "gold", "city": "wuhan"})
	if err != nil {
		t.Fatal(err)
	}
	full := message(t, intent.Content{
		Sender: "shop", OnlineOnly: true, LifeTime: time.Hour,
		Elements: []intent.Element{intent.Text{Text: `5 < 6 & "7"`}, intent.Custom{Data: `{"a":1}`}},
		Offline:  &intent.Offline{Title: "t", APNs: json.RawMessage(`{"BadgeMode":1,"Newer":[1]}`)},
	})
	custom := message(t, intent.Content{Elements: []intent.Element{intent.Custom{Data: "x"}}})
	lookalike := saying(t, `"MsgType":"TIMCustomElem"`)
	other := message(t, intent.Content{Sender: "shop", Elements: []intent.Element{intent.Text{Text: "b"}}})
	a, b := saying(t, "a"), saying(t, "b")

	for name, tt := range map[string]struct {
		in      Request
		want    string
		wantErr string
	}{
		"tags": {
			in:   Request{Random: 4294967295, Audience: anyTag(t, "vip", "beta"), Messages: []intent.Message{a}},
			want: `{"MsgRandom":4294967295,"OnlineOnlyFlag":0,"Condition":{"TagsOr":["beta","vip"]},"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"a"}}]}`,
		},
		"everyone has no condition": {
			in:   Request{Audience: audience.All(), Messages: []intent.Message{a}},
			want: `{"MsgRandom":0,"OnlineOnlyFlag":0,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"a"}}]}`,
		},
		"all members, escaped once": {
			in: Request{Random: 7, Audience: attrs, Messages: []intent.Message{full}},
			want: `{"MsgRandom":7,"OnlineOnlyFlag":1,"From_Account":"shop","OfflinePushInfo":{"PushFlag":0,"Title":"t","ApnsInfo":{"BadgeMode":1,"Newer":[1]}},"MsgLifeTime":3600,` +
				`"Condition":{"AttrsAnd":{"city":"wuhan","level":"gold"}},"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"5 < 6 & \"7\""}},` +
				`{"MsgType":"TIMCustomElem","MsgContent":{"Data":"{\"a\":1}","Desc":"","Ext":"","Sound":""}}]}`,
		},
		"a digest keeps the order": {
			in: Request{Random: 1, Audience: anyTag(t, "x"), Messages: []intent.Message{b, a}},
			want: `{"MsgRandom":1,"OnlineOnlyFlag":0,"Condition":{"TagsOr":["x"]},"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"b"}},` +
				`{"MsgType":"TIMTextElem","MsgContent":{"Text":"a"}}]}`,
		},
		"one custom element and a text that looks like one": {
			in: Request{Random: 1, Audience: anyTag(t, "x"), Messages: []intent.Message{custom, lookalike}},
			want: `{"MsgRandom":1,"OnlineOnlyFlag":0,"Condition":{"TagsOr":["x"]},"MsgBody":[{"MsgType":"TIMCustomElem","MsgContent":{"Data":"x","Desc":"","Ext":"","Sound":""}},` +
				`{"MsgType":"TIMTextElem","MsgContent":{"Text":"\"MsgType\":\"TIMCustomElem\""}}]}`,
		},
		"nobody":              {in: Request{Messages: []intent.Message{a}}, wantErr: "the audience names nobody"},
		"no message":          {in: Request{Audience: audience.All()}, wantErr: "no message"},
		"empty message":       {in: Request{Audience: audience.All(), Messages: []intent.Message{a, {}}}, wantErr: "message 2 is empty"},
		"two envelopes":       {in: Request{Audience: audience.All(), Messages: []intent.Message{a, other}}, wantErr: "message 2: sender, flags or offline info differ"},
		"two custom elements": {in: Request{Audience: audience.All(), Messages: []intent.Message{custom, a, custom}}, wantErr: "2 custom elements in 3 messages, allowed 1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.in.Encode()
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("err = %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEncodeNamesExactlyTheAudience(t *testing.T) {
	t.Attr("promise", "exactly-the-right-people")
	t.Parallel()
	said := saying(t, "a")
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z<&"\\会]{1,8}`), 1, 10, rapid.ID[string]).Draw(t, "words")
		pairs := map[string]string{}
		for _, w := range words {
			pairs[w] = rapid.StringMatching(`[a-z"]{1,4}`).Draw(t, "value")
		}
		var a audience.Audience
		var err error
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			a = audience.All()
		case 1:
			a, err = audience.OfAnyTag(words...)
		case 2:
			a, err = audience.OfAllTags(words...)
		case 3:
			a, err = audience.OfAnyAttr(pairs)
		case 4:
			a, err = audience.OfAllAttrs(pairs)
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := Request{Audience: a, Messages: []intent.Message{said}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var wire map[string]json.RawMessage
		if err := json.Unmarshal(raw, &wire); err != nil {
			t.Fatal(err)
		}
		condition, present := wire["Condition"]
		if present == (a == audience.All()) {
			t.Fatalf("%v: condition %s", a, condition)
		}
		var back audience.Audience
		if present {
			if err := json.Unmarshal(condition, &back); err != nil || back != a {
				t.Fatalf("%v is sent as %s, which reads as %v (%v)", a, condition, back, err)
			}
		}
	})
}

// What rules and merging count with is what is sent.
func TestEncodeIsAsLargeAsCounted(t *testing.T) {
	t.Attr("guards", "requests stay under the API's size limit")
	t.Parallel()
	text := rapid.StringOfN(rapid.OneOf(rapid.SampledFrom([]rune("\x00\n\"\\<&\u2028會")), rapid.Rune()), 1, -1, audience.MaxBytes)
	rapid.Check(t, func(t *rapid.T) {
		content := intent.Content{
			Sender:     text.Draw(t, "sender"),
			OnlineOnly: rapid.Bool().Draw(t, "online only"),
			LifeTime:   time.Duration(rapid.IntRange(0, 604_800).Draw(t, "seconds")) * time.Second,
			Elements:   []intent.Element{intent.Text{Text: text.Draw(t, "text")}, intent.Custom{Data: text.Draw(t, "data")}},
		}
		if rapid.Bool().Draw(t, "offline") {
			content.Offline = &intent.Offline{Title: text.Draw(t, "title"), APNs: json.RawMessage(`{"BadgeMode":1}`)}
		}
		m, err := intent.NewMessage(content)
		if err != nil {
			t.Fatal(err)
		}
		words := rapid.SliceOfNDistinct(text, 1, 10, rapid.ID[string]).Draw(t, "words")
		pairs := map[string]string{}
		for _, w := range words {
			pairs[w] = text.Draw(t, "value")
		}
		tags, err := audience.OfAnyTag(words...)
		if err != nil {
			t.Fatal(err)
		}
		attrs, err := audience.OfAllAttrs(pairs)
		if err != nil {
			t.Fatal(err)
		}
		random := rapid.Uint32().Draw(t, "random")
		for _, a := range []audience.Audience{audience.All(), tags, attrs} {
			raw, err := Request{Random: random, Audience: a, Messages: []intent.Message{m}}.Encode()
			if err != nil {
				t.Fatal(err)
			}
			unused := len("4294967295") - len(strconv.FormatUint(uint64(random), 10))
			if n := m.RequestSize(a); n != len(raw)+unused || n > m.MaxRequestSize() {
				t.Fatalf("%d bytes, and %d digits fewer than the most: counted %d, at most %d: %s", len(raw), unused, n, m.MaxRequestSize(), raw)
			}
		}
	})
}

func TestPushSendsNothingTooLarge(t *testing.T) {
	t.Attr("guards", "requests stay under the API's size limit")
	t.Parallel()
	sim := simulator(t, pushsim.Config{})
	small, err := hello(t, 1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Config{URL: serve(t, sim), MaxRequestBytes: len(small)})
	if o := c.Push(t.Context(), hello(t, 1)); o.Class != ClassOK {
		t.Fatalf("%d bytes of %d: %v", len(small), len(small), o.Err)
	}
	o := c.Push(t.Context(), hello(t, 10)) // one more digit
	if o.Class != ClassReject || !errors.Is(o.Err, ErrTooLarge) || o.Sent || o.Counted {
		t.Errorf("one byte more: %+v", o)
	}
	if o := c.Push(t.Context(), Request{}); o.Class != ClassReject || o.Sent {
		t.Errorf("no request: %+v", o)
	}
	if n := len(sim.Calls()); n != 1 {
		t.Errorf("the API saw %d calls, want 1", n)
	}
}
